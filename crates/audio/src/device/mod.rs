//! The machine's microphones and loudspeakers, whatever system stands behind them.
//!
//! A [`System`] lists devices by stable id, opens streams into [ports](crate::port) and says when the list changes.
//! There is one for PulseAudio (and so for PipeWire, which serves the same protocol), one for everything that cpal
//! knows (ALSA, WASAPI), and one without any hardware for files and tests.

mod cpal;
#[cfg(target_os = "linux")]
mod pulse;
pub mod virtual_system;

use std::{fmt, time::Duration};

use thiserror::Error;

use crate::port::{InputPort, OutputPort};

/// Which way sound flows, seen from the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a microphone.
    Input,
    /// To a loudspeaker.
    Output,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "microphone",
            Self::Output => "loudspeaker",
        })
    }
}

/// Name of a device that stays the same over restarts and re-plugging, for example
/// `pulse:alsa_input.usb-Blue_Yeti-00.analog-stereo`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeviceId(pub String);

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One device as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Stable id.
    pub id: DeviceId,
    /// Name to show.
    pub name: String,
    /// Whether the system uses it when nobody chooses.
    pub is_default: bool,
}

/// All devices of a system at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceList {
    /// Microphones and other sources, without the monitors of loudspeakers.
    pub inputs: Vec<DeviceInfo>,
    /// Loudspeakers and other sinks.
    pub outputs: Vec<DeviceInfo>,
}

impl DeviceList {
    /// The devices of one direction.
    #[must_use]
    pub fn of(&self, direction: Direction) -> &[DeviceInfo] {
        match direction {
            Direction::Input => &self.inputs,
            Direction::Output => &self.outputs,
        }
    }
}

/// Why a device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeviceError {
    /// No sound system answers.
    #[error("no sound system answers: {0}")]
    NoSystem(String),
    /// There is no device of this direction, or not the one that was asked for.
    #[error("the {0} is not there")]
    NotFound(Direction),
    /// The system does not let this program use it.
    #[error("the system does not let this program use the {0}")]
    Refused(Direction),
    /// Another program holds it.
    #[error("another program holds the {0}")]
    Busy(Direction),
    /// It went away while it was in use.
    #[error("the {0} went away")]
    Lost(Direction),
    /// Anything else, in the system's words.
    #[error("the {direction} failed: {reason}")]
    Failed {
        /// Which device.
        direction: Direction,
        /// The system's words.
        reason: String,
    },
}

impl DeviceError {
    /// Stable code for the edge.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSystem(_) => "audio.no_system",
            Self::NotFound(Direction::Input) => "audio.no_microphone",
            Self::NotFound(Direction::Output) => "audio.no_loudspeaker",
            Self::Refused(_) => "audio.refused",
            Self::Busy(_) => "audio.busy",
            Self::Lost(_) => "audio.lost",
            Self::Failed { .. } => "audio.failed",
        }
    }
}

/// What a running stream reports besides sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// The stream ended; it has to be opened again.
    Ended(DeviceError),
    /// The sound system moved the stream to another device by itself.
    Moved(DeviceId),
    /// The device could not keep up with its buffer, once or more since the last report.
    Xrun,
}

/// Called by a stream's own thread, never by a device callback.
pub type StreamEvents = Box<dyn Fn(StreamEvent) + Send>;

/// How a stream was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamFormat {
    /// Sample rate in hertz: the rate of the port's ring.
    pub rate: u32,
    /// Channels of the device.
    pub channels: u16,
}

/// A stream that runs until it is dropped.
pub trait Stream: Send {
    /// How the stream runs.
    fn format(&self) -> StreamFormat;
    /// The device it was opened on.
    fn device(&self) -> &DeviceInfo;
}

/// What to open.
#[derive(Debug, Clone, Copy)]
pub struct OpenRequest<'a> {
    /// The device, or `None` for the system's default.
    pub device: Option<&'a DeviceId>,
    /// How much sound one callback shall carry.
    pub period: Duration,
}

/// Makes the port once the stream's sample rate is known.
pub type MakePort<'a, P> = &'a mut dyn FnMut(StreamFormat) -> P;

/// A sound system.
pub trait System: Send {
    /// Name to show, for example `PulseAudio`.
    fn name(&self) -> &str;

    /// Lists what is there now.
    ///
    /// # Errors
    /// [`DeviceError::NoSystem`], if the system does not answer.
    fn devices(&mut self) -> Result<DeviceList, DeviceError>;

    /// Opens a microphone.
    ///
    /// # Errors
    /// Any [`DeviceError`].
    fn open_input(
        &mut self,
        request: OpenRequest<'_>,
        port: MakePort<'_, InputPort>,
        events: StreamEvents,
    ) -> Result<Box<dyn Stream>, DeviceError>;

    /// Opens a loudspeaker.
    ///
    /// # Errors
    /// Any [`DeviceError`].
    fn open_output(
        &mut self,
        request: OpenRequest<'_>,
        port: MakePort<'_, OutputPort>,
        events: StreamEvents,
    ) -> Result<Box<dyn Stream>, DeviceError>;

    /// Calls `changed` (often more than once) whenever devices or defaults may have changed, until this system is
    /// dropped. Returns `false` where the system cannot tell; then somebody has to look now and then.
    fn watch(&mut self, changed: Box<dyn Fn() + Send>) -> bool;
}

/// The best sound system of this machine: PulseAudio or PipeWire where one answers, else what cpal finds.
///
/// # Errors
/// [`DeviceError::NoSystem`], if there is none.
pub fn native() -> Result<Box<dyn System>, DeviceError> {
    #[cfg(target_os = "linux")]
    match pulse::Pulse::connect() {
        Ok(system) => return Ok(Box::new(system)),
        Err(error) => tracing::info!(%error, "no PulseAudio or PipeWire; trying ALSA"),
    }
    Ok(Box::new(cpal::Cpal::new()?))
}
