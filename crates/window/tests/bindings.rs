//! The TypeScript bindings: written where `cargo xtask bindings` says, else compared with what is committed.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::{env, fs, path::Path};

#[test]
fn bindings_are_what_rust_says() {
    if let Some(path) = env::var_os("MYCA_BINDINGS_OUT") {
        return fs::write(path, window::typescript()).unwrap();
    }
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/lib/backend/bindings.ts");
    // Git may have changed the line ends.
    let committed = fs::read_to_string(committed).unwrap().replace("\r\n", "\n");
    assert!(committed == window::typescript(), "out of date: run `cargo xtask bindings` and commit the file");
}
