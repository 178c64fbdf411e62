//! Reading and writing at a place of a file that several do at once.

use std::{fs::File, io};

/// Writes all of it there.
#[cfg(unix)]
pub(super) fn write(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

/// Reads as much as was asked for.
#[cfg(unix)]
pub(super) fn read(file: &File, into: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, at)
}

/// Writes all of it there.
#[cfg(windows)]
pub(super) fn write(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    let (mut bytes, mut at) = (bytes, at);
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(written..).unwrap_or_default();
        at += written as u64;
    }
    Ok(())
}

/// Reads as much as was asked for.
#[cfg(windows)]
pub(super) fn read(file: &File, into: &mut [u8], at: u64) -> io::Result<()> {
    let (mut into, mut at) = (into, at);
    while !into.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, into, at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        into = into.get_mut(read..).unwrap_or_default();
        at += read as u64;
    }
    Ok(())
}
