//! The types that cross into the window. Times are milliseconds since 1970, sound levels dBFS.
//!
//! `cargo xtask bindings` writes them out as TypeScript; whatever is public here is what the window can rely on.

use serde::Serialize;
use ts_rs::TS;

mod call;
mod doctor;
mod hearing;
mod hosts;
mod local;
mod models;
mod panels;
mod sound;

pub use call::*;
pub use doctor::*;
pub use hearing::*;
pub use hosts::*;
pub use local::*;
pub use models::*;
pub use panels::*;
pub use sound::*;

/// How the window looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Theme {
    /// As the system has it.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// What a person can set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Whether the first screen was left: by a choice, or on purpose.
    pub welcomed: bool,
    /// Whether the next host in the list is called where the chosen one does not answer.
    pub use_next_host: bool,
    /// How Moshi is started on this computer.
    pub local: LocalSetup,
    /// Where models are downloaded from, as typed; empty: Hugging Face.
    pub model_endpoint: String,
    /// How long to wait for the host's handshake, in seconds.
    pub handshake_limit_s: u32,
    /// Who Moshi is to be; empty for the default.
    pub persona: String,
    /// PersonaPlex voice, as it is sent.
    pub voice: String,
    /// The microphone's id; null follows the system's default.
    pub input_device: Option<String>,
    /// The loudspeaker's id; null follows the system's default.
    pub output_device: Option<String>,
    /// How the window looks.
    pub theme: Theme,
    /// Address of the agent system, as typed; empty: the built-in brain answers.
    pub mas_address: String,
    /// Whether a service token for it is kept in the system's keyring.
    pub mas_token: bool,
    /// Address of a server with a language model for the built-in brain, as typed; empty: one that runs on this
    /// computer is looked for.
    pub model_address: String,
    /// The name of its language model; empty: the first that it has.
    pub model: String,
    /// The name under which the brain remembers the person.
    pub person: String,
    /// Who makes text of what the person says.
    pub ear: EarChoice,
    /// The id of the model of a recogniser on this computer; empty leaves the choice to the program.
    pub ear_model: String,
    /// Address of a server that recognises, as typed; empty: none is set up.
    pub ear_address: String,
    /// Whether sound may go there unencrypted, though it is not on this computer.
    pub ear_plain: bool,
    /// Whether there is a key for it.
    pub ear_key: bool,
    /// Who answers what the person says.
    pub answerer: Answerer,
    /// When Moshi says a reply of the brain's.
    pub says: Says,
}

/// A section of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Section {
    /// Where Moshi is.
    Host,
    /// The models on this computer.
    Models,
    /// What this computer can run.
    Doctor,
    /// Sound.
    Audio,
    /// Who hears what the person says, and who answers it.
    Hearing,
    /// Who Moshi is to be.
    Persona,
    /// Who answers.
    Brain,
    /// How the window looks.
    Appearance,
    /// The program.
    About,
}

impl Section {
    /// What they are called where a brain asks for them.
    pub const NAMES: [&str; 9] =
        ["host", "models", "doctor", "audio", "hearing", "persona", "brain", "appearance", "about"];

    /// The section of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "host" => Self::Host,
            "models" => Self::Models,
            "doctor" => Self::Doctor,
            "audio" => Self::Audio,
            "hearing" => Self::Hearing,
            "persona" => Self::Persona,
            "brain" => Self::Brain,
            "appearance" => Self::Appearance,
            "about" => Self::About,
            _ => return None,
        })
    }
}

/// How grave a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Worth a look.
    Warning,
    /// Something is wrong.
    Error,
}

/// Something to tell that belongs to no control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Unique; a notice with the same id replaces the one before.
    pub id: String,
    /// How grave it is.
    pub level: NoticeLevel,
    /// What it says.
    pub problem: Problem,
    /// Since when.
    pub at_ms: i64,
}

/// Where the echo test stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum EchoTestState {
    /// Not running.
    Off,
    /// Starting.
    Starting,
    /// The person hears their own microphone.
    Running,
    /// It could not start, or ended by itself.
    Failed,
}

/// The echo test.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct EchoTest {
    /// Where it stands.
    pub state: EchoTestState,
    /// From the air at the microphone to the air at the loudspeaker, in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// Why it failed.
    pub problem: Option<Problem>,
}

/// The program itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct AppInfo {
    /// Its version.
    pub version: String,
    /// The folder with the conversations, to show.
    pub data_folder: String,
}

