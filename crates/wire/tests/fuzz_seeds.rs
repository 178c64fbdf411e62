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
fn frame() {
    over_seeds("frame", wire::fuzzing::frame);
}

#[test]
fn text() {
    over_seeds("text", wire::fuzzing::text);
}

#[test]
fn address() {
    over_seeds("address", wire::fuzzing::address);
}

#[test]
fn bridge() {
    over_seeds("bridge", wire::fuzzing::bridge);
}

#[test]
fn asr() {
    over_seeds("asr", wire::fuzzing::asr);
}
