//! Bodies of fuzz targets. They live here so that the tests can run them on stable Rust over changed files.

use crate::voice;

/// A voice by `torch.save`, and the pickle inside of one: reading never panics, runs nothing, and makes no more of a
/// file than is in it.
pub fn voice(data: &[u8]) {
    voice::fuzz(data);
}
