//! The types that cross into the window. Times are milliseconds since 1970, sound levels dBFS.
//!
//! `cargo xtask bindings` writes them out as TypeScript; whatever is public here is what the window can rely on.

use serde::Serialize;
use ts_rs::TS;

mod doctor;
mod hosts;
mod local;
mod models;
mod panels;
mod sound;

pub use doctor::*;
pub use hosts::*;
pub use local::*;
pub use models::*;
pub use panels::*;
pub use sound::*;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Nothing is going on.
    Idle,
    /// The host is being reached.
    Connecting,
    /// The host answers and prepares.
    WarmingUp,
    /// Somebody else holds the host.
    Busy,
    /// Moshi hears and speaks.
    Live,
    /// The connection was lost and is being made again.
    Reconnecting,
    /// The host was lost for good; the conversation goes on in text.
    TypingOnly,
    /// The call did not come about.
    Failed,
}

/// What a problem's button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Begin talking (again).
    Talk,
    /// Stop waiting.
    Stop,
    /// Open the host's settings.
    OpenHostSettings,
    /// Open the sound settings.
    OpenAudioSettings,
    /// Open the persona's settings.
    OpenPersonaSettings,
    /// Begin a new conversation.
    NewConversation,
    /// Open the brain's settings.
    OpenBrainSettings,
    /// Show what the doctor says.
    OpenDoctor,
    /// Show the models.
    OpenModels,
    /// Start Moshi on this computer.
    StartLocal,
    /// Show the log of the local Moshi.
    OpenLocalLog,
}

/// A problem. Told apart by its code; the sentences are for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Stable, dotted.
    pub code: String,
    /// What happened, one sentence.
    pub what: String,
    /// What to do, one sentence.
    pub next: String,
    /// What can be done with one click.
    pub actions: Vec<Action>,
}

/// The call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Where it stands.
    pub phase: Phase,
    /// Since when.
    pub since_ms: i64,
    /// Since when the host is waited for: since Talk, or since the connection was lost.
    pub waiting_since_ms: Option<i64>,
    /// How long it is waited for before it is given up, in seconds.
    pub limit_s: Option<u64>,
    /// How many tries this one is, from 1; 0 where none is under way.
    pub attempt: u32,
    /// When the next try begins.
    pub retry_at_ms: Option<i64>,
    /// The host's address as it is shown; empty where none is set.
    pub host: String,
    /// What the host says that it is.
    pub server: Option<String>,
    /// The model that it says it runs.
    pub model: Option<String>,
    /// Why the call does not go as it should.
    pub problem: Option<Problem>,
    /// Whether the microphone is muted.
    pub muted: bool,
}

/// What a light stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum LightId {
    /// The microphone.
    Microphone,
    /// The loudspeaker.
    Speaker,
    /// The Moshi host.
    Moshi,
    /// The PersonaPlex Bridge in front of it.
    Bridge,
    /// The agent system.
    Mas,
    /// Whoever answers what is typed.
    Brain,
    /// What is remembered.
    Memory,
}

/// What a light shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum LightState {
    /// It works.
    Well,
    /// It is being waited for.
    Waiting,
    /// It does not work.
    Wrong,
    /// It is not in use.
    Off,
}

/// A status light.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Light {
    /// What it stands for.
    pub id: LightId,
    /// What it shows.
    pub state: LightState,
    /// What is true, in a few words.
    pub what: String,
    /// Since when.
    pub since_ms: i64,
    /// How long it took to answer the last time, in milliseconds, where that is measured.
    pub ms: Option<f64>,
    /// Why it is not well.
    pub problem: Option<Problem>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Speaker {
    /// The person.
    Person,
    /// Moshi.
    Moshi,
    /// The brain.
    Brain,
}

/// How a turn came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum TurnSource {
    /// Typed.
    Typed,
    /// Heard by a recogniser.
    Heard,
    /// Spoken by Moshi.
    Spoken,
    /// As text from the brain.
    Written,
}

/// What became of a turn on its way to the brain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Delivery {
    /// It waits to be sent.
    Waiting,
    /// It was sent. Whether it arrived is not known yet.
    Sent,
    /// The brain has answered it.
    Delivered,
    /// It could not be delivered.
    Failed,
}

/// A turn of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// Unique within the conversation.
    pub id: String,
    /// Who speaks.
    pub speaker: Speaker,
    /// How it came about.
    pub source: TurnSource,
    /// The words. From outside: only ever shown as text.
    pub text: String,
    /// When it began.
    pub at_ms: i64,
    /// Whether it still grows.
    pub open: bool,
    /// Whether it is on disk.
    pub saved: bool,
    /// What became of it on its way to the brain; null for turns that are not meant for it.
    pub delivery: Option<Delivery>,
    /// Why it could not be delivered, as one or two sentences; for a turn of the brain's, who wrote it as the brain
    /// says.
    pub note: Option<String>,
}

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
    pub const NAMES: [&str; 8] =
        ["host", "models", "doctor", "audio", "persona", "brain", "appearance", "about"];

    /// The section of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "host" => Self::Host,
            "models" => Self::Models,
            "doctor" => Self::Doctor,
            "audio" => Self::Audio,
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
