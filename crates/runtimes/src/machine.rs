//! What happens to a local Moshi, decided without doing anything: an input and the time go in, an effect comes out.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use hosts::Local;

use crate::{Failure, Progress, Stage, State, probe::Instead, sign::Sign};

/// How long after its end a runtime is started again: after the first end, the second, and the last.
const BACKOFF: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];
/// The time in which it is started again as often as that and not more.
const WINDOW: Duration = Duration::from_secs(300);
/// How long after an answer its port is asked again.
const ASK: Duration = Duration::from_millis(500);
/// How long something that is no Moshi may answer at its port.
const WRONG: Duration = Duration::from_secs(20);
/// After how long without any sign a start is called stalled.
const STALLED: Duration = Duration::from_secs(180);
/// How long before the end of a runtime that was ready the line may be that explains the end.
const RECENT: Duration = Duration::from_secs(10);
/// Files below this many bytes are here before anybody could read of them.
const SMALL: u64 = 1_000_000;

/// What comes to the machine.
#[derive(Debug)]
pub(crate) enum Input {
    /// It is to run. While it does, it is ended and started anew, as something else may have been chosen. `fixed`: at no
    /// other port than the one that is wanted.
    Start { fixed: bool },
    /// It is not to run.
    Stop,
    /// An image is being downloaded.
    Pulling(Progress),
    /// Its process or container runs, and is to listen at this port.
    Launched { port: u16 },
    /// It was not even started, for this reason.
    Refused(Failure),
    /// A line told something.
    Sign(Sign),
    /// A line is the sign of a failure that is known.
    Known(Known),
    /// So many bytes have come into its cache since it was started.
    Grown(u64),
    /// Its process or container has ended.
    Ended(Ended),
    /// Moshi answers.
    Moshi(Local),
    /// Moshi does not answer, but something else, as this says, or nobody.
    NoMoshi(Instead),
    /// The moment has come that [`Machine::deadline`] named.
    Tick,
}

/// A failure that a line told of. It counts once the runtime has ended, as many a warning looks like a failure.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) failure: Failure,
    /// Whether another port helps, or nothing does.
    pub(crate) another_port: bool,
    /// The line is a usual one, and tells of a failure only where nothing follows it for minutes.
    pub(crate) if_stalled: bool,
}

/// How a process or container ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// The end in words, with the last lines.
    pub(crate) why: Failure,
    /// It ends like this where trying again cannot help.
    pub(crate) hopeless: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Start it. `elsewhere`: at another port than the one that is wanted.
    Launch { elsewhere: bool },
    /// End it, and report its end also if it was not launched yet.
    End,
    /// Ask whether Moshi is at the port.
    Ask { port: u16 },
}

/// The state of a local Moshi.
#[derive(Debug)]
pub(crate) struct Machine {
    phase: Phase,
    /// When it was or will be started again, as far as that counts.
    restarts: Vec<Instant>,
    fixed: bool,
}

#[derive(Debug)]
enum Phase {
    Off,
    Starting(Starting),
    Ready { local: Local, since: Instant, known: Option<(Known, Instant)> },
    Stopping(Then),
    Waiting { until: Instant, why: Failure, elsewhere: bool },
    Failed(Failure),
}

