//! What happens to a local Moshi, decided without doing anything: an input and the time go in, an effect comes out.

mod starting;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use hosts::Local;

use self::starting::Starting;
use crate::{Failure, Progress, State, probe::Instead, sign::Sign};

/// How long after its end a runtime is started again: after the first end, the second, and the last.
const BACKOFF: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];
/// The time in which it is started again as often as that and not more.
const WINDOW: Duration = Duration::from_secs(300);
/// How long before the end of a runtime that was ready the line may be that explains the end.
const RECENT: Duration = Duration::from_secs(10);

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
