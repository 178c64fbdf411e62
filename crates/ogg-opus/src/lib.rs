//! A live Ogg Opus stream, written and read as the Moshi servers do it.
//!
//! One logical stream for each direction of a connection: mono, 24 kHz, one Opus packet on a page. What the servers
//! send differs in packet length, granule unit and header; [`StreamReader`] takes all of it, and whatever is broken
//! besides, and only ever counts. [`StreamWriter`] sends the one form that every server takes.
//!
//! Sound is 24 kHz mono `f32` in [-1, 1] everywhere.

#[doc(hidden)]
pub mod fuzzing;
pub mod packet;
pub mod page;
mod reader;
mod writer;

pub use reader::{ReaderStats, StreamReader};
pub use writer::{Application, EncoderSettings, Error, PacketDuration, StreamWriter};

/// Samples a second of all sound in this crate, in hertz.
pub const SAMPLE_RATE: u32 = 24_000;

/// Samples in the packet that a client sends: 20 ms at [`SAMPLE_RATE`].
pub const PACKET: usize = 480;
