//! Moshi as a local process: how each runtime is started, watched and ended.
//!
//! What a person chose ([`Chosen`]) is looked at ([`check`]), described ([`describe`]: the command, its environment, what
//! its lines mean) and run. [`LocalMoshi`] is the handle to all of that: it starts and stops, tells its [`Status`] in stages
//! that are read from the runtime's own lines, and calls it ready when Moshi answers at its port. What crashes is started
//! again, three times in five minutes at most, and then explained.

mod check;
mod chosen;
mod describe;
mod description;
mod docker;
mod error;
mod growth;
mod kind;
mod known;
mod lines;
mod local;
mod machine;
mod port;
mod probe;
mod run;
mod secret;
mod sign;
mod status;

pub use check::{Flavour, check};
pub use chosen::{Chosen, MOSHI_PORT, Port, Torch, USUAL_IMAGE, What};
pub use describe::{Surroundings, describe};
pub use description::{Container, Description, Program, Run, Scheme, Warning};
pub use docker::DockerError;
pub use error::StartError;
pub use hosts::Local;
pub use kind::RuntimeKind;
pub use local::LocalMoshi;
pub use process::{Exit, Guard, Line, Source};
pub use secret::Secret;
pub use status::{Failure, Moved, Progress, Stage, State, Status};
