//! The handle to a conversation: what can be asked of one, and what it tells.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use audio::{
    ConnectSystem, DeviceId, DeviceList, Direction, Level, MicFrame, RouteStatus, Sound, SoundConfig,
    SoundFigures,
};
use brain::{Brain, Decision};
use store::{SetAside, Turn};
use tokio::sync::mpsc;

use crate::{
    host::Host,
    link::{BridgeNews, LinkFigures, LinkReading},
    machine::{CallState, SpokenReply},
    problem::Problem,
    transcript::ShownTurn,
};

/// Connects to the sound system; called each time a call begins.
pub type SoundSource = Box<dyn FnMut() -> ConnectSystem + Send + Sync>;

/// What a conversation is made of.
pub struct Options {
    /// The history database; without one nothing is kept.
    pub history: Option<PathBuf>,
    /// Where sound comes from and goes to.
    pub sound: SoundSource,
    /// The devices to begin with.
    pub devices: SoundConfig,
    /// Who answers what is typed; without one it is only written down.
    pub brain: Option<Thinker>,
}

/// Who answers what is typed.
#[derive(Clone)]
pub struct Thinker {
    /// The brain.
    pub brain: Arc<dyn Brain>,
    /// The name under which it remembers the person.
    pub person: String,
    /// Whether a bridge answers in its place while a call goes through one. Somebody who is as good as what is behind the
    /// bridge does not let it: no turn is answered twice.
    pub yields: bool,
}

impl std::fmt::Debug for Thinker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Thinker").field("person", &self.person).finish_non_exhaustive()
    }
}

/// What a person can ask of a conversation.
#[derive(Debug, Clone)]
pub enum Command {
    /// Begin a call, or say why not.
    Talk(Result<Host, Problem>),
    /// End the call.
    Stop,
    /// Mute or unmute.
    Mute(bool),
    /// Add a typed turn.
    Type(String),
    /// Begin a new conversation.
    NewConversation,
    /// Go on with this conversation, of which these are the last turns.
    Resume(store::Conversation, Vec<Turn>),
    /// Delete this conversation; where it goes on, a new one begins.
    Delete(String),
    /// Let somebody else answer from the next turn on.
    Brain(Option<Thinker>),
    /// Send the turn with this number again.
    Retry(u64),
    /// End the answer that is under way.
    CancelAnswer,
    /// Let Moshi say no further of all replies that it says or is to say.
    StopSpeaking,
    /// Decide about a call that the brain wants to make.
    Decide(Decision),
    /// Choose a device, or follow the system's default.
    Choose(Direction, Option<DeviceId>),
}

/// What a conversation tells.
#[derive(Debug, Clone)]
pub enum Event {
    /// This conversation goes on, with these turns. The first event, and the one after a new conversation began.
    Conversation {
        /// Its id.
        id: String,
        /// Its last turns.
        turns: Vec<Turn>,
    },
    /// The call changed.
    Call(Box<CallState>),
    /// Turns are new or changed.
    Turns(Vec<ShownTurn>),
    /// A direction's device changed.
    Route(RouteStatus),
    /// The list of devices changed.
    Devices(DeviceList),
    /// Turns cannot be kept, or can again.
    Saving(Option<Problem>),
    /// The history was broken and has been set aside.
    HistorySetAside(SetAside),
    /// The brain tells something, of a turn of the person's or while it remembers one of Moshi's.
    Brain(Box<brain::Event>),
    /// A reply on its way to Moshi's voice stands somewhere else.
    Spoken(Box<SpokenReply>),
    /// The bridge that the call goes through tells something beside the call.
    Bridge(Box<BridgeNews>),
    /// A conversation was deleted, or could not be.
    Deleted(String, Result<(), Problem>),
}

/// Figures for eyes, now. Peaks are handed out once.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Sound, while it is open.
    pub sound: Option<SoundFigures>,
    /// The link that is or was open last.
    pub link: LinkReading,
    /// Frames of the microphone that the link could not take.
    pub mic_dropped: u64,
    /// Peaks of the microphone since the last look, one for 20 ms, and its level.
    pub microphone: (Vec<f32>, Level),
    /// The same for what is played.
    pub speaker: (Vec<f32>, Level),
}

/// A handle to a conversation. Cheap to clone; the conversation ends when all are gone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) shared: Arc<Shared>,
}

/// What the task and its handles look at together.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) sound: Mutex<Option<Sound>>,
    pub(crate) link: Arc<LinkFigures>,
    pub(crate) mic: Mutex<MicSlot>,
}

/// Where frames of the microphone go at the moment.
#[derive(Default)]
pub(crate) struct MicSlot {
    pub(crate) link: Option<mpsc::Sender<MicFrame>>,
    pub(crate) dropped: u64,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    /// Asks something of the conversation. Returns `false` when it has ended.
    pub async fn send(&self, command: Command) -> bool {
        self.commands.send(command).await.is_ok()
    }

    /// The figures, now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let mic_dropped = locked(&self.shared.mic).dropped;
        // Only looked at and never cloned: whoever holds it last waits for its threads.
        let sound = locked(&self.shared.sound);
        let sound = sound.as_ref();
        Figures {
            sound: sound.map(Sound::figures),
            link: self.shared.link.read(),
            mic_dropped,
            microphone: sound.map(Sound::microphone_meter).unwrap_or_default(),
            speaker: sound.map(Sound::speaker_meter).unwrap_or_default(),
        }
    }
}
