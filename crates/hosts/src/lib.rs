//! Where Moshi is, and the way to it.
//!
//! A [`store::HostProfile`] is what a person has set up. [`open`] makes it a way that can be called: an address, what it
//! takes to get in, and an SSH tunnel where there is one. [`check`] tests it, step by step, and ends with a verdict.
//! [`ask`] only asks whether a Moshi is there, which takes no place from anybody, and [`first_that_answers`] asks several
//! hosts at once. Whoever drops one of these futures ends what it does, with a goodbye where one is due.

mod answer;
mod call;
mod check;
mod first;
mod judge;
mod obstacle;
mod open;
mod steps;
mod target;
mod token;
mod tunnel;

pub use answer::{Answer, Server, ask};
pub use call::{FrameTime, PaceSource};
pub use check::{HostCheck, check};
pub use first::{First, first_that_answers};
pub use judge::{Observations, Verdict, judge};
pub use obstacle::Obstacle;
pub use open::{Kind, Local, Opened, Ways, open};
pub use steps::{Step, StepReport, StepState};
pub use token::{TokenTrouble, token_of};
pub use tunnel::{SshProgram, Tunnel, TunnelError};
