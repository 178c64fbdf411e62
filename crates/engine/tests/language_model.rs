//! The language model against recorded runs of Kyutai's code.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use std::collections::HashMap;

use candle_core::Device;
use candle_core::quantized::gguf_file;
use common::{Recording, config, difference, path};
use engine::{
    Backend, CacheFormat, Cpu, CpuOptions, Generator, Input, LmConfig, Picked, Reference, Request, Sampling,
    TextRule, Trace,
};

/// Everything that computes such a model, each with every number as exact as it can.
fn backends(weights: &str, config: &LmConfig) -> Vec<Box<dyn Backend>> {
    let mut all: Vec<Box<dyn Backend>> =
        vec![Box::new(Cpu::load(&path(weights), config.clone(), CpuOptions::EXACT).unwrap())];
    // Kyutai's crate rounds what goes into quantized layers, which the recordings do not.
    if !weights.ends_with(".gguf") {
        all.push(Box::new(Reference::load(&path(weights), config.clone()).unwrap()));
    }
    all
}

/// Runs the generator over the recorded codes and compares all that it says.
#[track_caller]
fn assert_says(config: LmConfig, weights: &str, recording: &str, forced: bool) {
    let recording = Recording::open(recording);
    let (heard, expected) = (recording.codes("user_codes"), recording.tokens("out_tokens"));
    let forced = if forced { recording.ids("forced_text") } else { vec![None; heard.len()] };
    for mut generator in backends(weights, &config).into_iter().map(Generator::new) {
        // Twice, because nothing of one conversation may be left in the next.
        for conversation in 1..=2 {
            generator.reset(Sampling::GREEDY, conversation);
            for (step, ((heard, expected), forced)) in heard.iter().zip(&expected).zip(&forced).enumerate() {
                let rule = forced.map_or(TextRule::FREE, TextRule::force);
                let said = generator.step(heard, rule).unwrap();
                let found: Vec<_> = match said {
                    Some(said) => [said.text].into_iter().chain(said.codes).map(Some).collect(),
                    None => vec![None; expected.len()],
                };
                assert_eq!(&found, expected, "conversation {conversation}, step {step}");
            }
            assert_eq!(generator.steps(), heard.len() as u64);
        }
    }
}

/// One step with everything given, and the numbers behind it.
fn numbers(
    lm: &mut dyn Backend,
    input: &[Option<u32>],
    text: Option<u32>,
    audio: &[Option<u32>],
) -> (Picked, Trace) {
    let text = text.map_or(TextRule::FREE, TextRule::force);
    let request =
        Request { text, audio, trace: true, ..Request::free(Input::Tokens(input), Sampling::GREEDY) };
    let mut picked = lm.step(&request).unwrap();
    let trace = picked.trace.take().unwrap();
    (picked, trace)
}

/// Feeds the recorded inputs, so that each step stands for itself, and compares all numbers.
/// Returns the largest difference of the logits.
fn teacher_forced(config: LmConfig, weights: &str, recording: &str) -> f32 {
    let recording = Recording::open(recording);
    let codebooks = config.generated_codebooks();
    let inputs = recording.tokens("model_input");
    let text_logits = recording.rows("text_logits");
    let hidden = recording.rows("transformer_out");
    let (texts, audio) = match codebooks {
        0 => (Vec::new(), Vec::new()),
        _ => (recording.ids("gen_text"), recording.codes("gen_audio")),
    };
    let audio_logits = if codebooks == 0 { Vec::new() } else { recording.blocks("audio_logits") };
    let mut worst = 0_f32;
    for mut lm in backends(weights, &config) {
        for (i, input) in inputs.iter().enumerate() {
            let text = texts.get(i).copied().flatten();
            let forced: Vec<_> = audio.get(i).into_iter().flatten().copied().map(Some).collect();
            let trace = numbers(&mut *lm, input, text, &forced).1;
            worst = worst.max(difference(&trace.hidden, &hidden[i]));
            worst = worst.max(difference(&trace.text_logits, &text_logits[i]));
            assert_eq!(trace.audio_logits.len(), codebooks);
            for (found, expected) in trace.audio_logits.iter().zip(audio_logits.get(i).into_iter().flatten())
            {
                worst = worst.max(difference(found, expected));
            }
        }
    }
    worst
}

#[test]
fn it_says_what_kyutais_code_says() {
    assert_says(
        config("lm_7bshape_config.json"),
        "lm_7bshape_weights.safetensors",
        "lm_7bshape_greedy.safetensors",
        false,
    );
}

#[test]
fn it_says_so_with_an_acoustic_delay_of_two() {
    let mut config = config("lm_7bshape_config.json");
    config.delays = [0, 0, 2, 2, 2, 2, 2, 2, 2, 0, 2, 2, 2, 2, 2, 2, 2].to_vec();
    assert_says(config, "lm_7bshape_weights.safetensors", "lm_7bshape_delay2_greedy.safetensors", false);
}

