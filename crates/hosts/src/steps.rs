//! How a test of a host goes on.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

/// A step of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The SSH tunnel.
    Tunnel,
    /// The connection.
    Reach,
    /// TLS.
    Encryption,
    /// Whether it is what it should be.
    Ask,
    /// Until it begins a conversation.
    Handshake,
    /// There and back.
    RoundTrip,
    /// How long it works on a frame.
    FrameTime,
}

impl Step {
    /// What is tried, in a few words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tunnel => "Open the tunnel",
            Self::Reach => "Reach it",
            Self::Encryption => "Agree on encryption",
            Self::Ask => "Ask what it is",
            Self::Handshake => "Begin a conversation",
            Self::RoundTrip => "Measure the way",
            Self::FrameTime => "Measure its model",
        }
    }
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It has not begun.
    Waiting,
    /// It is under way.
    Running,
    /// It went well.
    Done,
    /// It went wrong.
    Failed,
    /// It was not needed, or not possible after what came before.
    Skipped,
}

/// A step, as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// Which.
    pub step: Step,
    /// How it stands.
    pub state: StepState,
    /// How long it took, or what it measured, in milliseconds.
    pub ms: Option<f64>,
    /// What was found, as a sentence; empty while there is nothing to say.
    pub found: String,
}

/// All steps of a test, told to whoever looks each time that one changes.
#[derive(Debug)]
pub(crate) struct Steps<'a> {
    all: Vec<StepReport>,
    tell: &'a watch::Sender<Vec<StepReport>>,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(steps: &[Step], tell: &'a watch::Sender<Vec<StepReport>>) -> Self {
        let waiting = |step: &Step| StepReport {
            step: *step,
            state: StepState::Waiting,
            ms: None,
            found: String::new(),
        };
        let steps = Self { all: steps.iter().map(waiting).collect(), tell };
        steps.tell.send_replace(steps.all.clone());
        steps
    }

    pub(crate) fn begin(&mut self, step: Step) {
        self.set(step, StepState::Running, None, String::new());
    }

    pub(crate) fn done(&mut self, step: Step, took: Duration, found: impl Into<String>) {
        self.set(step, StepState::Done, Some(ms(took)), found.into());
    }

    pub(crate) fn measured(&mut self, step: Step, ms: f64, found: impl Into<String>) {
        self.set(step, StepState::Done, Some(ms), found.into());
    }

    pub(crate) fn skip(&mut self, step: Step, why: &str) {
        self.set(step, StepState::Skipped, None, why.to_owned());
    }

    /// The step that is under way failed, and the ones after it are not tried.
    pub(crate) fn fail(&mut self, what: &str) {
        for report in &mut self.all {
            match report.state {
                StepState::Running => {
                    report.state = StepState::Failed;
                    what.clone_into(&mut report.found);
                }
                StepState::Waiting => report.state = StepState::Skipped,
                _ => {}
            }
        }
        self.tell.send_replace(self.all.clone());
    }

    pub(crate) fn finish(self) -> Vec<StepReport> {
        self.all
    }

    fn set(&mut self, step: Step, state: StepState, ms: Option<f64>, found: String) {
        if let Some(report) = self.all.iter_mut().find(|report| report.step == step) {
            *report = StepReport { step, state, ms, found };
        }
        self.tell.send_replace(self.all.clone());
    }
}

/// In milliseconds, as far as anybody cares.
pub(crate) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 10.0
}
