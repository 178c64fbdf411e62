//! One live conversation.
//!
//! [`Conversation`] owns everything that happens in it: a [state machine](machine) that is pure, the link to a Moshi
//! host, sound, and the history. One task takes inputs in order, asks the machine what follows, and does it.

mod answering;
mod conduct;
mod door;
mod ear;
mod handle;
mod history_writer;
mod host;
mod link;
pub mod machine;
pub mod problem;
mod remembering;
mod speakable;
mod task;
mod transcript;

pub use conduct::{Answerer, Conduct, Says};
pub use door::{Behind, Door, Finding, Found, NoWay};
pub use ear::{Dictation, Ear, EarEvent, EarPhase, EarServer, EarState};
pub use handle::{Command, Event, Figures, Handle, Options, SoundSource, Thinker};
pub use host::{Host, Way};
pub use link::{BridgeNews, LinkFigures, LinkReading};
pub use machine::{CallState, Phase, ReplyState, SpokenReply, TurnTimes};
pub use problem::{Action, Problem};
pub use task::{Conversation, unix_ms};
pub use transcript::ShownTurn;