#[test]
fn words_can_be_put_into_its_mouth() {
    assert_says(
        config("lm_7bshape_config.json"),
        "lm_7bshape_weights.safetensors",
        "lm_7bshape_forced.safetensors",
        true,
    );
}

#[test]
fn its_numbers_are_those_of_kyutais_code() {
    for recording in ["greedy", "delay2_greedy", "forced"] {
        let worst = teacher_forced(
            config("lm_7bshape_config.json"),
            "lm_7bshape_weights.safetensors",
            &format!("lm_7bshape_{recording}.safetensors"),
        );
        println!("{recording}: largest difference {worst:e}");
        assert!(worst < 1e-3, "{recording}: {worst}");
    }
}

/// The quantized weights, made into numbers again and stored under the same names: those of Kyutai's Rust crate.
#[test]
fn the_names_of_kyutais_rust_crate_are_read() {
    let mut file = std::fs::File::open(path("lm_7bshape_q8_0.gguf")).unwrap();
    let content = gguf_file::Content::read(&mut file).unwrap();
    let tensors: HashMap<_, _> = content
        .tensor_infos
        .keys()
        .map(|name| {
            let tensor = content.tensor(&mut file, name, &Device::Cpu).unwrap();
            (name.clone(), tensor.dequantize(&Device::Cpu).unwrap())
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("model.safetensors");
    candle_core::safetensors::save(&tensors, &weights).unwrap();

    let config = config("lm_7bshape_config.json");
    let weights = weights.to_str().unwrap();
    let recording = "lm_7bshape_q8_0_dequant_greedy.safetensors";
    assert_says(config.clone(), weights, recording, false);
    let worst = teacher_forced(config, weights, recording);
    assert!(worst < 1e-3, "{worst}");
}

#[test]
fn quantized_weights_are_what_they_stand_for() {
    for format in ["q8_0", "q4_0"] {
        let config = config("lm_7bshape_config.json");
        let weights = format!("lm_7bshape_{format}.gguf");
        let recording = format!("lm_7bshape_{format}_dequant_greedy.safetensors");
        assert_says(config.clone(), &weights, &recording, false);
        let worst = teacher_forced(config, &weights, &recording);
        println!("{format}: largest difference {worst:e}");
        assert!(worst < 1e-3, "{format}: {worst}");
    }
}

/// Steps that are taken at once leave the model where it would be if they had been taken one by one, also where the
/// ring of what is remembered comes to its end among them.
#[test]
fn many_steps_at_once_are_as_good_as_one_by_one() {
    let recording = Recording::open("lm_7bshape_greedy.safetensors");
    let (inputs, expected) = (recording.tokens("model_input"), recording.rows("text_logits"));
    for mut lm in backends("lm_7bshape_weights.safetensors", &config("lm_7bshape_config.json")) {
        for first in [0, 1, 15, 16, 17, 23, 24, 25, 40, 79] {
            lm.reset(0);
            let before: Vec<_> = inputs[..first].iter().map(|input| Input::Tokens(input)).collect();
            lm.prefill(&before).unwrap();
            for (input, expected) in inputs.iter().zip(&expected).skip(first).take(3) {
                let worst = difference(&numbers(&mut *lm, input, None, &[]).1.text_logits, expected);
                assert!(worst < 1e-3, "after {first}: {worst}");
            }
        }
    }
}

/// What costs exactness for speed: how far each way is from the recording, beside the format's own error.
#[test]
fn rounded_numbers_are_close_to_exact_ones() {
    let recording = Recording::open("lm_7bshape_q8_0_dequant_greedy.safetensors");
    let (inputs, expected) = (recording.tokens("model_input"), recording.rows("text_logits"));
    for (name, options, most) in [
        ("cache in 16 bits", CpuOptions { cache: CacheFormat::F16, ..CpuOptions::EXACT }, 0.002),
        ("cache in 8 bits", CpuOptions { cache: CacheFormat::Q8, ..CpuOptions::EXACT }, 0.02),
        ("activations in 8 bits", CpuOptions { exact: false, ..CpuOptions::EXACT }, 0.05),
        ("as it runs", CpuOptions::default(), 0.05),
    ] {
        let mut lm =
            Cpu::load(&path("lm_7bshape_q8_0.gguf"), config("lm_7bshape_config.json"), options).unwrap();
        let (mut error, mut power) = (0.0, 0.0);
        for (input, expected) in inputs.iter().zip(&expected) {
            let trace = numbers(&mut lm, input, None, &[]).1;
            error += trace.text_logits.iter().zip(expected).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
            power += expected.iter().map(|logit| logit.powi(2)).sum::<f32>();
        }
        let relative = (error / power).sqrt();
        println!("{name}: relative error {relative}");
        assert!(relative < most, "{name}: {relative}");
        assert!(relative > 1e-7, "{name} changes nothing at all");
    }
}

#[test]
fn kyutais_crate_is_close_to_quantized_weights() {
    let config = config("lm_7bshape_config.json");
    let recording = Recording::open("lm_7bshape_q8_0_dequant_greedy.safetensors");
    let mut lm = Reference::load(&path("lm_7bshape_q8_0.gguf"), config).unwrap();
    let (mut error, mut power) = (0.0, 0.0);
    for (input, expected) in recording.tokens("model_input").iter().zip(recording.rows("text_logits")) {
        let step = numbers(&mut lm, input, None, &[]).1;
        for (found, expected) in step.text_logits.iter().zip(&expected) {
            error += (found - expected).powi(2);
            power += expected.powi(2);
        }
    }
    let relative = (error / power).sqrt();
    println!("q8_0: relative error {relative}");
    // candle rounds what goes into a quantized layer to eight bits, too; the recording does not.
    assert!(relative < 0.05, "{relative}");
}

#[test]
fn a_model_without_a_voice_works_and_bfloat16_is_read() {
    let recording = Recording::open("stt_tiny_greedy.safetensors");
    let worst = teacher_forced(
        config("stt_tiny_config.json"),
        "stt_tiny_weights.safetensors",
        "stt_tiny_greedy.safetensors",
    );
    assert!(worst < 1e-3, "{worst}");

    let backends = || backends("stt_tiny_weights.safetensors", &config("stt_tiny_config.json"));
    for mut generator in backends().into_iter().map(Generator::new) {
        generator.reset(Sampling::GREEDY, 0);
        for (heard, expected) in recording.codes("input_codes").iter().zip(recording.codes("out_tokens")) {
            let said = generator.step(heard, TextRule::FREE).unwrap().unwrap();
            assert_eq!((vec![said.text], said.codes), (expected, vec![]));
        }
    }
    let expected = recording.blocks("extra_heads_prob");
    for mut lm in backends() {
        for (input, expected) in recording.tokens("model_input").iter().zip(&expected) {
            let picked = numbers(&mut *lm, input, None, &[]).0;
            assert_eq!(picked.extra_heads.len(), expected.len());
            for (found, expected) in picked.extra_heads.iter().zip(expected) {
                assert!(difference(found, expected) < 1e-4);
            }
        }
    }
}

/// Kyutai's own test model: shared and low-rank depformer weights, LayerNorm, sinusoidal positions, uneven delays.
#[test]
fn kyutais_own_test_passes() {
    let json = br#"{"delays":[0,1,2,4],"n_q":3,"dep_q":3,"card":32,"text_card":48,"dim":16,"num_layers":2,
        "num_heads":1,"hidden_scale":1,"context":4,"gating":"none","norm":"layer_norm","positional_embedding":"sin",
        "depformer_dim":16,"depformer_num_heads":1,"depformer_num_layers":2,"depformer_multi_linear":true,
        "depformer_weights_per_step":true,"depformer_weights_per_step_schedule":[0,1,1],
        "depformer_low_rank_embeddings":8,"depformer_gating":"silu","depformer_pos_emb":"sin"}"#;
    let (config, _) = LmConfig::parse(json, std::path::Path::new("config.json")).unwrap();
    let delays = config.delays.clone();
    let codes: Vec<Vec<Vec<i64>>> =
        Recording::open("kyutai_test_lm_codes.safetensors").tensor("codes").to_vec3().unwrap();
    let out = Recording::open("kyutai_test_lm_out.safetensors");
    let logits: Vec<Vec<Vec<Vec<f32>>>> =
        (0..3).map(|batch| out.tensor("logits").get(batch).unwrap().to_vec3().unwrap()).collect();
    let text: Vec<Vec<Vec<f32>>> = out.tensor("text_logits").squeeze(1).unwrap().to_vec3().unwrap();

    for mut lm in backends("kyutai_test_lm_model.safetensors", &config) {
        let (mut worst, mut compared) = (0_f32, 0);
        for batch in 0..3 {
            lm.reset(0);
            // What stands in a stream at a step: delayed, with start tokens in front; -1 is nothing.
            let token = |stream: usize, step: usize| match step.checked_sub(delays[stream]) {
                Some(at) => u32::try_from(codes[batch][stream][at]).ok(),
                None => Some(if stream == 0 { 48 } else { 32 }),
            };
            for (at, text) in text[batch].iter().enumerate() {
                let input: Vec<_> = (0..4)
                    .map(|stream| match at {
                        0 => Some(if stream == 0 { 48 } else { 32 }),
                        _ => token(stream, at - 1),
                    })
                    .collect();
                let forced: Vec<_> = (1..3).map(|stream| token(stream, at)).collect();
                let trace = numbers(&mut *lm, &input, token(0, at), &forced).1;
                worst = worst.max(difference(&trace.text_logits, text));
                for (codebook, found) in trace.audio_logits.iter().enumerate() {
                    let Some(undelayed) = at.checked_sub(delays[1 + codebook]) else { continue };
                    let expected = &logits[batch][codebook][undelayed];
                    // Where the recording has nothing to compare.
                    if !expected[0].is_nan() {
                        worst = worst.max(difference(found, expected));
                        compared += 1;
                    }
                }
            }
        }
        println!("largest difference {worst:e}");
        assert_eq!(compared, 3 * (6 + 5 + 3));
        assert!(worst < 1e-4, "{worst}");
    }
}

#[test]
fn input_that_the_model_can_not_take_is_refused() {
    let code = |error: engine::Error| error.code();
    for lm in backends("lm_7bshape_weights.safetensors", &config("lm_7bshape_config.json")) {
        let mut generator = Generator::new(lm);
        assert_eq!(generator.step(&[0; 7], TextRule::FREE).map_err(code), Err("engine.input"));
        generator.reset(Sampling::GREEDY, 0);
        generator.step(&[64; 8], TextRule::FREE).unwrap();
        let later =
            (0..3).map(|_| generator.step(&[65; 8], TextRule::FREE).map_err(code)).find(Result::is_err);
        assert_eq!(later, Some(Err("engine.input")), "a code outside of its codebook");
        generator.reset(Sampling::GREEDY, 0);
        let later =
            (0..3).map(|_| generator.step(&[0; 8], TextRule::force(97)).map_err(code)).find(Result::is_err);
        assert_eq!(later, Some(Err("engine.input")), "a text token outside of its vocabulary");
    }
}

#[test]
fn numbers_that_are_none_are_noticed_and_not_spoken() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("model.safetensors");
    for (model, name) in [
        ("lm_7bshape", "transformer.layers.1.self_attn.out_proj.weight"),
        ("lm_7bshape", "depformer.layers.1.gating.5.linear_in.weight"),
        // Without a voice there is only text to look at.
        ("stt_tiny", "transformer.layers.1.self_attn.out_proj.weight"),
    ] {
        let config = config(&format!("{model}_config.json"));
        let weights = path(&format!("{model}_weights.safetensors"));
        let whole = candle_core::safetensors::load(weights, &Device::Cpu).unwrap();
        for number in [f32::NAN, f32::INFINITY] {
            let mut tensors = whole.clone();
            let numbers = whole[name].to_dtype(candle_core::DType::F32).unwrap();
            let mut numbers: Vec<f32> = numbers.flatten_all().unwrap().to_vec1().unwrap();
            numbers[70] = number;
            let damaged = candle_core::Tensor::from_vec(numbers, whole[name].shape(), &Device::Cpu).unwrap();
            tensors.insert(name.into(), damaged);
            candle_core::safetensors::save(&tensors, &broken).unwrap();
            for options in [CpuOptions::EXACT, CpuOptions::default()] {
                let lm = Cpu::load(&broken, config.clone(), options).unwrap();
                let heard = vec![0; config.heard_codebooks()];
                let error = Generator::new(Box::new(lm)).step(&heard, TextRule::FREE).unwrap_err();
                assert_eq!(error.code(), "engine.not_finite", "{model} {name} {number}: {error}");
            }
        }
    }
}

