//! How far the doctor is: a line on the terminal, or events for a program.

use std::{future::Future, pin::pin};

use ::doctor::{World, probe::Progress};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Timed;
use crate::print::{Show, out, progress_line};

/// What the doctor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Reading,
    Measuring,
    Timing,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Measuring => "measuring",
            Self::Timing => "timing",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Reading => "Reading",
            Self::Measuring => "Measuring",
            Self::Timing => "Timing",
        }
    }
}

impl Show {
    /// Does some work and tells how far it is.
    pub(super) async fn follow<T>(
        &mut self,
        phase: Phase,
        mut seen: watch::Receiver<Progress>,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        loop {
            let done = tokio::select! {
                biased;
                Ok(()) = seen.changed() => None,
                done = &mut work => Some(done),
            };
            if done.is_none() || seen.has_changed().unwrap_or(false) {
                let Progress { done, of, last } = *seen.borrow_and_update();
                self.progress(phase, last, done, of);
            }
            if let Some(done) = done {
                return done;
            }
        }
    }

    /// So many parts are done, and this one last.
    pub(super) fn progress(&mut self, phase: Phase, what: &str, done: usize, of: usize) {
        match self {
            Self::Events => event(&json!({
                "event": "progress", "phase": phase.name(), "what": what, "done": done, "of": of,
            })),
            Self::Terminal => progress_line(&format!("{}: {done} of {of} {what}", phase.words())),
            Self::Silent => {}
        }
    }

    /// This is known now.
    pub(super) fn world(&self, world: &World) {
        if *self == Self::Events {
            event(&json!({ "event": "world", "world": world }));
        }
    }

    /// A model was timed, or could not be, which the world says then.
    pub(super) fn timed(&self, timed: Option<&Timed>) {
        if *self == Self::Events {
            event(&json!({ "event": "timed", "timed": timed }));
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&self) {
        if *self == Self::Terminal {
            progress_line("");
        }
    }
}

fn event(event: &Value) {
    out(format_args!("{event}\n"));
}
