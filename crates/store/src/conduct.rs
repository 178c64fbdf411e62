//! How a conversation is conducted, as a person sets it.

use serde::{Deserialize, Serialize};

/// Who makes text of what the person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarChoice {
    /// Nobody.
    Off,
    /// The host that is called, if it has a recogniser.
    #[default]
    Host,
    /// A recogniser that the app starts on this computer, with
    /// [`Settings::ear_model`](crate::Settings::ear_model).
    ThisComputer,
    /// A server that recognises, at [`Settings::ear_address`](crate::Settings::ear_address).
    Server,
}

/// Who answers what the person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// Moshi alone.
    Moshi,
    /// The brain, and Moshi says its replies where the host can.
    #[default]
    BrainThroughMoshi,
    /// The brain, in text.
    BrainInText,
}

/// When Moshi says a reply of the brain's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// At the next pause of both sides.
    #[default]
    AtPause,
    /// At once.
    AtOnce,
}
