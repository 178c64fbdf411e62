//! What files that somebody put somewhere are, and what is wrong with them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod files;

use std::{fs, path::Path};

use files::{CODEC, TOKENIZER, gguf, moshi, put, put_model, pytorch, recogniser, rust, safetensors};
use models::{Examined, Format, Kind, Names, Runtime, Weights, examine};
use proptest::prelude::*;
use tempfile::tempdir;

fn look(name: &str, weights: &[u8], config: Option<&str>) -> Result<Examined, (&'static str, String)> {
    let folder = tempdir().unwrap();
    put(folder.path(), name, weights);
    if let Some(config) = config {
        fs::write(folder.path().join("config.json"), config).unwrap();
    }
    examine(folder.path()).map_err(|error| (error.code(), error.to_string()))
}

#[test]
fn models_of_every_form_are_told_apart() {
    use Runtime::{Docker, MoshiBackend, MycaHost, PersonaPlex, PythonMoshi};
    let split: Vec<String> =
        pytorch(8).into_iter().chain(["depformer.layers.0.self_attn.in_projs.0.weight".to_owned()]).collect();
    let packed: Vec<String> = pytorch(8).into_iter().chain(["text_linear.weight_scb".to_owned()]).collect();
    let tensors = Format::Safetensors;
    for (name, bytes, kind, format, names, weights, runtimes) in [
        (
            "model.safetensors",
            moshi(),
            Kind::Moshi,
            tensors,
            Names::Pytorch,
            Weights::Bf16,
            vec![PythonMoshi, Docker, MycaHost],
        ),
        (
            "model.safetensors",
            safetensors(&split, "F16", 2),
            Kind::Moshi,
            tensors,
            Names::PytorchSplit,
            Weights::F16,
            vec![PythonMoshi, Docker, MycaHost],
        ),
        (
            "model.safetensors",
            safetensors(&rust(8), "BF16", 2),
            Kind::Moshi,
            tensors,
            Names::Rust,
            Weights::Bf16,
            vec![MycaHost, MoshiBackend],
        ),
        (
            "model.q8.gguf",
            gguf(&rust(8), 8, 272),
            Kind::Moshi,
            Format::Gguf,
            Names::Rust,
            Weights::Q8,
            vec![MycaHost, MoshiBackend],
        ),
        (
            "model.q4k.gguf",
            gguf(&rust(8), 12, 144),
            Kind::Moshi,
            Format::Gguf,
            Names::Rust,
            Weights::Q4,
            vec![MycaHost],
        ),
        (
            "model.q8.safetensors",
            safetensors(&packed, "I8", 1),
            Kind::Moshi,
            tensors,
            Names::Pytorch,
            Weights::Q8,
            vec![PythonMoshi, Docker],
        ),
        (
            "model.safetensors",
            safetensors(&pytorch(16), "BF16", 2),
            Kind::PersonaPlex,
            tensors,
            Names::Pytorch,
            Weights::Bf16,
            vec![PersonaPlex],
        ),
    ] {
        let examined = look(name, &bytes, None).unwrap();
        assert_eq!((examined.kind, examined.format, examined.names), (kind, format, names), "{name}");
        assert_eq!((examined.weights, examined.runtimes), (weights, runtimes), "{name}");
        assert!(examined.weights_file.ends_with(name) && examined.files.len() == 3, "{name}");
    }
}

