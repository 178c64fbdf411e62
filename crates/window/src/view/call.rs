//! The call, its lights, and the turns.

use serde::Serialize;
use ts_rs::TS;

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
    /// Open the settings of who hears what the person says.
    OpenHearingSettings,
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
    /// Who hears what the person says.
    Ear,
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