/// What follows once it has ended.
#[derive(Debug)]
enum Then {
    Off,
    Start,
    Fail(Failure),
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { phase: Phase::Off, restarts: Vec::new(), fixed: false }
    }

    /// What is true now.
    pub(crate) fn state(&self) -> State {
        match &self.phase {
            Phase::Off => State::Off,
            Phase::Starting(starting) => starting.state(),
            Phase::Ready { local, since, .. } => State::Ready { local: local.clone(), since: *since },
            Phase::Stopping(_) => State::Stopping,
            Phase::Waiting { until, why, .. } => {
                State::Waiting { until: *until, attempt: self.restarts.len(), why: why.clone() }
            }
            Phase::Failed(why) => State::Failed { why: why.clone() },
        }
    }

    /// How often it was started again, or will be, within five minutes.
    pub(crate) fn restarts(&self) -> usize {
        self.restarts.len()
    }

    /// When [`Input::Tick`] is to come.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Starting(starting) => starting.deadline(),
            Phase::Waiting { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// Takes an input, and says what is to be done.
    pub(crate) fn step(&mut self, input: Input, now: Instant) -> Option<Effect> {
        self.restarts.retain(|restart| now.saturating_duration_since(*restart) < WINDOW);
        match input {
            Input::Start { fixed } => {
                self.fixed = fixed;
                self.wish(Then::Start, now)
            }
            Input::Stop => self.wish(Then::Off, now),
            Input::Refused(why) => self.over(now, |_| Phase::Failed(why)),
            Input::Ended(ended) => self.over(now, |machine| machine.ended_by_itself(ended, now)),
            Input::Known(known) => {
                match &mut self.phase {
                    Phase::Starting(starting) if known.if_stalled => starting.quiet = Some(known.failure),
                    _ if known.if_stalled => {}
                    Phase::Starting(starting) => starting.known = Some(known),
                    Phase::Ready { known: last, .. } => *last = Some((known, now)),
                    _ => {}
                }
                None
            }
            Input::Moshi(local) => {
                if matches!(self.phase, Phase::Starting(_)) {
                    self.phase = Phase::Ready { local, since: now, known: None };
                }
                None
            }
            Input::NoMoshi(instead) => {
                let Phase::Starting(starting) = &mut self.phase else { return None };
                let why = starting.no_moshi(instead, now)?;
                self.phase = Phase::Stopping(Then::Fail(why));
                Some(Effect::End)
            }
            Input::Tick => self.tick(now),
            told => {
                if let Phase::Starting(starting) = &mut self.phase {
                    starting.told(told, now);
                }
                self.tick(now)
            }
        }
    }

    /// What a person wants counts at once, and as if nothing had been before.
    fn wish(&mut self, then: Then, now: Instant) -> Option<Effect> {
        self.restarts.clear();
        match self.phase {
            Phase::Starting(_) | Phase::Ready { .. } => {
                self.phase = Phase::Stopping(then);
                Some(Effect::End)
            }
            Phase::Stopping(_) => {
                self.phase = Phase::Stopping(then);
                None
            }
            Phase::Off | Phase::Waiting { .. } | Phase::Failed(_) => self.follow(then, now),
        }
    }

    fn follow(&mut self, then: Then, now: Instant) -> Option<Effect> {
        match then {
            Then::Off => {
                self.phase = Phase::Off;
                None
            }
            Then::Start => Some(self.launch(false, now)),
            Then::Fail(why) => {
                self.phase = Phase::Failed(why);
                None
            }
        }
    }

    fn launch(&mut self, elsewhere: bool, now: Instant) -> Effect {
        self.phase = Phase::Starting(Starting::new(now));
        Effect::Launch { elsewhere }
    }

    /// The process or container is gone. `by_itself` says what follows where nobody asked for that.
    fn over(&mut self, now: Instant, by_itself: impl FnOnce(&mut Self) -> Phase) -> Option<Effect> {
        if !matches!(self.phase, Phase::Stopping(_)) {
            self.phase = by_itself(self);
            return None;
        }
        match std::mem::replace(&mut self.phase, Phase::Off) {
            Phase::Stopping(then) => self.follow(then, now),
            _ => None,
        }
    }

    fn ended_by_itself(&mut self, Ended { mut why, hopeless }: Ended, now: Instant) -> Phase {
        let mut helps = !hopeless;
        let mut elsewhere = false;
        let (known, served) = match &mut self.phase {
            Phase::Starting(starting) => (starting.known.take(), false),
            Phase::Ready { known, .. } => (
                known.take().filter(|(_, at)| now.duration_since(*at) < RECENT).map(|(known, _)| known),
                true,
            ),
            _ => (None, false),
        };
        if let Some(Known { failure, another_port, .. }) = known {
            why = Failure { exit: why.exit, lines: why.lines, ..failure };
            elsewhere = another_port;
            // What worked once may work again. What is known to stand in the way of a start stays there.
            helps = if another_port { !self.fixed } else { served };
        }
        let wait = BACKOFF.get(self.restarts.len());
        match wait.filter(|_| helps) {
            Some(wait) => {
                let until = now + *wait;
                self.restarts.push(until);
                Phase::Waiting { until, why, elsewhere }
            }
            None if helps => {
                why.what = format!("It was started again three times in five minutes. {}", why.what);
                Phase::Failed(why)
            }
            None => Phase::Failed(why),
        }
    }

    fn tick(&mut self, now: Instant) -> Option<Effect> {
        match &mut self.phase {
            Phase::Starting(starting) => starting.tick(now),
            Phase::Waiting { until, elsewhere, .. } if now >= *until => {
                let elsewhere = *elsewhere;
                Some(self.launch(elsewhere, now))
            }
            _ => None,
        }
    }
}

/// A start under way.
#[derive(Debug)]
struct Starting {
    stage: Stage,
    since: Instant,
    progress: Option<Progress>,
    /// How much of its cache had come when it was last looked.
    grown: u64,
    /// When it last gave a sign.
    sign: Instant,
    stalled: bool,
    /// Why it may have stalled, if it has.
    quiet: Option<Failure>,
    port: Option<u16>,
    /// When its port is asked next, once it has one and is not being asked.
    ask: Instant,
    asking: bool,
    /// Since when something else answers at its port.
    wrong: Option<Instant>,
    known: Option<Known>,
}

impl Starting {
    fn new(now: Instant) -> Self {
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

    fn state(&self) -> State {
        let Self { stage, since, progress, .. } = *self;
        let why = || self.quiet.clone().unwrap_or_else(stalled);
        State::Starting { stage, since, progress, stalled: self.stalled.then(why) }
    }

    fn deadline(&self) -> Option<Instant> {
        let asks = (self.port.is_some() && !self.asking).then_some(self.ask);
        let stalls = (!self.stalled).then(|| self.sign + STALLED);
        asks.into_iter().chain(stalls).min()
    }

    fn told(&mut self, told: Input, now: Instant) {
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
                // A runtime that says itself how much is to come knows better.
                if self.progress.is_none_or(|progress| progress.of.is_none()) {
                    self.has(Progress { bytes, of: None }, now);
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

    fn tick(&mut self, now: Instant) -> Option<Effect> {
        self.stalled |= now.duration_since(self.sign) >= STALLED;
        let port = self.port.filter(|_| !self.asking && now >= self.ask)?;
        self.asking = true;
        Some(Effect::Ask { port })
    }

    /// Takes note that Moshi does not answer. The reason to give up, if it has been something else for too long.
    fn no_moshi(&mut self, instead: Instead, now: Instant) -> Option<Failure> {
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
        "It has said nothing for three minutes.",
        "See in its last lines what it was at. Give it more time where the model is large and the disk slow, or else end \
         it and start it again.",
    )
}
