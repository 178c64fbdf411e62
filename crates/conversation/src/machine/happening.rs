//! What can happen to a conversation, what it can want, and how it is shown.

use std::time::Duration;

use brain::{Decision, What};
use store::Conversation;
use wire::HostMetadata;

use super::{Ask, SpokenReply, TurnTimes};
use crate::{
    conduct::Conduct,
    ear::{Dictation, EarEvent, EarServer, EarState},
    host::Host,
    problem::{LinkError, Problem},
    transcript::ShownTurn,
};

/// A moment, on both clocks that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// Time that never jumps, since the program began.
    pub mono: Duration,
    /// Milliseconds since 1970.
    pub unix_ms: i64,
}

/// What a link reports.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEvent {
    /// The way to the host was found, and this is its address as it is shown.
    Found(String),
    /// The WebSocket is open.
    Connected,
    /// The host said something about itself.
    Metadata(Box<HostMetadata>),
    /// The session has started.
    Handshake,
    /// Moshi's next piece of text.
    Text(String),
    /// The link is over. Nothing comes after this.
    Ended(LinkError),
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The person wants to talk, with this host.
    Talk(Result<Host, Problem>),
    /// The person wants to stop.
    Stop,
    /// The person mutes or unmutes the microphone.
    Mute(bool),
    /// The person typed a turn.
    Typed(String),
    /// A conversation begins, or goes on after these turns; the one before is left.
    Begin(Conversation, Vec<store::Turn>),
    /// A conversation is to be forgotten. Where it is the one that goes on, this one begins in its place.
    Forget(String, Conversation),
    /// There is a brain from now on, or none any more.
    Brain(bool),
    /// The brain tells something of what was asked under this number.
    Told(u64, Box<What>),
    /// The brain says nothing more of what was asked under this number.
    Silent(u64),
    /// The person wants the turn with this number sent again.
    Retry(u64),
    /// The person does not want the answer that is under way any more.
    CancelAnswer,
    /// The person has decided about a call of the brain's.
    Decided(Decision),
    /// The person does not want to hear the replies any further that Moshi says or is to say.
    StopSpeaking,
    /// The conversation is conducted like this from now on.
    Conduct(Box<Conduct>),
    /// The person wants to dictate, with this ear, or not any more.
    Dictate(Option<Result<EarServer, Problem>>),
    /// The ear with this number reports.
    Ear(u64, EarEvent),
    /// The link with this number reports. What links of the past say is not listened to.
    Link(u64, LinkEvent),
    /// The last [`Effect::Store`] is done.
    Stored(Result<(), Problem>),
    /// Time went by.
    Tick,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Open microphone and loudspeaker.
    OpenSound,
    /// Close them; what still waits to be heard is thrown away.
    CloseSound,
    /// Mute or unmute the microphone.
    Mute(bool),
    /// Open a link to this host; it reports under this number.
    Connect(u64, Host),
    /// Close the link with this number, with a close frame.
    Disconnect(u64),
    /// Have the host of this link say this text, behind those that it was given before.
    Say(u64, String),
    /// Have it say no further of all that it was given.
    StopSaying(u64),
    /// Have this server listen to the microphone; it reports under this number.
    OpenEar(u64, EarServer),
    /// It need not listen any more.
    CloseEar(u64),
    /// The ear changed.
    Ear(Box<EarState>),
    /// Dictation changed.
    Dictation(Box<Dictation>),
    /// More is known about when a turn went from one hand to the next.
    Times(Box<TurnTimes>),
    /// A reply on its way to Moshi's voice stands somewhere else.
    Spoken(Box<SpokenReply>),
    /// Write these turns, and answer with [`Input::Stored`].
    Store(Conversation, Vec<store::Turn>),
    /// Show these turns.
    Show(Vec<ShownTurn>),
    /// The state of the call changed.
    Call(Box<CallState>),
    /// Tell the person about a problem that does not end the call, or that one is over (`None`).
    Saving(Option<Problem>),
    /// Ask the brain; what it tells comes back as [`Input::Told`], and at its end [`Input::Silent`].
    Ask(Box<Ask>),
    /// The brain need not go on with what was asked under this number.
    CancelAsk(u64),
    /// Hand a decision to what was asked under this number.
    Decide(u64, Decision),
    /// Let the brain remember what Moshi has said in this conversation.
    Remember(String, String),
    /// Delete this conversation from the disk.
    Delete(String),
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is going on.
    Idle,
    /// The host is being reached.
    Connecting,
    /// The host answers and prepares: its model warms up, its persona is read.
    WarmingUp,
    /// Somebody else holds the host, as it says or as it seems.
    Busy,
    /// Moshi hears and speaks.
    Live,
    /// The connection was lost and is being made again.
    Reconnecting,
    /// The host was lost for good; the conversation goes on in text.
    TypingOnly,
    /// The call did not come about.
    Failed,
}

/// The call as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallState {
    /// Where it stands.
    pub phase: Phase,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// Since when a handshake is waited for, in milliseconds since 1970: since Talk, or since the connection was lost.
    pub waiting_since_ms: Option<i64>,
    /// How long it is waited for before it is given up.
    pub limit: Option<Duration>,
    /// How many tries this one is, from 1; 0 where none is under way.
    pub attempt: u32,
    /// When the next try begins, in milliseconds since 1970.
    pub retry_at_ms: Option<i64>,
    /// The host, as it is shown.
    pub host: String,
    /// What the host says that it is.
    pub server: Option<String>,
    /// The model that it says it runs.
    pub model: Option<String>,
    /// Why the call does not go as it should.
    pub problem: Option<Problem>,
    /// Whether the microphone is muted.
    pub muted: bool,
    /// Whether Moshi says the brain's replies, while it hears and speaks.
    pub speaks: bool,
}