#[test]
fn a_description_names_the_files() {
    let folder = tempdir().unwrap();
    put(folder.path(), "mine.safetensors", &safetensors(&recogniser(), "BF16", 2));
    fs::rename(folder.path().join(TOKENIZER), folder.path().join("words.model")).unwrap();
    let config = format!(
        r#"{{"model_type":"stt","moshi_name":"hf://kyutai/stt/mine.safetensors","mimi_name":"{CODEC}","tokenizer_name":"words.model"}}"#
    );
    fs::write(folder.path().join("config.json"), config).unwrap();
    let examined = examine(folder.path()).unwrap();
    assert_eq!((examined.kind, examined.files.len()), (Kind::Recogniser, 4));
    fs::write(folder.path().join("config.json"), r#"{"moshi_name":"../mine.safetensors"}"#).unwrap();
    assert_eq!(examine(folder.path()).unwrap_err().code(), "models.examine.damaged");
    fs::write(folder.path().join("config.json"), r#"{"moshi_name":"other.safetensors"}"#).unwrap();
    assert_eq!(examine(folder.path()).unwrap_err().code(), "models.examine.missing");
    fs::remove_file(folder.path().join("config.json")).unwrap();
    assert_eq!(examine(folder.path()).unwrap_err().code(), "models.examine.no_weights");
    let error = examine(&folder.path().join("mine.safetensors")).unwrap_err();
    assert_eq!(error.code(), "models.examine.missing", "what usually belongs to a recogniser is not there");
}

#[test]
fn what_is_something_else_is_said() {
    let named = |names: &[&str]| {
        safetensors(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), "F32", 4)
    };
    for (weights, config, found) in [
        (
            named(&["model.layers.0.self_attn.q_proj.weight", "lm_head.weight"]),
            None,
            "language model for text",
        ),
        (
            gguf(&["blk.0.attn_q.weight".into(), "token_embd.weight".into()], 8, 272),
            None,
            "language model for text",
        ),
        (named(&["encoder.model.0.conv.weight", "quantizer.x.weight"]), None, "codec"),
        (named(&["decoder.model.layers.0.x", "depth_decoder.model.y"]), None, "Transformers"),
        (named(&["unet.weight"]), None, "another kind"),
        (moshi(), Some(r#"{"model_type":"llama"}"#), "\"llama\""),
    ] {
        let (code, words) = look("model.safetensors", &weights, config).unwrap_err();
        assert_eq!(code, "models.examine.wrong_kind");
        assert!(words.contains(found), "{words}");
    }
}

#[test]
fn lengths_that_are_more_than_all_numbers_together_are_only_too_long() {
    let tensor = format!(r#"{{"dtype":"X","shape":[1],"data_offsets":[0,{}]}}"#, u64::MAX);
    let head = format!(r#"{{"a":{tensor},"b":{tensor}}}"#);
    let file = [&(head.len() as u64).to_le_bytes()[..], head.as_bytes()].concat();
    assert_eq!(look("model.safetensors", &file, None).unwrap_err().0, "models.examine.truncated");
}

#[test]
fn files_that_are_cut_off_are_told_from_whole_ones() {
    for whole in [moshi(), gguf(&rust(2), 8, 272)] {
        assert!(look("model.safetensors", &whole, None).is_ok());
        for len in (0..whole.len()).filter(|len| len % 5 == 0 || *len + 3 > whole.len()) {
            let (code, words) = look("model.safetensors", &whole[..len], None).unwrap_err();
            assert_eq!(code, "models.examine.truncated", "after {len} of {} bytes: {words}", whole.len());
        }
    }
    let folder = tempdir().unwrap();
    put_model(folder.path(), &moshi());
    fs::File::options().write(true).open(folder.path().join(CODEC)).unwrap().set_len(50).unwrap();
    assert_eq!(examine(folder.path()).unwrap_err().code(), "models.examine.truncated");
    fs::remove_file(folder.path().join(CODEC)).unwrap();
    assert_eq!(examine(folder.path()).unwrap_err().code(), "models.examine.missing");
    assert_eq!(examine(Path::new("/nowhere/at/all")).unwrap_err().code(), "models.examine.nothing");
}

#[test]
fn senseless_heads_are_damaged() {
    let tensors = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 8]].concat();
    for bytes in [
        tensors(r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#),
        tensors(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#),
        tensors(r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#),
        tensors(r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#),
        tensors(r#"{"a":7}"#),
        tensors("[]"),
        u64::MAX.to_le_bytes().to_vec(),
        b"<html><body>Not found</body></html>".to_vec(),
        b"GGUF\x09\0\0\0aaaaaaaaaaaaaaaaaaaaaaaa".to_vec(),
        [b"GGUF\x03\0\0\0".as_slice(), &[1; 64]].concat(),
    ] {
        let (code, words) = look("model.safetensors", &bytes, None).unwrap_err();
        assert_eq!(code, "models.examine.damaged", "{words}");
    }
    assert_eq!(look("model.safetensors", &moshi(), Some("{")).unwrap_err().0, "models.examine.damaged");
}

proptest! {
    #[test]
    fn any_bytes_are_examined_or_refused(at in 0_usize..400, byte in any::<u8>(), kind in any::<bool>()) {
        let mut bytes = if kind { moshi() } else { gguf(&rust(2), 8, 272) };
        bytes[at] = byte;
        let _ = look("model.safetensors", &bytes, None);
    }
}
