//! Bodies of the fuzz targets. They live here so that the test command can run them on stable Rust over the stored
//! seeds; `cargo fuzz` runs the same functions with made-up input.

use std::path::Path;

use crate::File;

/// A file of either kind: refused, or every tensor of it lies within the file, holds what its shape says, and can be
/// looked at.
pub fn file(data: &[u8]) {
    let Ok(file) = File::of_bytes(Path::new("made up"), data.to_vec().into()) else { return };
    let mut bytes = 0;
    for name in file.names() {
        let info = file.info(name);
        assert!(info.is_some_and(|info| info.place.end <= data.len()), "{name} is within the file");
        bytes += info.map_or(0, |info| info.bytes());
        let known = info.is_some_and(|info| info.format.is_some());
        let tensor = file.tensor(name);
        assert_eq!(tensor.is_ok(), known, "{name} is there when its format is known");
        if let Ok(tensor) = tensor {
            let numbers = tensor.to_f32();
            assert_eq!(Some(numbers.len() as u64), info.map(|info| info.numbers()), "{name} has all numbers");
            assert!(tensor.part(0, 1).is_none_or(|part| part.rows() == 1), "{name} has rows");
        }
    }
    assert!(bytes <= data.len() as u64, "tensors do not overlap");
}

/// The head of a safetensors file; the length before it and some numbers behind it are made to fit.
pub fn safetensors(head: &[u8]) {
    file(&[&(head.len() as u64).to_le_bytes(), head, &[0x3c; 64]].concat());
}

/// A GGUF file behind its magic.
pub fn gguf(rest: &[u8]) {
    file(&[b"GGUF", rest].concat());
}
