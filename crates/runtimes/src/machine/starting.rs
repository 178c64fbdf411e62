//! A start under way.

use std::time::{Duration, Instant};

use super::{Effect, Input, Known};
use crate::{Failure, Progress, Stage, State, probe::Instead, sign::Sign};

/// How long after an answer its port is asked again.
pub(super) const ASK: Duration = Duration::from_millis(500);
/// How long something that is no Moshi may answer at its port.
pub(super) const WRONG: Duration = Duration::from_secs(20);
/// After how long without any sign a start is called stalled.
pub(super) const STALLED: Duration = Duration::from_secs(180);
/// Files below this many bytes are here before anybody could read of them.
const SMALL: u64 = 1_000_000;

/// A start under way: how far it is, and whether it is time to ask at its port.
#[derive(Debug)]
pub(super) struct Starting {
    stage: Stage,
    since: Instant,
    progress: Option<Progress>,
    /// How much of its cache had come when it was last looked.
    grown: u64,
    /// When it last gave a sign.
    sign: Instant,
    stalled: bool,
    /// Why it may have stalled, if it has.
    pub(super) quiet: Option<Failure>,
    port: Option<u16>,
    /// When its port is asked next, once it has one and is not being asked.
    ask: Instant,
    asking: bool,
    /// Since when something else answers at its port.
    wrong: Option<Instant>,
    pub(super) known: Option<Known>,
}

impl Starting {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            stage: Stage::Preparing,
            since: now,
            progress: None,
            grown: 0,
            sign: now,
            stalled: false,
            quiet: None,
            port: None,
            ask: now,
            asking: false,
            wrong: None,
            known: None,
        }
    }

    pub(super) fn state(&self) -> State {
        let Self { stage, since, progress, .. } = *self;
        let why = || self.quiet.clone().unwrap_or_else(stalled);
        State::Starting { stage, since, progress, stalled: self.stalled.then(why) }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let asks = (self.port.is_some() && !self.asking).then_some(self.ask);
        let stalls = (!self.stalled).then(|| self.sign + STALLED);
        asks.into_iter().chain(stalls).min()
    }

    pub(super) fn told(&mut self, told: Input, now: Instant) {
        match told {
            Input::Pulling(progress) => {
                self.enter(Stage::Pulling, now);
                self.has(progress, now);
            }
            Input::Launched { port } => {
                self.enter(Stage::Started, now);
                (self.port, self.ask) = (Some(port), now);
            }
            Input::Sign(Sign::Stage(stage)) => self.enter(stage, now),
            Input::Sign(Sign::Listens(port)) => {
                self.enter(Stage::Answering, now);
                (self.port, self.ask) = (port.or(self.port), now);
            }
            Input::Sign(Sign::Progress(progress)) => match progress.of {
                Some(of) if of < SMALL => {}
                Some(of) if of <= progress.bytes => self.progress = None,
                _ => self.has(progress, now),
            },
            Input::Grown(bytes) if bytes > self.grown => {
                self.grown = bytes;
                self.lives(now);
                // A runtime that says itself how much is to come knows better.
                if self.progress.is_none_or(|progress| progress.of.is_none()) {
                    self.progress = Some(Progress { bytes, of: None });
                }
            }
            Input::Grown(_) => self.progress = self.progress.filter(|progress| progress.of.is_some()),
            _ => {}
        }
    }

    fn enter(&mut self, stage: Stage, now: Instant) {
        if self.stage != stage {
            (self.stage, self.since, self.progress) = (stage, now, None);
        }
        self.lives(now);
    }

    fn has(&mut self, progress: Progress, now: Instant) {
        if self.progress != Some(progress) {
            self.progress = Some(progress);
            self.lives(now);
        }
    }

    fn lives(&mut self, now: Instant) {
        (self.sign, self.stalled, self.quiet) = (now, false, None);
    }

    pub(super) fn tick(&mut self, now: Instant) -> Option<Effect> {
        self.stalled |= now.duration_since(self.sign) >= STALLED;
        let port = self.port.filter(|_| !self.asking && now >= self.ask)?;
        self.asking = true;
        Some(Effect::Ask { port })
    }

    /// Takes note that Moshi does not answer. The reason to give up, if it has been something else for too long.
    pub(super) fn no_moshi(&mut self, instead: Instead, now: Instant) -> Option<Failure> {
        (self.asking, self.ask) = (false, now + ASK);
        let Some(what) = instead else {
            self.wrong = None;
            return None;
        };
        let since = *self.wrong.get_or_insert(now);
        (now.duration_since(since) >= WRONG).then(|| {
            Failure::new(
                "runtime.not_moshi",
                format!("Its port is open, and no Moshi answers there. {what}"),
                "See in its last lines what it is, and choose another program or port.",
            )
        })
    }
}

fn stalled() -> Failure {
    Failure::new(
        "runtime.stalled",
        "It has shown no progress for three minutes.",
        "See in its last lines what it was at. Give it more time where the model is large and the disk slow, or else end \
         it and start it again.",
    )
}
