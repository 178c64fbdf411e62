//! How far a download is.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use serde::Serialize;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};

/// How often it is told.
const EVERY: Duration = Duration::from_millis(100);

/// Over which time the speed is measured.
const WINDOW: Duration = Duration::from_secs(5);

/// How far a download is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// The file that it is about.
    pub file: String,
    /// Bytes that are here, of all files.
    pub done: u64,
    /// Bytes of all files; 0 until that is known.
    pub total: u64,
    /// Bytes a second, over the last five.
    pub bytes_per_s: f64,
    /// Seconds until the end, while they can be told.
    pub left_s: Option<u64>,
}

/// What a download does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// It asks which files there are.
    #[default]
    Asking,
    /// Bytes come.
    Fetching,
    /// All of a file has come, and its hash is not ready yet.
    Checking,
}

/// Measures a download and tells of it.
#[derive(Debug)]
pub(super) struct Meter {
    /// Bytes of the file that is coming.
    file: AtomicU64,
    state: Mutex<State>,
    told: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    name: String,
    /// Bytes of the files that are whole.
    before: u64,
    total: u64,
    /// What was there when, over the last seconds.
    seen: VecDeque<(Instant, u64)>,
}

impl Meter {
    pub(super) fn new(told: watch::Sender<Progress>) -> Self {
        Self { file: AtomicU64::new(0), state: Mutex::default(), told }
    }

    /// All that is to come.
    pub(super) fn plan(&self, total: u64) {
        self.state().total = total;
    }

    /// A file comes, of which so much is there.
    pub(super) fn begin(&self, name: &str, done: u64) {
        let mut state = self.state();
        self.file.store(done, Relaxed);
        (state.phase, state.name) = (Phase::Fetching, name.to_owned());
        // What was there already did not come fast.
        state.seen.clear();
    }

    /// Bytes have come.
    pub(super) fn came(&self, bytes: u64) {
        self.file.fetch_add(bytes, Relaxed);
    }

    /// All of the file has come.
    pub(super) fn checking(&self) {
        self.state().phase = Phase::Checking;
    }

    /// A file is whole.
    pub(super) fn finished(&self, size: u64) {
        let mut state = self.state();
        self.file.store(0, Relaxed);
        state.before += size;
    }

    /// Tells ten times a second.
    pub(super) async fn run(&self) -> Infallible {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.tell();
        }
    }

    /// Tells how far it is.
    pub(super) fn tell(&self) {
        let mut state = self.state();
        let done = (state.before + self.file.load(Relaxed)).min(state.total);
        let now = Instant::now();
        state.seen.push_back((now, done));
        while state.seen.front().is_some_and(|(then, _)| now.duration_since(*then) > WINDOW) {
            state.seen.pop_front();
        }
        let bytes_per_s = state.seen.front().map_or(0.0, |(then, before)| {
            let seconds = now.duration_since(*then).as_secs_f64();
            if seconds > 0.0 { done.saturating_sub(*before) as f64 / seconds } else { 0.0 }
        });
        let left = (state.total - done) as f64 / bytes_per_s;
        let left_s = (bytes_per_s > 0.0 && left < 1e9).then(|| left.ceil() as u64);
        let (phase, file, total) = (state.phase, state.name.clone(), state.total);
        self.told.send_replace(Progress { phase, file, done, total, bytes_per_s, left_s });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
