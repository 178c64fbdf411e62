//! Whole folders of recordings: what agrees, what does not, and what is wrong with the folder.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use engine::golden::{GoldenReport, run};
use proptest::prelude::*;
use tempfile::TempDir;

const LM: [&str; 2] = ["lm_7bshape_config.json", "lm_7bshape_weights.safetensors"];
const STT: [&str; 3] =
    ["stt_tiny_config.json", "stt_tiny_weights.safetensors", "stt_tiny_greedy.safetensors"];

/// SHA-256 of the last of them, as `sha256sum` prints it.
const STT_HASH: &str = "b7bce183f35e2bbbf80c59addfffc2c4ce07c3dca04bbe73ed52450828ec1ee8"; // secret-scan:allow hash of a file

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A folder with copies of these files.
fn folder_with(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        fs::copy(golden().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn report(folder: &Path) -> GoldenReport {
    run(folder, |_| {}).unwrap()
}

/// File and part of all lines that are not as they should be.
fn wrong(report: &GoldenReport) -> Vec<(&str, &str)> {
    let wrong = report.lines.iter().filter(|line| line.ok == Some(false));
    wrong.map(|line| (line.file.as_str(), line.what.as_str())).collect()
}

/// Why a file could not be compared.
#[track_caller]
fn reason<'a>(report: &'a GoldenReport, file: &str) -> &'a str {
    let line = report.lines.iter().find(|line| line.file == file && line.ok == Some(false)).unwrap();
    line.reason.as_deref().unwrap()
}

/// Changes one entry of a tensor of entries of `N` bytes.
fn change<const N: usize>(path: &Path, tensor: &str, entry: usize, change: impl Fn([u8; N]) -> [u8; N]) {
    let mut bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let head: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let start = head[tensor]["data_offsets"][0].as_u64().unwrap() as usize;
    let at = 8 + length + start + entry * N;
    let changed = change(bytes[at..at + N].try_into().unwrap());
    bytes[at..at + N].copy_from_slice(&changed);
    fs::write(path, bytes).unwrap();
}

