//! The codec, and the whole way from sound to sound, against recorded runs of Kyutai's code.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use common::{Recording, config, difference, path};
use engine::codec::{FRAME, load_codec, load_codec_for};
use engine::{Cpu, CpuOptions, Generator, Sampling, TextRule};

fn small(codebooks: usize, context: Option<usize>) -> (engine::Encoder, engine::Decoder) {
    let mut config = path("mimi_small_config.json");
    let folder = tempfile::tempdir().unwrap();
    if let Some(context) = context {
        let json = std::fs::read_to_string(&config).unwrap();
        config = folder.path().join("mimi.json");
        std::fs::write(&config, json.replace("\"context\": 20", &format!("\"context\": {context}"))).unwrap();
    }
    load_codec(&path("mimi_small_weights.safetensors"), Some(&config), codebooks).unwrap()
}

/// Encodes and decodes frame by frame, as a conversation does.
#[track_caller]
fn assert_like(recording: &str, context: Option<usize>, codebooks: usize, codes: &str, pcm: &str) {
    assert_says(small(codebooks, context), recording, codes, pcm);
}

#[track_caller]
fn assert_says(codec: (engine::Encoder, engine::Decoder), recording: &str, codes: &str, pcm: &str) {
    let (mut encoder, mut decoder) = codec;
    // All of these recordings are of the same sound.
    let input = Recording::open("mimi_small_io.safetensors").floats("input_pcm");
    let recording = Recording::open(recording);
    let (codes, pcm) = (recording.codes(codes), recording.floats(pcm));
    for conversation in 1..=2 {
        encoder.reset();
        decoder.reset();
        for (i, frame) in input.chunks_exact(FRAME).enumerate() {
            assert_eq!(encoder.encode(frame).unwrap(), codes[i], "conversation {conversation}, frame {i}");
            let worst = difference(&decoder.decode(&codes[i]).unwrap(), &pcm[i * FRAME..][..FRAME]);
            assert!(worst < 1e-5, "conversation {conversation}, frame {i}: {worst}");
        }
    }
}

#[test]
fn eight_codebooks_are_those_of_kyutais_code() {
    assert_like("mimi_small_io_ctx250.safetensors", Some(250), 8, "codes_8", "decoded_pcm_8");
}

#[test]
fn all_codebooks_are_those_of_kyutais_code() {
    assert_like("mimi_small_io_ctx250.safetensors", Some(250), 32, "codes_all", "decoded_pcm_all");
}

#[test]
fn they_are_so_when_the_context_is_full() {
    assert_like("mimi_small_io.safetensors", None, 8, "codes_8", "decoded_pcm_8");
}

#[test]
fn they_are_those_of_nvidias_code_when_the_context_is_full() {
    let (weights, codec) = (path("mimi_small_weights.safetensors"), path("mimi_small_config.json"));
    let codec = load_codec_for(&config("personaplex_config.json"), &weights, Some(&codec)).unwrap();
    assert_says(codec, "mimi_small_io_personaplex.safetensors", "codes_8", "decoded_pcm_8");
}

#[test]
fn sound_becomes_the_sound_that_kyutais_server_sends() {
    let recording = Recording::open("e2e_moshi_io.safetensors");
    let (mut encoder, mut decoder) = small(8, None);
    let lm = Cpu::load(
        &path("lm_7bshape_weights.safetensors"),
        config("lm_7bshape_config.json"),
        CpuOptions::default(),
    )
    .unwrap();
    let mut generator = Generator::new(Box::new(lm));
    generator.reset(Sampling::GREEDY, 0);
    let (input, expected) = (recording.floats("input_pcm"), recording.floats("output_pcm"));
    let (codes, tokens) = (recording.codes("user_codes"), recording.tokens("out_tokens"));
    let mut output = Vec::new();
    for (i, frame) in input.chunks_exact(FRAME).enumerate() {
        let heard = encoder.encode(frame).unwrap();
        assert_eq!(heard, codes[i], "frame {i}");
        if i == 0 {
            encoder.reset();
        }
        let said = generator.step(&heard, TextRule::FREE).unwrap();
        let found = said.as_ref().map(|said| [&[said.text], said.codes.as_slice()].concat());
        assert_eq!(found, tokens[i].iter().copied().collect(), "frame {i}");
        if let Some(said) = said {
            output.extend(decoder.decode(&said.codes).unwrap());
        }
    }
    let worst = difference(&output, &expected);
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn codes_and_frames_that_can_not_be_are_refused() {
    let (mut encoder, mut decoder) = small(8, None);
    assert_eq!(encoder.encode(&[0.0; 1919]).unwrap_err().code(), "engine.input");
    assert_eq!(decoder.decode(&[0; 7]).unwrap_err().code(), "engine.input");
    assert_eq!(decoder.decode(&[64; 8]).unwrap_err().code(), "engine.input");
    assert_eq!((decoder.codebooks(), decoder.codebook_size()), (8, 64));
}

#[test]
fn damaged_weights_make_an_error_and_no_noise() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("mimi.safetensors");
    let mut tensors =
        candle_core::safetensors::load(path("mimi_small_weights.safetensors"), &candle_core::Device::Cpu)
            .unwrap();
    let name = "decoder.model.0.conv.conv.weight";
    let damaged = (&tensors[name] * f64::NAN).unwrap();
    tensors.insert(name.into(), damaged);
    candle_core::safetensors::save(&tensors, &broken).unwrap();
    let (_, mut decoder) = load_codec(&broken, Some(&path("mimi_small_config.json")), 8).unwrap();
    assert_eq!(decoder.decode(&[0; 8]).unwrap_err().code(), "engine.not_finite");
}

#[test]
fn a_codec_of_another_shape_is_named() {
    let weights = path("mimi_small_weights.safetensors");
    let error = load_codec(&weights, None, 8).unwrap_err();
    assert_eq!(error.code(), "engine.tensor_shape", "{error}");
    let error = load_codec(&weights, Some(&path("nowhere.json")), 8).unwrap_err();
    assert_eq!(error.code(), "engine.missing_file", "{error}");
}
