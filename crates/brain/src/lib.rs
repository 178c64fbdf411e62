//! Who thinks.
//!
//! One interface, [`Brain`]: a [`Turn`] goes in, a stream of [`Event`]s comes out, and the last one is always
//! [`What::Done`]. Ids and times in them are ours; everything else is what the other side said, bounded in size and
//! never more than text. [`Mas`] asks an agent system over HTTP, and [`Bridge`] one that stands
//! between Moshi and an agent system; [`BuiltIn`] needs nobody, and converses where it finds a language model.

mod address;
pub mod bounded;
pub mod bridge;
pub mod built_in;
mod event;
mod failure;
mod interface;
pub mod mas;
pub mod sse;
pub mod tool;
mod turn;

pub use address::{AddressError, AddressFault};
pub use bridge::Bridge;
pub use built_in::BuiltIn;
pub use event::{
    AgentActivity, AgentState, Canned, Event, Memory, MemoryUse, Notice, Outcome, Reply, ToolCall, ToolState,
    What,
};
pub use failure::Failure;
pub use interface::{Answer, Brain, Decision, EVENTS, Reins};
pub use mas::Mas;
pub use tool::{Tool, ToolAnswer};
pub use turn::{Came, Role, Said, Turn, TurnError};
