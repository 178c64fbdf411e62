//! What the doctor says of this computer, as the window shows it.

use serde::Serialize;
use ts_rs::TS;

use super::{Problem, Runtime};

/// What the doctor is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum DoctorPhase {
    /// It has not looked yet.
    #[default]
    Never,
    /// It reads what this computer is; that takes two seconds at most.
    Reading,
    /// It measures; that takes 20 seconds at most.
    Measuring,
    /// It has said what it has to say.
    Done,
    /// It could not.
    Failed,
}

/// What a runtime can do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It keeps up with speech: it was measured.
    Works,
    /// By what was read it will keep up with speech; it was not measured.
    ShouldWork,
    /// Too little is known to say.
    Unknown,
    /// It would run, and not keep up with speech.
    TooSlow,
    /// It would not start.
    WillNotStart,
}

/// What a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Basis {
    /// What this computer says of itself.
    Read,
    /// What was measured on it.
    Measured,
}

/// What one runtime can do with one kind of weights.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DoctorRow {
    /// The runtime and where it would run, as it is shown: "myca host on the GPU".
    pub runtime: String,
    /// The program that would be started.
    pub program: Runtime,
    /// The weights: bf16, q8, q4; null where that makes no difference.
    pub weights: Option<String>,
    /// What it can do.
    pub verdict: Verdict,
    /// What that rests on.
    pub basis: Basis,
    /// Why, each a sentence with its figures.
    pub reasons: Vec<String>,
    /// What to do; empty where there is nothing to do.
    pub next: String,
    /// Whether this is the best choice here.
    pub recommended: bool,
}

/// A fact about this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DoctorFact {
    /// What it is about: "Graphics", "Memory".
    pub name: String,
    /// What is true.
    pub value: String,
}

/// The doctor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Doctor {
    /// What it is at.
    pub phase: DoctorPhase,
    /// Since when.
    pub since_ms: i64,
    /// What it looks at right now.
    pub at_work: String,
    /// How much is done, from 0 to 1.
    pub progress: f64,
    /// Everything in one or two plain sentences.
    pub summary: String,
    /// What this computer is.
    pub facts: Vec<DoctorFact>,
    /// What each runtime can do.
    pub rows: Vec<DoctorRow>,
    /// What could not be looked at in time, or at all.
    pub left_out: Vec<String>,
    /// Why it could not.
    pub problem: Option<Problem>,
}
