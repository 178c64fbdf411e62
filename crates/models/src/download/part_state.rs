//! What is said beside a file that is not whole: which of its pieces have reached the disk.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::plan::PlannedFile;
use crate::durable;

/// Longest one that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// The state of a file in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartState {
    version: u32,
    /// Which file it is.
    file: PlannedFile,
    /// The server's name for what is in it.
    #[serde(default)]
    pub(super) etag: Option<String>,
    /// Bytes of a piece.
    pub(super) piece: u64,
    /// A digit for each piece: 1 if it is there.
    whole: String,
}

impl PartState {
    pub(super) fn new(file: &PlannedFile, etag: Option<String>, piece: u64, whole: &[bool]) -> Self {
        let whole = whole.iter().map(|whole| if *whole { '1' } else { '0' }).collect();
        Self { version: 1, file: file.clone(), etag, piece, whole }
    }

    /// Where a file grows.
    pub(super) fn part(path: &Path) -> PathBuf {
        with_ending(path, ".part")
    }

    fn place(path: &Path) -> PathBuf {
        with_ending(path, ".part.json")
    }

    /// What is there of a file; none, if that is another file or makes no sense.
    pub(super) fn read(path: &Path, file: &PlannedFile) -> Option<Self> {
        let there = Self::part(path).symlink_metadata().ok()?;
        let state: Self = serde_json::from_slice(&durable::read(&Self::place(path), LIMIT).ok()?).ok()?;
        let pieces = file.size.checked_div(state.piece)? + u64::from(!file.size.is_multiple_of(state.piece));
        let sound = state.version == 1
            && state.file == *file
            && state.whole.len() as u64 == pieces
            && there.is_file()
            && there.len() == file.size;
        sound.then_some(state)
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        durable::write(&Self::place(path), &serde_json::to_vec(self)?)
    }

    /// Removes what is there of a file.
    pub(super) fn remove(path: &Path) -> io::Result<()> {
        // The state first: without the part it means nothing, and the part without it neither.
        durable::remove(&Self::place(path))?;
        durable::remove(&Self::part(path))
    }

    /// Which pieces are there.
    pub(super) fn pieces(&self) -> impl Iterator<Item = bool> {
        self.whole.bytes().map(|digit| digit == b'1')
    }

    /// Bytes of a file that are there.
    pub(super) fn bytes(path: &Path, file: &PlannedFile) -> u64 {
        let Some(state) = Self::read(path, file) else { return 0 };
        let there = state.pieces().zip(0_u64..).filter(|(whole, _)| *whole);
        there.map(|(_, index)| state.piece.min(file.size - index * state.piece)).sum()
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
