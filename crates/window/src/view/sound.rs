//! Sound as the window shows it: levels and peaks, the way of a sound, microphones and loudspeakers.

use serde::Serialize;
use ts_rs::TS;

/// A sound level in dBFS; the floor is -90.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Level {
    /// The highest peak.
    pub peak_db: f32,
    /// Root mean square.
    pub rms_db: f32,
}

/// Sound since the last event. Peaks: one value from 0 to 1 per 20 ms.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Signal {
    /// Peaks of the microphone.
    pub mic_peaks: Vec<f32>,
    /// Peaks of what is played.
    pub moshi_peaks: Vec<f32>,
    /// The microphone's level.
    pub mic: Level,
    /// The level of what is played.
    pub moshi: Level,
}

/// A stage on the way of a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// From the air to the socket.
    Microphone,
    /// There and back.
    Network,
    /// What the host takes for a frame.
    Host,
    /// The playout buffer.
    Buffer,
    /// From the playout buffer to the air.
    Speaker,
}

/// How long a stage takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct StageTime {
    /// The stage.
    pub stage: Stage,
    /// Its time, where it is measured.
    pub ms: Option<f64>,
}

/// The way of a sound, stage by stage, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// All stages, in the order of the way.
    pub stages: Vec<StageTime>,
    /// Their sum, once all but the host's are measured.
    pub total_ms: Option<f64>,
    /// What the playout buffer aims at.
    pub target_buffer_ms: Option<f64>,
    /// How unevenly sound arrives.
    pub jitter_ms: Option<f64>,
    /// How often the playout buffer ran empty.
    pub underruns: u64,
    /// Sound made up where some was missing.
    pub concealed_ms: f64,
    /// Sound thrown away to catch up.
    pub dropped_ms: f64,
    /// How the host keeps up, where it says so.
    pub host_frames: Option<HostFrames>,
}

/// How a host keeps up with real time. A frame is 80 ms of sound, and has to be done in less.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HostFrames {
    /// Half of the frames took no longer, in milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 took no longer, in milliseconds.
    pub p99_ms: f64,
    /// Frames that wait.
    pub backlog: u32,
    /// What was said to the host and dropped, in milliseconds, because it was behind.
    pub dropped_ms: f64,
}

/// A microphone or loudspeaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Stable.
    pub id: String,
    /// To show.
    pub name: String,
    /// Whether the system uses it by default.
    pub is_default: bool,
}

/// Which device a direction goes through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The chosen device's id; null follows the system's default.
    pub chosen: Option<String>,
    /// The name of the device in use.
    pub in_use: Option<String>,
    /// Whether the chosen device is not there.
    pub chosen_missing: bool,
}

/// The devices of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Devices {
    /// Name of the sound system; empty where none answers.
    pub system: String,
    /// Microphones.
    pub inputs: Vec<Device>,
    /// Loudspeakers.
    pub outputs: Vec<Device>,
    /// The microphone's route.
    pub input: Route,
    /// The loudspeaker's route.
    pub output: Route,
}
