//! What the local Moshi prints, for the window.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use process::Line;
use tokio::sync::broadcast;

/// How many of the last lines are kept.
const KEPT: usize = 200;
/// How many lines wait for whoever follows; then the oldest are lost.
const WAITING: usize = 1024;

/// The lines of whatever runs, one start after the other.
#[derive(Debug)]
pub(crate) struct Lines {
    last: Mutex<VecDeque<Line>>,
    following: broadcast::Sender<Line>,
}

impl Lines {
    pub(crate) fn new() -> Self {
        let last = Mutex::new(VecDeque::with_capacity(KEPT));
        Self { last, following: broadcast::Sender::new(WAITING) }
    }

    pub(crate) fn take(&self, line: Line) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(line.clone());
        // Nobody has to follow. Under the lock, so that who begins to follow misses none and gets none twice.
        let _ = self.following.send(line);
    }

    /// The last lines, and all that come after them.
    pub(crate) fn follow(&self) -> (Vec<Line>, broadcast::Receiver<Line>) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        (last.iter().cloned().collect(), self.following.subscribe())
    }
}
