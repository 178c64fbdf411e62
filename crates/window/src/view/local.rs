//! Moshi as a process on this computer, as the window shows it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Problem;

/// A program that can be Moshi on this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Runtime {
    /// `myca host`, which comes with the app.
    MycaHost,
    /// Kyutai's `moshi.server` in Python.
    PythonMoshi,
    /// NVIDIA's `moshi.server` in Python, for PersonaPlex.
    PersonaPlex,
    /// Kyutai's `moshi-backend` in Rust.
    MoshiBackend,
    /// The Docker image of the Python server.
    Docker,
}

/// How Moshi is started on this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct LocalSetup {
    /// The program.
    pub runtime: Runtime,
    /// The id of the model; empty: the best of those that are here.
    pub model: String,
    /// The Python interpreter, or the virtual environment, for those runtimes that are in Python; empty: the one that
    /// the system finds.
    pub python: String,
    /// The program `moshi-backend`; empty: the one that the system finds.
    pub backend: String,
    /// The Docker image; empty: the usual one.
    pub image: String,
    /// Whether it is started together with the app.
    pub with_app: bool,
}

/// Where the local Moshi stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum LocalPhase {
    /// It does not run.
    #[default]
    Off,
    /// It is being started.
    Starting,
    /// It takes calls.
    Ready,
    /// It is being stopped.
    Stopping,
    /// It ended by itself, and is started again at [`Local::retry_at_ms`].
    Waiting,
    /// It could not be started, or ended too often.
    Failed,
}

/// What a start is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum LocalStage {
    /// The program is being started.
    Launching,
    /// It fetches what it needs.
    Downloading,
    /// It reads the model.
    Loading,
    /// It runs its first frames.
    WarmingUp,
}

/// The local Moshi.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Local {
    /// Where it stands.
    pub phase: LocalPhase,
    /// Since when.
    pub since_ms: i64,
    /// What the start is at.
    pub stage: Option<LocalStage>,
    /// What runs, in a few words: the runtime and the model.
    pub what: String,
    /// Where it takes calls.
    pub address: Option<String>,
    /// How often it was started again, in the last five minutes.
    pub restarts: u32,
    /// When it is started again.
    pub retry_at_ms: Option<i64>,
    /// Why it does not run.
    pub problem: Option<Problem>,
    /// What is worth knowing though it runs, such as a port that the network can reach.
    pub warnings: Vec<String>,
    /// The file with everything that it printed.
    pub log_file: Option<String>,
}
