//! Who hears what the person says, dictation, and when a turn went from one hand to the next.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{HostFrames, Problem};

/// Who makes text of what the person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum EarChoice {
    /// Nobody.
    Off,
    /// The host that is called, if it has a recogniser.
    Host,
    /// A recogniser that the app starts on this computer.
    ThisComputer,
    /// A server that recognises.
    Server,
}

/// Who answers what the person says. What is typed is answered by the brain in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Answerer {
    /// Moshi alone.
    Moshi,
    /// The brain, and Moshi says its replies where the host can.
    BrainThroughMoshi,
    /// The brain, in text.
    BrainInText,
}

/// When Moshi says a reply of the brain's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Says {
    /// At the next pause of both sides.
    AtPause,
    /// At once.
    AtOnce,
}

/// How an ear does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum EarPhase {
    /// Nobody is to hear: none is chosen, or there is neither a call nor dictation.
    #[default]
    Off,
    /// It is being reached.
    Waiting,
    /// It listens.
    Listening,
    /// It cannot.
    Failed,
}

/// Who hears what the person says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Ear {
    /// How it does.
    pub phase: EarPhase,
    /// Its address, as it is shown; empty where none is chosen.
    pub place: String,
    /// Whether it is the host's.
    pub of_host: bool,
    /// The name of its model, where that is known.
    pub model: Option<String>,
    /// How late it tells words by design, in milliseconds, where that is known.
    pub delay_ms: Option<u32>,
    /// What it costs the host, where that says so.
    pub frames: Option<HostFrames>,
    /// What the microphone heard and a server of its own could not take, in milliseconds.
    pub lost_ms: f64,
    /// Why it does not hear.
    pub problem: Option<Problem>,
}

/// Dictation into the text box.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Dictation {
    /// Whether it goes on.
    pub on: bool,
    /// All that was heard since it began; the last words may still be corrected, also shortly after its end. From outside:
    /// only ever shown as text.
    pub text: String,
    /// Why it does not hear, or did not go on.
    pub problem: Option<Problem>,
}

/// When a turn of the person's went from one hand to the next. What has not happened is null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TurnTimes {
    /// The turn's id.
    pub turn: String,
    /// The person's last word ended, or the turn was typed.
    pub said_ms: Option<i64>,
    /// The whole turn was known.
    pub known_ms: Option<i64>,
    /// How late its words were told on average beyond the delay of the recogniser's model, in milliseconds.
    pub words_late_ms: Option<i64>,
    /// The brain was asked.
    pub asked_ms: Option<i64>,
    /// The brain's first words came.
    pub first_token_ms: Option<i64>,
    /// Its first sentence was there to be said.
    pub sayable_ms: Option<i64>,
    /// The pause came that it waited for, and it went to the host.
    pub given_ms: Option<i64>,
    /// The first sound of it came.
    pub sounds_ms: Option<i64>,
    /// The reply was whole.
    pub replied_ms: Option<i64>,
}
