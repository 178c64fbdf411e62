//! A finding while reasons are still being collected.

use crate::{
    Basis, Effect, Finding, Reason, Runtime, Step, TimedRun, Verdict, Weights, World,
    figures::{ENOUGH_FRAMES, FRAME_MS, ms},
};

/// Reasons for and against one runtime. Its verdict follows from them.
pub(super) struct Draft {
    runtime: Runtime,
    weights: Weights,
    device: Option<String>,
    reasons: Vec<(Reason, Holds)>,
}

/// Whether a timed run refutes a reason.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// It was a prediction: what has run runs.
    UntilTimed,
    /// It is so now, whatever has run before.
    Now,
}

impl Draft {
    pub(super) fn new(runtime: Runtime, weights: Weights, device: Option<&str>) -> Self {
        Self { runtime, weights, device: device.map(str::to_owned), reasons: Vec::new() }
    }

    pub(super) fn weights(&self) -> Weights {
        self.weights
    }

    /// Something stands in the way as the machine is now.
    pub(super) fn stops(&mut self, code: &'static str, says: impl Into<String>, next: Step) {
        self.add(Effect::Stops, Basis::Read, Holds::Now, code, says.into(), Some(next));
    }

    /// By all that is known it will fail; a timed run would prove otherwise.
    pub(super) fn will_fail(&mut self, code: &'static str, says: impl Into<String>, next: Step) {
        self.add(Effect::Stops, Basis::Read, Holds::UntilTimed, code, says.into(), Some(next));
    }

    /// It would fall behind.
    pub(super) fn slows(&mut self, code: &'static str, says: impl Into<String>, basis: Basis, next: Step) {
        self.add(Effect::Slows, basis, Holds::UntilTimed, code, says.into(), Some(next));
    }

    /// Too little is known to say.
    pub(super) fn leaves_open(&mut self, code: &'static str, says: impl Into<String>, next: Step) {
        self.add(Effect::Unknown, Basis::Read, Holds::UntilTimed, code, says.into(), Some(next));
    }

    /// It makes it doubtful.
    pub(super) fn doubts(
        &mut self,
        code: &'static str,
        says: impl Into<String>,
        basis: Basis,
        next: Option<Step>,
    ) {
        self.add(Effect::Doubts, basis, Holds::UntilTimed, code, says.into(), next);
    }

    /// Good to know.
    pub(super) fn notes(
        &mut self,
        code: &'static str,
        says: impl Into<String>,
        basis: Basis,
        next: Option<Step>,
    ) {
        self.add(Effect::Notes, basis, Holds::Now, code, says.into(), next);
    }

    fn add(
        &mut self,
        effect: Effect,
        basis: Basis,
        holds: Holds,
        code: &'static str,
        says: String,
        next: Option<Step>,
    ) {
        self.reasons.push((Reason { code, effect, basis, says, next }, holds));
    }

    /// The verdict on all of it, and on a timed run if there is one: what was measured counts more than what was read.
    pub(super) fn finish(mut self, world: &World) -> Finding {
        if let Some(run) = self.run(world) {
            self.reasons.retain(|(_, holds)| *holds == Holds::Now);
            self.weigh(run);
        }
        self.reasons.sort_by_key(|(reason, _)| reason.effect);
        let reasons: Vec<Reason> = self.reasons.into_iter().map(|(reason, _)| reason).collect();
        let has = |effect| reasons.iter().any(|reason| reason.effect == effect);
        let verdict = if has(Effect::Stops) {
            Verdict::WillNotStart
        } else if has(Effect::Slows) {
            Verdict::TooSlow
        } else if has(Effect::Proves) {
            Verdict::Works
        } else if has(Effect::Unknown) {
            Verdict::Unknown
        } else {
            Verdict::ShouldWork
        };
        let doubtful = has(Effect::Doubts);
        let deciding = reasons.first().filter(|reason| reason.effect < Effect::Notes);
        let basis = deciding.map_or(Basis::Read, |reason| reason.basis);
        let told = reasons.iter().filter(|reason| reason.effect <= Effect::Unknown);
        let next = told.filter_map(|reason| reason.next.clone()).next().unwrap_or_else(|| match verdict {
            Verdict::Works => Step::new("Start it."),
            _ => Step::new("Time it: only a run on this computer tells whether it keeps up."),
        });
        Finding {
            runtime: self.runtime,
            weights: self.weights,
            device: self.device,
            verdict,
            basis,
            doubtful,
            reasons,
            next,
        }
    }

    /// The run of just this on this device that is long enough to say something.
    fn run<'a>(&self, world: &'a World) -> Option<&'a TimedRun> {
        world.measured.runs.iter().rev().find(|run| {
            (run.runtime, run.weights) == (self.runtime, self.weights)
                && (run.device.is_none() || run.device == self.device)
                && run.frames >= ENOUGH_FRAMES
        })
    }

    fn weigh(&mut self, run: &TimedRun) {
        let TimedRun { median_ms, p95_ms, frames, .. } = run;
        let timed = format!("{frames} frames were timed here: half took less than {}", ms(*median_ms));
        let (effect, code, says, next) = if *median_ms >= FRAME_MS {
            let says = format!("{timed}, and a conversation leaves {FRAME_MS:.0} for each.");
            let next = Step::new("Use smaller weights, another runtime or a remote host.");
            (Effect::Slows, "timed.slow", says, Some(next))
        } else if *p95_ms >= FRAME_MS {
            let says = format!(
                "{timed}, but one in twenty took more than {}, and a conversation leaves {FRAME_MS:.0}: the \
                 sound will break up at times.",
                ms(*p95_ms)
            );
            let next = Step::new("Close what else uses this computer and time it again.");
            (Effect::Doubts, "timed.uneven", says, Some(next))
        } else {
            let p95 = ms(*p95_ms);
            let says = format!(
                "{timed} and nineteen of twenty less than {p95}, of {FRAME_MS:.0} ms that there are."
            );
            (Effect::Proves, "timed.fast", says, None)
        };
        self.add(effect, Basis::Measured, Holds::Now, code, says, next);
    }
}
