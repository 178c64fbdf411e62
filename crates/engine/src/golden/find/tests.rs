//! Names of files, and what they come to.

use super::*;

fn sort(names: &[&str]) -> Found {
    cases(&names.iter().map(|&name| name.to_owned()).collect())
}

/// The cases by their files, and what else there is.
fn sorted(names: &[&str]) -> (Vec<String>, Vec<String>, Vec<String>) {
    let Found { cases, missing, others } = sort(names);
    let cases = cases.iter().map(|case| case.file().to_owned()).collect();
    (cases, missing.into_iter().map(|(file, _)| file).collect(), others)
}

#[test]
fn files_of_a_model_are_found_by_its_name() {
    let names = [
        "lm_a_config.json",
        "lm_a_weights.safetensors",
        "lm_a_greedy.safetensors",
        "lm_a_delay3_forced.safetensors",
        "lm_a_delay3_forced.json",
        "lm_a_b_config.json",
        "lm_a_b_greedy.safetensors",
        "lm_a_b_q8_0.gguf",
        "lm_a_b_q8_0_dequant_greedy.safetensors",
        "stt_c_config.json",
        "stt_c_greedy.safetensors",
    ];
    let found = sort(&names);
    assert!(found.missing.is_empty() && found.others.is_empty(), "{found:?}");
    let lm = |model: &str, end: &str| LmCase {
        config: format!("{model}_config.json"),
        weights: format!("{model}_weights.safetensors"),
        recording: format!("{model}_{end}"),
        heard: "user_codes",
        delay: None,
        forced: false,
        quantized: false,
    };
    let expected = [
        Case::Words(WordsCase {
            list: "lm_a_delay3_forced.json".into(),
            recording: "lm_a_delay3_forced.safetensors".into(),
        }),
        Case::Lm(LmCase { delay: Some(3), forced: true, ..lm("lm_a", "delay3_forced.safetensors") }),
        Case::Lm(lm("lm_a", "greedy.safetensors")),
        Case::Lm(lm("lm_a_b", "greedy.safetensors")),
        Case::Lm(LmCase {
            weights: "lm_a_b_q8_0.gguf".into(),
            quantized: true,
            ..lm("lm_a_b", "q8_0_dequant_greedy.safetensors")
        }),
        Case::Lm(LmCase { heard: "input_codes", ..lm("stt_c", "greedy.safetensors") }),
    ];
    assert_eq!(found.cases, expected);
}

#[test]
fn codecs_are_used_in_different_ways() {
    let names = [
        "mimi_a_config.json",
        "mimi_a_io.safetensors",
        "mimi_a_io_ctx100.safetensors",
        "mimi_a_io_ctxt.safetensors",
        "mimi_a_io_personaplex.safetensors",
    ];
    let found = sort(&names);
    let case = |end: &str, context: Option<usize>, personaplex: bool| {
        Case::Codec(CodecCase {
            config: "mimi_a_config.json".into(),
            weights: "mimi_a_weights.safetensors".into(),
            recording: format!("mimi_a_{end}.safetensors"),
            sound: personaplex.then(|| "mimi_a_io.safetensors".into()),
            context,
            personaplex,
        })
    };
    let expected =
        [case("io", None, false), case("io_ctx100", Some(100), false), case("io_personaplex", None, true)];
    assert_eq!(found.cases, expected);
    assert_eq!(found.others, ["mimi_a_io_ctxt.safetensors"]);
}

#[test]
fn what_is_not_there_is_missed() {
    let (cases, missing, others) = sorted(&["lm_a_config.json", "lm_a_q4_0.gguf", "mimi_a_config.json"]);
    assert!(cases.is_empty() && others.is_empty());
    let expected =
        ["lm_a_greedy.safetensors", "lm_a_q4_0_dequant_greedy.safetensors", "mimi_a_io.safetensors"];
    assert_eq!(missing, expected);
    let alone = ["lm_a_greedy.safetensors", "stt_a_weights.safetensors", "mimi_a_io_ctx250.safetensors"];
    let (cases, missing, _) = sorted(&alone);
    assert!(cases.is_empty());
    assert_eq!(missing, alone);
    let (cases, missing, _) = sorted(&["lm_a_config.json", "lm_a_forced.safetensors"]);
    assert_eq!((cases, missing), (vec!["lm_a_forced.safetensors".into()], vec!["lm_a_forced.json".into()]));
    let (cases, missing, _) = sorted(&["kyutai_test_lm_out.safetensors", "personaplex_run_wav.safetensors"]);
    assert_eq!(cases, ["personaplex_run_wav.safetensors", "kyutai_test_lm_out.safetensors"]);
    assert_eq!(missing.len(), 6 + 2);
}

#[test]
fn what_is_no_recording_is_left_alone() {
    let names = ["README.md", "a.txt", "lm_", "lm_config.json", "lm_a.json", "manifest.json", "mimi_x"];
    let (cases, missing, others) = sorted(&names);
    assert!(cases.is_empty() && missing.is_empty());
    assert_eq!(others, ["a.txt", "lm_", "lm_a.json", "lm_config.json", "mimi_x"]);
}

#[test]
fn a_conversation_is_one_of_the_usual_models() {
    let of = |names: &[&str]| match &*sort(names).cases {
        [.., Case::EndToEnd(case)] => (case.lm.clone(), case.codec.clone()),
        other => panic!("{other:?}"),
    };
    let files = |model: &str| Some((format!("{model}_config.json"), format!("{model}_weights.safetensors")));
    let names = ["e2e_x_io.safetensors", "lm_2_config.json", "lm_7bshape_config.json", "mimi_a_config.json"];
    assert_eq!(of(&names), (files("lm_7bshape"), files("mimi_a")));
    assert_eq!(of(&["e2e_x_io.safetensors", "lm_2_config.json"]), (files("lm_2"), None));
}
