//! Hosts: where Moshi is, as the window shows it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Problem;

/// Where a host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum HostPlace {
    /// This computer: the app starts Moshi itself.
    ThisComputer,
    /// A Moshi server.
    Moshi {
        /// Its address, as typed.
        address: String,
    },
    /// A PersonaPlex Bridge, which has a Moshi of its own, and chooses persona and voice by itself.
    Bridge {
        /// Its address, as typed.
        address: String,
    },
    /// A Moshi server behind an SSH tunnel.
    Ssh {
        /// Whom ssh logs in as, and where: `user@host`, or a name from the person's ssh configuration.
        target: String,
        /// Its port; null: as the person's ssh configuration has it.
        port: Option<u16>,
        /// The port at which Moshi listens over there.
        remote_port: u16,
    },
}

/// A host as a person writes it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostDraft {
    /// Its name; empty: its address stands for it.
    pub name: String,
    /// Where it is.
    pub place: HostPlace,
    /// Whether words and sound may go there unencrypted, though it is not on this computer.
    pub plain: bool,
}

/// A host that was set up.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HostProfile {
    /// Unique, and never changes.
    pub id: String,
    /// Its name; never empty.
    pub name: String,
    /// Where it is.
    pub place: HostPlace,
    /// The address as it is shown beside the name.
    pub shown: String,
    /// Whether words and sound may go there unencrypted, though it is not on this computer.
    pub plain: bool,
    /// The fingerprint of the one certificate that is trusted; null: those that the system trusts.
    pub pin: Option<String>,
    /// Whether a token for it is kept.
    pub token: bool,
    /// What its last test found, or finds while it runs.
    pub check: Option<HostCheck>,
}

/// What a test of a host ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum HostVerdict {
    /// It takes calls and keeps up with speech.
    Works,
    /// It takes calls and does not keep up with speech.
    TooSlow,
    /// Somebody else holds it.
    Busy,
    /// Something answers that is no Moshi.
    NotMoshi,
    /// Nothing answers.
    Unreachable,
    /// It, or its certificate, or a rule here stands in the way.
    Refused,
}

/// How a step of a test stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
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

/// A step of a test.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CheckStep {
    /// What is tried, in a few words.
    pub name: String,
    /// How it stands.
    pub state: StepState,
    /// How long it took, or what it measured, in milliseconds.
    pub ms: Option<f64>,
    /// What was found, as a sentence; empty while there is nothing to say.
    pub found: String,
}

/// A test of a host.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HostCheck {
    /// When it began.
    pub at_ms: i64,
    /// Whether it is under way.
    pub running: bool,
    /// Its steps in their order; empty where only the end was kept.
    pub steps: Vec<CheckStep>,
    /// What it ended with; null while it runs, and where it was cancelled.
    pub verdict: Option<HostVerdict>,
    /// The end in a sentence, with its figures.
    pub found: String,
    /// What stands in the way, and what to do.
    pub problem: Option<Problem>,
    /// The fingerprint of a certificate that nobody here trusts yet, to be compared and accepted.
    pub offered: Option<String>,
    /// What the server says that it is.
    pub server: Option<String>,
}

/// The hosts, in order of preference.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Hosts {
    /// All of them.
    pub profiles: Vec<HostProfile>,
    /// The id of the one that Talk calls; null: none is set up.
    pub chosen: Option<String>,
    /// Why it is not in the settings: it was given when the program was started, and holds for this run.
    pub for_this_run: bool,
}
