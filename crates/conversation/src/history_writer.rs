//! The thread that writes turns, so that a slow disk holds up nobody.

use std::{
    io,
    path::PathBuf,
    sync::mpsc::{self, SyncSender},
    thread,
};

use store::{Conversation, DatabaseError, History, SetAside, Turn};
use tokio::sync::oneshot;

use crate::problem::Problem;

/// Batches and wishes under way. The machine sends one batch at a time.
const BATCHES: usize = 4;
/// Turns of the last conversation that are read when the program starts.
const RESUMED: usize = 500;

/// What the history held when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// The last conversation with its last turns.
    pub(crate) last: Option<(Conversation, Vec<Turn>)>,
    /// A broken history that was set aside.
    pub(crate) set_aside: Option<SetAside>,
    /// Why nothing can be kept.
    pub(crate) problem: Option<Problem>,
}

enum Job {
    Put(Conversation, Vec<Turn>, Box<dyn FnOnce(Written) + Send>),
    Delete(String, Box<dyn FnOnce(Result<(), Problem>) + Send>),
}

/// What became of turns.
#[derive(Debug)]
pub(crate) struct Written {
    /// Why they are not on disk.
    pub(crate) result: Result<(), Problem>,
    /// A history that broke and was set aside for a fresh one.
    pub(crate) set_aside: Option<SetAside>,
}

/// A handle to the thread. The thread ends when the handle is dropped, after everything given to it is written.
pub(crate) struct HistoryWriter {
    jobs: Option<SyncSender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl HistoryWriter {
    /// Starts the thread, which opens the history at `path`, or keeps nothing beyond its own life without one.
    pub(crate) fn start(path: Option<PathBuf>) -> io::Result<(Self, oneshot::Receiver<Opened>)> {
        let (jobs, queue) = mpsc::sync_channel::<Job>(BATCHES);
        let (tell, opened) = oneshot::channel();
        let thread = thread::Builder::new().name("history".into()).spawn(move || {
            let (mut place, found) = Place::open(path);
            let _ = tell.send(found);
            while let Ok(job) = queue.recv() {
                match job {
                    Job::Put(conversation, turns, done) => done(place.put(&conversation, &turns)),
                    Job::Delete(conversation, done) => done(place.delete(&conversation)),
                }
            }
        })?;
        Ok((Self { jobs: Some(jobs), thread: Some(thread) }, opened))
    }

    /// Writes turns and calls `done` on the writer's thread.
    pub(crate) fn put(
        &self,
        conversation: Conversation,
        turns: Vec<Turn>,
        done: impl FnOnce(Written) + Send + 'static,
    ) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(Job::Put(conversation, turns, Box::new(done)));
        }
    }

    /// Deletes a conversation and calls `done` on the writer's thread. What was given to [`HistoryWriter::put`] before is
    /// written before.
    pub(crate) fn delete(
        &self,
        conversation: String,
        done: impl FnOnce(Result<(), Problem>) + Send + 'static,
    ) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(Job::Delete(conversation, Box::new(done)));
        }
    }

    /// Does not wait for the thread when this is dropped: the disk has had its time.
    pub(crate) fn leave(&mut self) {
        self.thread = None;
    }
}

impl Drop for HistoryWriter {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Where turns go.
enum Place {
    /// Nothing is kept.
    Nowhere,
    /// The history does not work; each time there is something to write it is opened anew.
    Closed(PathBuf),
    Open(PathBuf, History),
}

impl Place {
    fn open(path: Option<PathBuf>) -> (Self, Opened) {
        let Some(path) = path else { return (Self::Nowhere, Opened::default()) };
        match History::open(&path) {
            Ok((history, set_aside)) => {
                let last = history.latest().and_then(|latest| {
                    latest.map(|c| history.turns(&c.id, RESUMED).map(|turns| (c, turns))).transpose()
                });
                let last = last.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the last conversation cannot be read");
                    None
                });
                (Self::Open(path, history), Opened { last, set_aside, problem: None })
            }
            Err(error) => {
                tracing::warn!(%error, "no history");
                let problem = Some(Problem::not_saved(&error));
                (Self::Closed(path), Opened { problem, ..Opened::default() })
            }
        }
    }

    fn put(&mut self, conversation: &Conversation, turns: &[Turn]) -> Written {
        let mut set_aside = None;
        let result = self.try_put(conversation, turns, &mut set_aside).map_err(|error| {
            tracing::warn!(%error, turns = turns.len(), "turns were not written");
            Problem::not_saved(&error)
        });
        Written { result, set_aside }
    }

    fn delete(&mut self, conversation: &str) -> Result<(), Problem> {
        let deleted = match self {
            Self::Nowhere => Ok(()),
            Self::Open(_, history) => history.delete(conversation),
            Self::Closed(path) => {
                History::open(path).and_then(|(mut history, _)| history.delete(conversation))
            }
        };
        deleted.map_err(|error| {
            tracing::warn!(%error, "a conversation was not deleted");
            Problem::not_deleted(&error)
        })
    }

    fn try_put(
        &mut self,
        conversation: &Conversation,
        turns: &[Turn],
        set_aside: &mut Option<SetAside>,
    ) -> Result<(), DatabaseError> {
        if let Self::Open(path, history) = self {
            match history.put(conversation, turns) {
                Err(error) if error.is_broken() => {
                    tracing::warn!(%error, "the history broke while it was in use");
                    // Closed before it is opened anew: an open file cannot be set aside everywhere.
                    *self = Self::Closed(std::mem::take(path));
                }
                result => return result,
            }
        }
        let Self::Closed(path) = self else { return Ok(()) };
        let (mut history, aside) = History::open(path)?;
        *set_aside = aside;
        let result = history.put(conversation, turns);
        *self = Self::Open(std::mem::take(path), history);
        result
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use store::{Source, Speaker};

    use super::*;

    fn turn(number: u64, text: &str) -> Turn {
        Turn {
            number,
            speaker: Speaker::Moshi,
            source: Source::Spoken,
            text: text.into(),
            at_ms: 0,
            open: false,
            delivery: None,
            note: None,
        }
    }

    /// Damages everything but the first page, in the database and in its log.
    fn damage(path: &Path) {
        for suffix in ["", "-wal"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            let mut bytes = fs::read(&name).unwrap();
            let from = bytes.len().min(4_096 + 56);
            bytes[from..].fill(0xA5);
            fs::write(&name, bytes).unwrap();
        }
    }

    #[test]
    fn a_history_that_breaks_while_it_is_used_is_set_aside_and_writing_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite3");
        let (mut place, _) = Place::open(Some(path.clone()));
        let before = Conversation { id: "before".into(), started_ms: 0 };
        // More than is held in memory.
        for batch in 0..8 {
            let turns: Vec<Turn> = (0..100).map(|n| turn(batch * 100 + n, &"long ".repeat(1_000))).collect();
            assert_eq!(place.put(&before, &turns).result, Ok(()));
        }
        damage(&path);
        let written = place.put(&before, &[turn(5, "after")]);
        assert_eq!(written.result, Ok(()));
        assert!(written.set_aside.is_some_and(|aside| aside.kept_as.exists()));
        drop(place);
        let (history, aside) = History::open(&path).unwrap();
        assert_eq!(aside, None, "the fresh one is whole");
        assert_eq!(history.turns("before", 9).unwrap(), [turn(5, "after")]);
    }
}
