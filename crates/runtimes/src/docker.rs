//! Docker: whether it is there, and a container from its image to its end.

mod engine;
mod error;
mod image;
mod make;

pub(crate) use self::engine::{Attached, ContainerEnd, Engine};
pub use self::error::DockerError;
