//! What is told of the local Moshi.

use std::time::Instant;

use hosts::Local;
use process::Exit;

use crate::{RuntimeKind, StartError, Warning};

/// How the local Moshi is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Which runtime it is about; none before the first start.
    pub kind: Option<RuntimeKind>,
    /// What is true now.
    pub state: State,
    /// How often it was started again in the last five minutes.
    pub restarts: usize,
    /// The port that was wanted, where another one had to be taken.
    pub moved: Option<Moved>,
    /// What a person should know of the runtime.
    pub warnings: Vec<Warning>,
}

/// A port that was wanted and is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The port that was wanted.
    pub from: u16,
    /// The program that has it, if the system tells.
    pub by: Option<String>,
}

/// What is true of the local Moshi.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing runs.
    Off,
    /// It is being started.
    Starting {
        /// How far it is.
        stage: Stage,
        /// Since when it is that far.
        since: Instant,
        /// How much has been downloaded in this stage.
        progress: Option<Progress>,
        /// It has given no sign for three minutes, perhaps for this reason.
        stalled: Option<Failure>,
    },
    /// It can be talked with.
    Ready {
        /// Where, and the certificate to pin if it has one of its own making.
        local: Local,
        /// Since when.
        since: Instant,
    },
    /// It is being ended.
    Stopping,
    /// It ended by itself, and will be started again.
    Waiting {
        /// When.
        until: Instant,
        /// The how many-th start in a row that will be, the first one not counted.
        attempt: usize,
        /// Why it ended.
        why: Failure,
    },
    /// It ended by itself or did not start, and stays off.
    Failed {
        /// Why.
        why: Failure,
    },
}

/// How far a start is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// What it needs is looked at, and it is started.
    Preparing,
    /// Docker downloads the image.
    Pulling,
    /// It runs and has said nothing yet.
    Started,
    /// It gets the model's files, from the cache or by download.
    Fetching,
    /// It reads the model.
    Loading,
    /// It calculates its first steps.
    WarmingUp,
    /// It says that it takes callers, and has not answered yet.
    Answering,
}

/// How much of something is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are here.
    pub bytes: u64,
    /// All bytes, if that is known.
    pub of: Option<u64>,
}

/// Why there is no local Moshi.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Stable code for the edge.
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// What to do.
    pub next: String,
    /// How the process ended, if one did.
    pub exit: Option<Exit>,
    /// The last lines that it printed, the newest at the end.
    pub lines: Vec<String>,
}

impl Failure {
    pub(crate) fn new(code: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code, what: what.into(), next: next.into(), exit: None, lines: Vec::new() }
    }
}

impl From<&StartError> for Failure {
    fn from(error: &StartError) -> Self {
        Self::new(error.code(), error.to_string(), error.next())
    }
}
