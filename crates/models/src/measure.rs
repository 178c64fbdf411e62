//! How much room files take.

use std::{
    fs::{self, Metadata},
    io,
    path::Path,
};

/// Deeper than any model's folder; what is below does not count.
const MAX_DEPTH: usize = 16;

/// Bytes that removing a folder frees. Links are not followed.
pub(crate) fn folder(path: &Path) -> io::Result<u64> {
    below(path, MAX_DEPTH)
}

fn below(path: &Path, depth: usize) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // Of the entry itself, so that a link is a link.
        let metadata = entry.metadata()?;
        if metadata.is_dir() && depth > 0 {
            bytes += below(&entry.path(), depth - 1)?;
        } else if metadata.is_file() {
            bytes += file(&metadata);
        }
    }
    Ok(bytes)
}

/// Bytes that removing a file frees: what the disk holds of it, if it has no other name.
#[cfg(unix)]
pub(crate) fn file(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    if metadata.nlink() > 1 { 0 } else { metadata.blocks() * 512 }
}

/// Bytes that removing a file frees, about.
#[cfg(not(unix))]
pub(crate) fn file(metadata: &Metadata) -> u64 {
    metadata.len()
}
