//! Numbers from one format into another, piece by piece, and what that costs.

use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use serde::Serialize;

use super::plan::Step;
use crate::{Error, Format};

/// Numbers of a piece: 16 MB at most on either side. A multiple of every block.
const PIECE: usize = 1 << 22;

/// Numbers that are widened at once. A multiple of every block.
const TILE: usize = 4096;

/// How far numbers are off after they were stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(into = "Shown")]
pub struct Off {
    /// Sum of the squares of the errors.
    squares: f64,
    /// Sum of the squares of the numbers.
    of_numbers: f64,
    /// The largest error, as a magnitude.
    largest: f32,
    /// How many numbers there are.
    numbers: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    numbers: u64,
    relative_rms_error: f64,
    largest_error: f32,
}

impl From<Off> for Shown {
    fn from(off: Off) -> Self {
        Self { numbers: off.numbers, relative_rms_error: off.relative_rms(), largest_error: off.largest() }
    }
}

impl Off {
    /// Root of the mean square of the errors, relative to that of the numbers.
    #[must_use]
    pub fn relative_rms(self) -> f64 {
        if self.of_numbers > 0.0 { (self.squares / self.of_numbers).sqrt() } else { 0.0 }
    }

    /// The largest error, as a magnitude.
    #[must_use]
    pub fn largest(self) -> f32 {
        self.largest
    }

    /// How many numbers there are.
    #[must_use]
    pub fn numbers(self) -> u64 {
        self.numbers
    }

    /// The same for these and more numbers.
    pub(super) fn and(self, more: Self) -> Self {
        Self {
            squares: self.squares + more.squares,
            of_numbers: self.of_numbers + more.of_numbers,
            largest: self.largest.max(more.largest),
            numbers: self.numbers + more.numbers,
        }
    }

    fn add(&mut self, exact: f32, stored: f32) {
        let error = exact - stored;
        self.squares += f64::from(error) * f64::from(error);
        self.of_numbers += f64::from(exact) * f64::from(exact);
        self.largest = self.largest.max(error.abs());
        self.numbers += 1;
    }
}

/// What reads and computes. The file is read and not mapped here: every byte is needed once, and memory that is mapped
/// would count as if it was used.
pub(super) struct Converter {
    path: PathBuf,
    file: std::fs::File,
    threads: NonZero<usize>,
    read: Vec<u8>,
    stored: Vec<u8>,
}

/// Why a piece cannot be stored.
enum Refused {
    /// A number of it: which one, and its value.
    Number(usize, f32),
    /// There are no more threads.
    Threads(io::Error),
}

impl Converter {
    pub(super) fn open(path: &Path, threads: NonZero<usize>) -> Result<Self, Error> {
        let file = std::fs::File::open(path).map_err(|source| Error::File { path: path.into(), source })?;
        Ok(Self { path: path.into(), file, threads, read: Vec::new(), stored: Vec::new() })
    }

    /// Converts a tensor. Gives away its bytes piece by piece, each with how many bytes were read for it.
    pub(super) fn convert(
        &mut self,
        step: &Step,
        mut give: impl FnMut(&[u8], u64) -> Result<(), Error>,
    ) -> Result<Off, Error> {
        let (numbers, size) = step.stored.block();
        let piece = (PIECE / numbers * size) as u64;
        let (mut at, mut before, mut off) = (step.place.start, step.before, Off::default());
        while at < step.place.end {
            let len = piece.min(step.place.end - at);
            self.read_at(at, len)?;
            let count = self.read.len() / size * numbers;
            let (block, bytes) = step.format.block();
            self.stored.resize(count / block * bytes, 0);
            let of_piece = self.piece(step).map_err(|refused| self.error(step, before, refused))?;
            off = off.and(of_piece);
            give(&self.stored, len)?;
            at += len;
            before += count;
        }
        Ok(off)
    }

    fn error(&self, step: &Step, before: usize, refused: Refused) -> Error {
        let (path, name) = (self.path.clone(), step.source.clone());
        match refused {
            Refused::Threads(source) => Error::Thread { source },
            Refused::Number(index, value) if value.is_finite() => {
                Error::TooLarge { path, name, index: before + index, value, format: step.format }
            }
            Refused::Number(index, value) => Error::NotFinite { path, name, index: before + index, value },
        }
    }

    fn read_at(&mut self, at: u64, len: u64) -> Result<(), Error> {
        // Not more than the bytes of a piece.
        self.read.resize(len as usize, 0);
        let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut self.read));
        read.map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                Error::Damaged { path: self.path.clone(), reason: "it is cut off".into() }
            }
            _ => Error::File { path: self.path.clone(), source },
        })
    }

    /// Converts what was read, each thread an equal part of it.
    fn piece(&mut self, step: &Step) -> Result<Off, Refused> {
        let (stored, format) = (step.stored, step.format);
        let bytes = |format: Format, numbers: usize| numbers / format.block().0 * format.block().1;
        let count = self.read.len() / stored.block().1 * stored.block().0;
        let share = count.div_ceil(self.threads.get()).next_multiple_of(TILE).max(TILE);
        let parts = self.read.chunks(bytes(stored, share)).zip(self.stored.chunks_mut(bytes(format, share)));
        let results: Vec<_> = thread::scope(|scope| {
            let work = |(from, into)| {
                thread::Builder::new().spawn_scoped(scope, move || convert(stored, from, format, into))
            };
            let running: Vec<_> = parts.map(work).collect();
            let wait = |running: thread::ScopedJoinHandle<'_, _>| {
                // It only ends otherwise by a mistake in this file, which is not to be hidden.
                running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            running.into_iter().map(|running| running.map(wait)).collect()
        });
        let mut off = Off::default();
        for (part, result) in results.into_iter().enumerate() {
            off = off.and(match result.map_err(Refused::Threads)? {
                Err(Unstorable { index, value }) => return Err(Refused::Number(part * share + index, value)),
                Ok(of_part) => of_part,
            });
        }
        Ok(off)
    }
}

/// A number that cannot be stored, counted in what was to be converted.
struct Unstorable {
    index: usize,
    value: f32,
}

fn convert(stored: Format, from: &[u8], format: Format, into: &mut [u8]) -> Result<Off, Unstorable> {
    let (mut exact, mut found) = ([0.0; TILE], [0.0; TILE]);
    let bytes = |format: Format| TILE / format.block().0 * format.block().1;
    let mut off = Off::default();
    for (tile, (from, into)) in from.chunks(bytes(stored)).zip(into.chunks_mut(bytes(format))).enumerate() {
        let count = from.len() / stored.block().1 * stored.block().0;
        let (Some(exact), Some(found)) = (exact.get_mut(..count), found.get_mut(..count)) else { break };
        stored.widen(from, exact);
        format.narrow(exact, into);
        format.widen(into, found);
        if let Some((index, value)) = unstorable(exact, found, format.block().0) {
            return Err(Unstorable { index: tile * TILE + index, value });
        }
        for (&exact, &found) in exact.iter().zip(&*found) {
            off.add(exact, found);
        }
    }
    Ok(off)
}

/// The first number that is none, or else the largest one of the first block that could not hold it.
fn unstorable(exact: &[f32], found: &[f32], block: usize) -> Option<(usize, f32)> {
    let no_number = |numbers: &[f32]| numbers.iter().position(|number| !number.is_finite());
    if let Some(index) = no_number(exact) {
        return Some((index, *exact.get(index)?));
    }
    let start = no_number(found)? / block * block;
    let of_block = exact.iter().copied().enumerate().skip(start).take(block);
    of_block.max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()))
}
