//! Heads of files that are read without the rest.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

#[path = "common/golden.rs"]
mod golden;

use std::path::Path;

use golden::golden;
use weights::{File, Flaw, Head, Kind};

fn read(bytes: &[u8]) -> Result<Head, Flaw> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Head::read(file.path())
}

#[test]
fn a_head_is_that_of_the_file() {
    for (name, kind) in
        [("stt_tiny_weights.safetensors", Kind::Safetensors), ("lm_7bshape_q8_0.gguf", Kind::Gguf)]
    {
        let head = Head::read(&golden(name)).unwrap();
        let file = File::open(&golden(name)).unwrap();
        assert_eq!(head.kind, kind);
        assert!(head.tensors.iter().map(|(name, info)| (name.as_str(), info)).eq(file.tensors()));
    }
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// Files with a head of about so many bytes, and with one tensor.
fn long(bytes: usize) -> [Vec<u8>; 2] {
    let entry = r#"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    let json = format!(r#"{{"__metadata__":{{"a":"{}"}},"a":{entry}}}"#, "a".repeat(bytes));
    let safetensors = [&(json.len() as u64).to_le_bytes(), json.as_bytes(), &[0; 4]].concat();
    let words = bytes as u64 / 9;
    let vocabulary = [&9_u32.to_le_bytes()[..], &8_u32.to_le_bytes(), &words.to_le_bytes()].concat();
    let vocabulary = [text("words"), vocabulary, text("a").repeat(words as usize)].concat();
    let tensor = [text("a"), vec![1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], vec![0; 12]].concat();
    let counts = [1_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat();
    let mut gguf = [b"GGUF\x03\0\0\0", counts.as_slice(), &vocabulary, &tensor].concat();
    gguf.resize(gguf.len().next_multiple_of(32) + 4, 0);
    [safetensors, gguf]
}

#[test]
fn long_heads_are_read_as_far_as_they_go() {
    for size in [0, 3 << 20, 20 << 20] {
        for file in long(size) {
            let head = read(&file).unwrap();
            assert_eq!(head.tensors["a"].bytes(), 4);
            for len in [file.len() - 1, file.len() - 70, size / 2] {
                assert!(matches!(read(&file[..len]), Err(Flaw::CutOff(_))), "{len} of {}", file.len());
            }
        }
    }
    for file in long(65 << 20) {
        assert!(matches!(read(&file), Err(Flaw::Senseless(_))), "longer than any");
        assert!(File::of_bytes(Path::new(""), file.into()).is_err());
    }
}

#[test]
fn what_is_wrong_is_told_apart() {
    assert!(matches!(Head::read(Path::new("/nowhere/model")), Err(Flaw::Unreadable(_))));
    assert!(matches!(read(b""), Err(Flaw::CutOff(_))));
    assert!(matches!(read(b"GGUF"), Err(Flaw::CutOff(_))));
    assert!(matches!(read(b"<html><body>Not found</body></html>"), Err(Flaw::Senseless(_))));
    assert!(matches!(read(&[b"GGUF\x03\0\0\0".as_slice(), &[1; 64]].concat()), Err(Flaw::Senseless(_))));
}
