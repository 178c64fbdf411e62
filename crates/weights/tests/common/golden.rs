//! Where the recorded data lies.

use std::path::PathBuf;

/// A file of the recorded data.
pub(crate) fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/golden").join(name)
}
