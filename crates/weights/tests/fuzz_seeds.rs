//! Runs the bodies of the fuzz targets over the stored seeds.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::{fs, path::Path};

fn over_seeds(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        body(&fs::read(entry.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds >= 5, "{target} has {seeds} seeds");
}

#[test]
fn safetensors() {
    over_seeds("safetensors", weights::fuzzing::safetensors);
}

#[test]
fn gguf() {
    over_seeds("gguf", weights::fuzzing::gguf);
}
