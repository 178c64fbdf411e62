//! Sound in and out.
//!
//! One internal format: 24 kHz, mono, f32 in [-1, 1]. Device callbacks only move samples between the device and
//! lock-free rings ([`port`]); one worker thread does the signal work; a third thread opens and closes devices and
//! watches over them. [`Sound`] is the handle to all three.

pub mod device;
mod listing;
mod meter;
pub mod playout;
pub mod port;
mod resample;
mod route;
mod sound;
pub mod wav;
mod worker;

pub use device::{DeviceError, DeviceId, DeviceInfo, DeviceList, Direction};
pub use listing::{DeviceWatch, Listed};
pub use meter::{FLOOR_DB, Level};
pub use playout::PlayoutStats;
pub use route::RouteStatus;
pub use sound::{ConnectSystem, Sound, SoundConfig, SoundEvent, SoundFigures, Speaker};
pub use worker::MicFrame;

/// Sample rate of everything inside, in hertz.
pub const RATE: u32 = 24_000;

/// Samples of a [`MicFrame`]: 20 ms at [`RATE`], one Opus packet.
pub const PACKET: usize = 480;
