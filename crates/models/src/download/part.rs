//! A file that grows in pieces.

use std::{
    fs::{self, File},
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use bytes::Bytes;
use tokio::sync::watch;

use super::{DownloadError, Options, part_state::PartState, plan::PlannedFile, positioned};
use crate::{durable, lock::Lock};

/// A file that grows. Whoever writes into it holds the model's lock with it.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    what: PlannedFile,
    /// Where it lies when it is whole.
    path: PathBuf,
    piece: u64,
    run: u64,
    connections: u64,
    pieces: Mutex<Pieces>,
    /// How often the file was begun. Whoever writes holds it, so that nothing of before is written behind a new begin.
    begun: RwLock<u64>,
    /// What was last brought to the disk. Held while that is done.
    kept: Mutex<Option<PartState>>,
    /// Bytes from the beginning that are there without a gap.
    front: watch::Sender<u64>,
    _lock: Arc<Lock>,
}

#[derive(Debug)]
struct Pieces {
    all: Vec<Piece>,
    etag: Option<String>,
    /// How many bring pieces.
    workers: usize,
    /// The first piece that is not whole.
    front: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Missing,
    Taken,
    Whole,
}

impl Part {
    /// Goes on with what is there of a file, or begins. Touches the disk.
    pub(super) fn open(
        folder: &Path,
        what: &PlannedFile,
        options: &Options,
        lock: Arc<Lock>,
    ) -> Result<Self, DownloadError> {
        let path = folder.join(&what.name);
        let part = PartState::part(&path);
        let of = |source| DownloadError::of_disk(&part, source);
        let state = PartState::read(&path, what);
        let piece = state.as_ref().map_or(options.piece.max(1), |state| state.piece);
        let count = usize::try_from(what.size.div_ceil(piece)).unwrap_or(usize::MAX);
        let (etag, whole) = match &state {
            Some(state) => (state.etag.clone(), state.pieces().collect()),
            None => (None, vec![false; count]),
        };
        if state.is_none() {
            PartState::remove(&path).map_err(of)?;
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(of)?;
            }
        }
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(&part).map_err(of)?;
        file.set_len(what.size).map_err(of)?;
        let all = whole.iter().map(|whole| if *whole { Piece::Whole } else { Piece::Missing }).collect();
        let this = Self {
            file,
            what: what.clone(),
            path,
            piece,
            run: options.run.max(1),
            connections: options.connections.max(1) as u64,
            pieces: Mutex::new(Pieces { all, etag, workers: 0, front: 0 }),
            begun: RwLock::new(0),
            kept: Mutex::new(state),
            front: watch::Sender::new(0),
            _lock: lock,
        };
        this.advance(&mut this.pieces());
        Ok(this)
    }

    pub(super) fn size(&self) -> u64 {
        self.what.size
    }

    /// Bytes that are there.
    pub(super) fn done(&self) -> u64 {
        let pieces = self.pieces();
        let whole = (0_u64..).zip(&pieces.all).filter(|(_, piece)| **piece == Piece::Whole);
        whole.map(|(index, _)| self.bytes_of(index)).sum()
    }

    /// Bytes from the beginning that are there without a gap, as they grow.
    pub(super) fn front(&self) -> watch::Receiver<u64> {
        self.front.subscribe()
    }

    /// Holds the server's name for what is in the file against the one from before.
    pub(super) fn is_still(&self, etag: Option<&str>) -> bool {
        let mut pieces = self.pieces();
        match (&pieces.etag, etag) {
            (Some(before), Some(now)) => before == now,
            (None, Some(now)) => {
                pieces.etag = Some(now.to_owned());
                true
            }
            (_, None) => true,
        }
    }

    /// How often the file was begun anew.
    pub(super) fn begun(&self) -> u64 {
        *self.begun.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew, on the disk too before anything else is written: a kill must not leave bytes of one file marked as
    /// whole among those of another. Waits for those who write. Touches the disk, and waits for it.
    pub(super) fn reset(&self) -> Result<(), DownloadError> {
        *self.begun.write().unwrap_or_else(PoisonError::into_inner) += 1;
        {
            let mut pieces = self.pieces();
            pieces.all.fill(Piece::Missing);
            (pieces.etag, pieces.front) = (None, 0);
            self.front.send_replace(0);
        }
        self.keep()
    }

    /// Bytes that nobody brings yet, for one who will; none, if there are none.
    pub(super) fn take(&self) -> Option<Range<u64>> {
        self.take_from(&mut self.pieces())
    }

    /// The same for one of those who bring pieces, which it is no more if there are none. Both in one go: whoever gives
    /// bytes back in between would leave them to somebody who does not look again.
    pub(super) fn take_or_leave(&self) -> Option<Range<u64>> {
        let mut pieces = self.pieces();
        let taken = self.take_from(&mut pieces);
        if taken.is_none() {
            pieces.workers = pieces.workers.saturating_sub(1);
        }
        taken
    }

    fn take_from(&self, pieces: &mut Pieces) -> Option<Range<u64>> {
        let front = pieces.front;
        let missing = |piece: &Piece| *piece == Piece::Missing;
        let rest = pieces.all.get_mut(front..)?;
        let left = rest.iter().filter(|piece| missing(piece)).count() as u64;
        let first = rest.iter().position(missing)?;
        // Smaller ones near the end, so that all end at about the same time.
        let run = usize::try_from((left / (2 * self.connections)).clamp(1, self.run)).unwrap_or(1);
        let taken = rest.iter_mut().skip(first).take(run).take_while(|piece| missing(piece));
        let count = taken.map(|piece| *piece = Piece::Taken).count();
        let start = (front + first) as u64 * self.piece;
        Some(start..(start + count as u64 * self.piece).min(self.what.size))
    }

    /// Lets go of bytes that were taken, for others.
    pub(super) fn give_back(&self, bytes: &Range<u64>) {
        let mut pieces = self.pieces();
        for index in bytes.start / self.piece..bytes.end.div_ceil(self.piece) {
            if let Some(piece @ Piece::Taken) =
                usize::try_from(index).ok().and_then(|i| pieces.all.get_mut(i))
            {
                *piece = Piece::Missing;
            }
        }
    }

    /// So many bring pieces from now on.
    pub(super) fn enter(&self, workers: usize) {
        self.pieces().workers = workers;
    }

    /// One does not bring pieces any more. Says whether others still do.
    pub(super) fn leave(&self) -> bool {
        let mut pieces = self.pieces();
        pieces.workers = pieces.workers.saturating_sub(1);
        pieces.workers > 0
    }

    /// Writes what came for a place, unless the file was begun anew since. Touches the disk.
    pub(super) fn write(&self, begun: u64, at: u64, came: &[Bytes]) -> Result<(), DownloadError> {
        let now = self.begun.read().unwrap_or_else(PoisonError::into_inner);
        if *now != begun {
            return Ok(());
        }
        let mut at = at;
        for bytes in came {
            positioned::write(&self.file, bytes, at).map_err(|source| self.of_disk(source))?;
            at += bytes.len() as u64;
        }
        Ok(())
    }

    /// All up to here was written by one who began at the beginning of a piece.
    pub(super) fn written(&self, bytes: &Range<u64>) {
        let end =
            if bytes.end == self.what.size { bytes.end.div_ceil(self.piece) } else { bytes.end / self.piece };
        let mut pieces = self.pieces();
        for index in bytes.start / self.piece..end {
            if let Some(piece) = usize::try_from(index).ok().and_then(|index| pieces.all.get_mut(index)) {
                *piece = Piece::Whole;
            }
        }
        self.advance(&mut pieces);
    }

    /// Reads what was written. Touches the disk.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> Result<(), DownloadError> {
        positioned::read(&self.file, into, at).map_err(|source| self.of_disk(source))
    }

    /// Brings all whole pieces to the disk, and then says so beside the file. Touches the disk, and waits for it.
    pub(super) fn keep(&self) -> Result<(), DownloadError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let state = {
            let pieces = self.pieces();
            let whole: Vec<bool> = pieces.all.iter().map(|piece| *piece == Piece::Whole).collect();
            PartState::new(&self.what, pieces.etag.clone(), self.piece, &whole)
        };
        if kept.as_ref() != Some(&state) {
            self.file.sync_data().map_err(|source| self.of_disk(source))?;
            state.write(&self.path).map_err(|source| self.of_disk(source))?;
            *kept = Some(state);
        }
        Ok(())
    }

    /// Gives the file its name: it is whole and right. Touches the disk, and waits for it.
    pub(super) fn finish(&self) -> Result<(), DownloadError> {
        let finish = || {
            self.file.sync_all()?;
            durable::rename(&PartState::part(&self.path), &self.path)?;
            PartState::remove(&self.path)
        };
        finish().map_err(|source| self.of_disk(source))
    }

    /// Throws it away. Touches the disk.
    pub(super) fn throw_away(&self) -> Result<(), DownloadError> {
        PartState::remove(&self.path).map_err(|source| self.of_disk(source))
    }

    fn of_disk(&self, source: io::Error) -> DownloadError {
        DownloadError::of_disk(&self.path, source)
    }

    fn bytes_of(&self, index: u64) -> u64 {
        self.piece.min(self.what.size - index * self.piece)
    }

    fn advance(&self, pieces: &mut Pieces) {
        let more = pieces.all.iter().skip(pieces.front).take_while(|piece| **piece == Piece::Whole).count();
        pieces.front += more;
        let front = (pieces.front as u64).saturating_mul(self.piece).min(self.what.size);
        self.front.send_if_modified(|before| std::mem::replace(before, front) != front);
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