/// Replaces words in a file, the head of a recording among others.
fn replace(path: &Path, from: &str, to: &str) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    bytes.splice(at..at + from.len(), to.bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn all_recordings_agree() {
    let report = report(&golden());
    assert_eq!(wrong(&report), []);
    assert!(report.ok());
    let mut files: Vec<&str> = report.lines.iter().map(|line| line.file.as_str()).collect();
    files.dedup();
    let expected = [
        "lm_7bshape_delay2_greedy.safetensors",
        "lm_7bshape_forced.json",
        "lm_7bshape_forced.safetensors",
        "lm_7bshape_greedy.safetensors",
        "lm_7bshape_q4_0_dequant_greedy.safetensors",
        "lm_7bshape_q8_0_dequant_greedy.safetensors",
        "stt_tiny_greedy.safetensors",
        "mimi_small_io.safetensors",
        "mimi_small_io_ctx250.safetensors",
        "mimi_small_io_personaplex.safetensors",
        "e2e_moshi_io.safetensors",
        "personaplex_prompt.json",
        "personaplex_run_wav.safetensors",
        "personaplex_run_embeddings.safetensors",
        "kyutai_test_lm_out.safetensors",
    ];
    assert_eq!(files, expected);
    let others = [
        "personaplex_voice.pt",
        "personaplex_voice_legacy.pt",
        "personaplex_voice_views.pt",
        "spm_bpe.model",
        "spm_runs.json",
        "spm_unigram.model",
    ];
    assert_eq!(report.others, others);
    for line in &report.lines {
        // Quantized weights as they run are near, and not judged.
        let near = line.what.starts_with("as it runs");
        assert_eq!(line.ok, (!near).then_some(true), "{line:?}");
        assert_eq!(line.relative_error.is_some_and(|error| (1e-7..0.05).contains(&error)), near, "{line:?}");
        assert!(line.count > 0 && (near || line.agreed == line.count), "{line:?}");
    }
}

#[test]
fn what_is_another_number_is_found_and_nothing_else() {
    let names: Vec<String> = fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let folder = folder_with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let of = |name: &str| folder.path().join(name);
    // The 40th call, the third token.
    change(&of("lm_7bshape_greedy.safetensors"), "out_tokens", 40 * 9 + 2, |token| {
        (i64::from_le_bytes(token) ^ 1).to_le_bytes()
    });
    // The tenth call.
    change(&of("stt_tiny_greedy.safetensors"), "text_logits", 10 * 72 + 5, |logit| {
        (f32::from_le_bytes(logit) + 0.002).to_le_bytes()
    });
    let report = report(folder.path());
    let expected = [
        ("lm_7bshape_greedy.safetensors", "free run: out_tokens"),
        ("stt_tiny_greedy.safetensors", "given inputs: text_logits"),
    ];
    assert_eq!(wrong(&report), expected);
    assert!(!report.ok());
    let line = |what: (&str, &str)| {
        report.lines.iter().find(|line| (line.file.as_str(), line.what.as_str()) == what).unwrap()
    };
    let [tokens, logits] = expected.map(line);
    assert_eq!((tokens.agreed, tokens.count, tokens.largest_difference), (79, 80, None));
    assert_eq!((logits.agreed, logits.count, logits.tolerance), (69, 70, Some(1e-3)));
    assert!(
        logits.largest_difference.is_some_and(|largest| (0.0019..0.0021).contains(&largest)),
        "{logits:?}"
    );
}

#[test]
fn what_belongs_together_is_missed() {
    let (recording, list) = ("lm_7bshape_forced.safetensors", "lm_7bshape_forced.json");
    let (weights, dequantized) = ("lm_7bshape_q8_0.gguf", "lm_7bshape_q8_0_dequant_greedy.safetensors");
    let folder = folder_with(&[&LM[..], &[recording, weights]].concat());
    let found = report(folder.path());
    assert_eq!(wrong(&found), [(list, "file"), (dequantized, "file")]);
    assert!(found.lines.iter().any(|line| line.file == recording && line.ok == Some(true)));
    assert!(reason(&found, list).starts_with("It is missing"));

    let folder = folder_with(&[&STT[..1], &STT[2..]].concat());
    let found = report(folder.path());
    assert_eq!(wrong(&found), [(STT[2], "file")]);
    assert!(reason(&found, STT[2]).contains("stt_tiny_weights.safetensors is missing"), "{found:?}");

    let folder = folder_with(&STT[1..]);
    let found = report(folder.path());
    assert_eq!(wrong(&found), [(STT[2], "file"), (STT[1], "file")]);

    let folder = folder_with(&["README.md"]);
    let found = report(folder.path());
    assert!(found.lines.is_empty() && !found.ok(), "nothing was compared");
    assert_eq!(run(Path::new("nowhere"), |_| {}).unwrap_err().code(), "engine.missing_file");
}

#[test]
fn what_is_damaged_is_told_and_the_others_are_compared() {
    let names = ["lm_7bshape_greedy.safetensors", "lm_7bshape_delay2_greedy.safetensors"];
    let folder = folder_with(&[&LM[..], &STT[..], &names].concat());
    let of = |name: &str| folder.path().join(name);
    let cut = fs::read(of(names[0])).unwrap();
    fs::write(of(names[0]), &cut[..cut.len() - 1]).unwrap();
    // The logits of the text, the other way round; and a tensor under another name.
    replace(&of(names[1]), "[80,96]", "[96,80]");
    replace(&of(names[1]), "\"out_tokens\"", "\"not_tokens\"");
    let found = report(folder.path());
    let expected =
        [(names[1], "given inputs: text_logits"), (names[1], "free run: out_tokens"), (names[0], "file")];
    assert_eq!(wrong(&found), expected);
    assert!(reason(&found, names[0]).contains("1 bytes are missing"), "{found:?}");
    assert!(reason(&found, names[1]).contains("text_logits has shape [96, 80], the model asks for [80, 96]"));
    let agree = found.lines.iter().filter(|line| line.file == STT[2]);
    assert!(agree.clone().count() > 4 && agree.clone().all(|line| line.ok == Some(true)));
}

#[test]
fn tokens_that_can_not_be_end_a_run_and_nothing_else() {
    let name = "lm_7bshape_greedy.safetensors";
    let folder = folder_with(&[&LM[..], &[name]].concat());
    change(&folder.path().join(name), "user_codes", 8 * 20, |_| 65_i64.to_le_bytes());
    let found = report(folder.path());
    let parts =
        ["out_tokens", "model_input", "gen_text", "gen_audio"].map(|part| format!("free run: {part}"));
    let expected: Vec<_> =
        parts.iter().map(String::as_str).chain(["free run"]).map(|part| (name, part)).collect();
    assert_eq!(wrong(&found), expected, "steps that get what was recorded do not depend on it");
    let line = found.lines.iter().find(|line| line.what == expected[0].1).unwrap();
    assert_eq!((line.agreed, line.count), (20, 80));
}

#[test]
fn a_manifest_is_held_against_the_folder() {
    let folder = folder_with(&STT);
    let bytes = fs::metadata(golden().join(STT[2])).unwrap().len();
    let manifest = |bytes: u64, hash: &str| {
        let json = format!(r#"{{"files":{{"{}":{{"bytes":{bytes}{hash}}}}}}}"#, STT[2]);
        fs::write(folder.path().join("manifest.json"), json).unwrap();
        report(folder.path())
    };
    let found = manifest(bytes, "");
    assert!(found.ok(), "{found:?}");
    let found = manifest(bytes, &format!(r#","sha256":"{STT_HASH}""#));
    assert!(found.ok(), "{found:?}");
    let found = manifest(bytes + 1, "");
    assert_eq!(wrong(&found), [(STT[2], "file"), ("manifest.json", "files")]);
    let found = manifest(bytes, r#","sha256":"00""#);
    assert_eq!(wrong(&found), [(STT[2], "file"), ("manifest.json", "files")]);
    assert!(reason(&found, STT[2]).starts_with("Its SHA-256"), "{found:?}");
    fs::remove_file(folder.path().join(STT[2])).unwrap();
    let found = manifest(bytes, "");
    assert!(reason(&found, STT[2]).starts_with("It is missing"), "{found:?}");
    fs::write(folder.path().join("manifest.json"), "[]").unwrap();
    assert!(wrong(&report(folder.path())).contains(&("manifest.json", "file")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Most of the bytes that decide lie at the beginning.
    #[test]
    fn any_byte_may_be_another_one(file in 0_usize..3, at in 0_usize..1100, byte in any::<u8>()) {
        let folder = folder_with(&STT);
        let path = folder.path().join(STT[file]);
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] = byte;
        fs::write(&path, bytes).unwrap();
        prop_assert!(!report(folder.path()).lines.is_empty());
    }
}
