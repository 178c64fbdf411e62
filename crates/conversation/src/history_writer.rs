//! The thread that writes turns, so that a slow disk holds up nobody.

use std::{
    io,
    path::PathBuf,
    sync::mpsc::{self, SyncSender},
    thread,
};

use store::{Conversation, History, SetAside, Turn};
use tokio::sync::oneshot;

use crate::problem::Problem;

/// Batches under way. The machine sends one at a time.
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
    Put(Conversation, Vec<Turn>, Box<dyn FnOnce(Result<(), Problem>) + Send>),
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
            let (mut history, found) = open(path);
            let problem = found.problem.clone();
            let _ = tell.send(found);
            while let Ok(Job::Put(conversation, turns, done)) = queue.recv() {
                done(match (&mut history, &problem) {
                    (Some(history), _) => history.put(&conversation, &turns).map_err(|error| {
                        tracing::warn!(%error, turns = turns.len(), "turns were not written");
                        Problem::not_saved(&error)
                    }),
                    (None, Some(problem)) => Err(problem.clone()),
                    (None, None) => Ok(()),
                });
            }
        })?;
        Ok((Self { jobs: Some(jobs), thread: Some(thread) }, opened))
    }

    /// Writes turns and calls `done` on the writer's thread.
    pub(crate) fn put(
        &self,
        conversation: Conversation,
        turns: Vec<Turn>,
        done: impl FnOnce(Result<(), Problem>) + Send + 'static,
    ) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(Job::Put(conversation, turns, Box::new(done)));
        }
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

fn open(path: Option<PathBuf>) -> (Option<History>, Opened) {
    let Some(path) = path else { return (None, Opened::default()) };
    match History::open(&path) {
        Ok((history, set_aside)) => {
            let last = history.latest().and_then(|latest| {
                latest.map(|c| history.turns(&c.id, RESUMED).map(|turns| (c, turns))).transpose()
            });
            let last = last.unwrap_or_else(|error| {
                tracing::warn!(%error, "the last conversation cannot be read");
                None
            });
            (Some(history), Opened { last, set_aside, problem: None })
        }
        Err(error) => {
            tracing::warn!(%error, "no history");
            (None, Opened { problem: Some(Problem::not_saved(&error)), ..Opened::default() })
        }
    }
}