#[test]
fn weights_of_another_model_are_named() {
    let load = |weights: &str, config: LmConfig| {
        let error = Cpu::load(&path(weights), config, CpuOptions::default()).map(|_| ()).unwrap_err();
        (error.code(), error.to_string())
    };
    let mut deeper = config("lm_7bshape_config.json");
    deeper.transformer.num_layers = 4;
    let (code, sentence) = load("lm_7bshape_weights.safetensors", deeper.clone());
    assert_eq!(code, "engine.missing_tensor", "{sentence}");
    assert!(sentence.contains("transformer.layers.3."), "{sentence}");
    assert_eq!(load("lm_7bshape_q8_0.gguf", deeper).0, "engine.missing_tensor");
    let mut wider = config("lm_7bshape_config.json");
    wider.text_vocabulary_out = 97;
    let (code, sentence) = load("lm_7bshape_weights.safetensors", wider);
    assert_eq!(code, "engine.tensor_shape", "{sentence}");
    assert!(sentence.contains("text_linear.weight has shape [96, 64]"), "{sentence}");
    assert_eq!(load("nowhere.safetensors", config("lm_7bshape_config.json")).0, "engine.missing_file");
    assert_eq!(load("nowhere.gguf", config("lm_7bshape_config.json")).0, "engine.missing_file");
}