/// Everything that the window shows.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// The program.
    pub app: AppInfo,
    /// The call.
    pub call: Call,
    /// The status lights, in their order.
    pub lights: Vec<Light>,
    /// The conversation that goes on.
    pub conversation_id: String,
    /// Its turns, oldest first.
    pub turns: Vec<Turn>,
    /// What is set.
    pub settings: Settings,
    /// Where Moshi can be.
    pub hosts: Hosts,
    /// Moshi on this computer.
    pub local: Local,
    /// What the doctor says of this computer.
    pub doctor: Doctor,
    /// The models on this computer.
    pub models: Models,
    /// Voices that can be chosen.
    pub voices: Vec<String>,
    /// Microphones and loudspeakers.
    pub devices: Devices,
    /// The way of a sound.
    pub latency: Latency,
    /// What there is to tell.
    pub notices: Vec<Notice>,
    /// The echo test.
    pub echo_test: EchoTest,
    /// Who hears what the person says.
    pub ear: Ear,
    /// The recogniser on this computer.
    pub recogniser: Local,
    /// Dictation into the text box.
    pub dictation: Dictation,
    /// When the last turns went from one hand to the next, each turn once.
    pub times: Vec<TurnTimes>,
    /// What the brain thinks, calls, runs and remembers.
    pub panels: Panels,
    /// What has happened.
    pub log: Log,
}

/// A change of the snapshot. Each carries a whole, so that applying one twice does no harm.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase", tag = "type")]
#[allow(clippy::large_enum_variant, reason = "a batch holds few of them, and panels are exchanged rarely")]
pub enum UiEvent {
    /// The call.
    Call {
        /// As it is now.
        call: Call,
    },
    /// The status lights.
    Lights {
        /// As they are now.
        lights: Vec<Light>,
    },
    /// A turn is new or changed.
    Turn {
        /// As it is now.
        turn: Turn,
    },
    /// Another conversation goes on.
    Conversation {
        /// Its id.
        id: String,
        /// Its turns.
        turns: Vec<Turn>,
    },
    /// The devices.
    Devices {
        /// As they are now.
        devices: Devices,
    },
    /// The settings.
    Settings {
        /// As they are now.
        settings: Settings,
    },
    /// The hosts.
    Hosts {
        /// As they are now.
        hosts: Hosts,
    },
    /// Moshi on this computer.
    Local {
        /// As it is now.
        local: Local,
    },
    /// The recogniser on this computer.
    Recogniser {
        /// As it is now.
        recogniser: Local,
    },
    /// The doctor.
    Doctor {
        /// As it is now.
        doctor: Doctor,
    },
    /// The models.
    Models {
        /// As they are now.
        models: Models,
    },
    /// Sound since the last event of this kind.
    Signal {
        /// The sound.
        signal: Signal,
    },
    /// The way of a sound.
    Latency {
        /// As it is now.
        latency: Latency,
    },
    /// The notices.
    Notices {
        /// Those that stand now.
        notices: Vec<Notice>,
    },
    /// The echo test.
    #[serde(rename_all = "camelCase")]
    EchoTest {
        /// As it is now.
        echo_test: EchoTest,
    },
    /// Who hears what the person says.
    Ear {
        /// As it is now.
        ear: Ear,
    },
    /// Dictation into the text box.
    Dictation {
        /// As it is now.
        dictation: Dictation,
    },
    /// More is known about when a turn went from one hand to the next.
    Times {
        /// All that is known of the turn.
        times: TurnTimes,
    },
    /// The person wants to see this section of the settings, and said so to the brain.
    OpenSettings {
        /// The section.
        section: Section,
    },
    /// The panels, all of them: another conversation goes on, or another brain answers.
    Panels {
        /// As they are now.
        panels: Panels,
    },
    /// What the brain does.
    Brain {
        /// As it is now.
        brain: BrainPanel,
    },
    /// Calls of tools that are new or changed.
    Tools {
        /// As they are now, each once.
        calls: Vec<ToolCall>,
        /// The total of [`Panels::tool_total`].
        total: u64,
    },
    /// Agents that are new or changed.
    Agents {
        /// As they are now, each once.
        agents: Vec<Agent>,
    },
    /// Uses of memory that are new.
    Memory {
        /// The new ones, oldest first.
        uses: Vec<MemoryUse>,
        /// Counted so far.
        counts: MemoryCounts,
    },
    /// Replies on their way to Moshi's voice that are new or changed.
    Injections {
        /// As they are now, each once.
        injections: Vec<Injection>,
    },
    /// What the agent system says of itself.
    Consciousness {
        /// As it is now; null where it says nothing.
        consciousness: Option<Consciousness>,
    },
    /// More has happened.
    #[serde(rename_all = "camelCase")]
    Log {
        /// The new entries, oldest first.
        entries: Vec<LogEntry>,
        /// The total of [`Log::left_out`].
        left_out: u64,
    },
}
