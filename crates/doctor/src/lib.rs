//! What can run Moshi on a machine, and why not.
//!
//! A [`World`] is what is known of a machine, [`judge`] makes a [`Report`] of it, and [`recognise`] knows failures by
//! what programs say. None of the three reads or waits. With the feature `probes`, [`probe`] reads and measures this
//! machine.

mod cards;
mod docker;
mod failure;
mod figures;
mod gpu;
mod judge;
mod measured;
#[cfg(feature = "probes")]
pub mod probe;
mod python;
mod report;
mod text;
mod world;

pub use docker::{Container, Docker, DockerState, Image};
pub use failure::{KnownFailure, Sign, recognise};
pub use figures::ENOUGH_FRAMES;
pub use gpu::{Api, ComputeCapability, Gpu, GpuKind, Holder, Vendor};
pub use judge::judge;
pub use measured::{GpuBandwidth, Measured, TimedRun};
pub use python::{Flavour, HuggingFace, Moshi, Python, Torch};
pub use report::{
    Basis, Choice, Effect, Finding, Reason, Recommendation, Report, Runtime, Step, Verdict, Weights,
};
pub use world::{Cpu, Disk, Environment, Host, Os, OsFamily, Ram, Unread, World, WorldError};
