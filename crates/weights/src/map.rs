//! The memory map.
#![allow(unsafe_code, reason = "mapping a file is unsafe, as others can change it meanwhile")]

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Maps a file into memory, to read. Nothing of it is read before it is looked at.
///
/// Whoever changes the file while it is mapped changes the numbers; whoever cuts it off makes the next look behind its
/// new end kill the program (`SIGBUS`; Windows does not let anybody cut a mapped file). This is accepted: 15 GB of
/// weights need neither be read twice nor lie in memory twice, programs that put a new file in the place of an old one
/// (as downloads and our own writer do) do not touch the mapped one, and the model runs in a process of its own.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: The map is only ever read, as bytes, for which every value is valid; what is promised about its length
    // is promised by the kernel. That nobody changes the file meanwhile cannot be known, see above.
    unsafe { Mmap::map(file) }
}
