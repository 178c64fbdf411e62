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
    conduct::Conduct,
    ear::{Dictation, EarServer, EarState},
    host::Host,
    link::{BridgeNews, LinkFigures, LinkReading},
    machine::{CallState, SpokenReply, TurnTimes},
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
    /// Conduct the conversation like this from now on.
    Conduct(Box<Conduct>),
    /// Begin to write down what the person says, with this ear, or say why that cannot be; or end it. During a call it does
    /// nothing: what the person says is in the transcript then.
    Dictate(Option<Result<EarServer, Problem>>),
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
    /// The ear changed.
    Ear(Box<EarState>),
    /// Dictation changed.
    Dictation(Box<Dictation>),
    /// More is known about when a turn went from one hand to the next.
    Times(Box<TurnTimes>),
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
    /// The same of an ear that is a server of its own.
    pub mic_unheard: u64,
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
    pub(crate) ear: Option<mpsc::Sender<MicFrame>>,
    pub(crate) dropped: u64,
    /// Frames that the ear could not take.
    pub(crate) unheard: u64,
}

impl MicSlot {
    /// Hands a frame to all who listen. Nobody is waited for: what somebody cannot take is lost to them, and counted.
    pub(crate) fn deliver(&mut self, frame: MicFrame) {
        self.unheard += u64::from(is_full(self.ear.as_ref(), &frame));
        self.dropped += u64::from(is_full(self.link.as_ref(), &frame));
    }
}

/// Sends a frame, and says whether there was somebody and no room.
fn is_full(to: Option<&mpsc::Sender<MicFrame>>, frame: &MicFrame) -> bool {
    to.is_some_and(|to| match to.try_reserve() {
        Ok(place) => {
            place.send(frame.clone());
            false
        }
        Err(error) => matches!(error, mpsc::error::TrySendError::Full(())),
    })
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
        let (mic_dropped, mic_unheard) = {
            let mic = locked(&self.shared.mic);
            (mic.dropped, mic.unheard)
        };
        // Only looked at and never cloned: whoever holds it last waits for its threads.
        let sound = locked(&self.shared.sound);
        let sound = sound.as_ref();
        Figures {
            sound: sound.map(Sound::figures),
            link: self.shared.link.read(),
            mic_dropped,
            mic_unheard,
            microphone: sound.map(Sound::microphone_meter).unwrap_or_default(),
            speaker: sound.map(Sound::speaker_meter).unwrap_or_default(),
        }
    }
}
