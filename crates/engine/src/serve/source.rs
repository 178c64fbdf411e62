//! What answers in a conversation: a model, or an echo.

use std::fmt::Debug;

use tokio::sync::mpsc;
use wire::{FrameTiming, Hearing, HostMetadata, SpeechNews, Utterance};

use super::SessionOptions;
use crate::codec::FRAME;
use crate::hear::Ears;
use crate::{Error, Role};

/// Characters of a persona that a caller is told again.
const SHOWN: usize = 100;

/// Who a host says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The program, for example `myca host`.
    pub server: String,
    /// Version of the program.
    pub version: String,
    /// Name of the model, if there is one.
    pub model: Option<String>,
    /// As in [`wire::capability`].
    pub capabilities: Vec<String>,
}

impl About {
    /// The metadata of a session's start, or with `timing` that of its course.
    pub(super) fn metadata(&self, role: Option<&Role>, timing: Option<FrameTiming>) -> HostMetadata {
        HostMetadata {
            persona: role.map(|role| role.persona.text().chars().take(SHOWN).collect()),
            voice: role.and_then(|role| role.voice.clone()),
            server: Some(self.server.clone()),
            version: Some(self.version.clone()),
            model: self.model.clone(),
            sample_rate: Some(wire::SAMPLE_RATE),
            capabilities: self.capabilities.clone(),
            timing,
            ..HostMetadata::default()
        }
    }
}

/// Something that comes out of a conversation.
#[derive(Debug)]
pub enum Event {
    /// One frame of 24 kHz mono sound: [`FRAME`] samples.
    Sound(Vec<f32>),
    /// What is true of a text of the caller's from the sound on that comes next.
    Speech(SpeechNews),
    /// What has become of something that the caller says.
    Heard(Utterance),
    /// A piece of text in UTF-8, a leading space kept. It may end inside of a character.
    Text(Vec<u8>),
    /// Nothing comes any more, for this reason.
    Failed(Error),
}

/// What answers, one conversation at a time.
pub trait Source: Debug + Send + Sync + 'static {
    /// Who this is.
    fn about(&self) -> About;

    /// Whether it holds conversations at all. One that only has [ears](Self::ears) does not.
    fn talks(&self) -> bool {
        true
    }

    /// What tells the words of callers, in conversations and without any.
    fn ears(&self) -> Option<&Ears> {
        None
    }

    /// Whether another conversation is possible.
    fn works(&self) -> bool {
        true
    }

    /// Begins a conversation; called where it may take a while. What it says by itself goes to `events`, which are
    /// closed when nobody waits for the beginning any more.
    ///
    /// # Errors
    /// [`Error`] where it can not begin.
    fn open(&self, options: &SessionOptions, events: mpsc::Sender<Event>) -> Result<Box<dyn Session>, Error>;
}

/// One conversation. Dropping it ends it; that happens where it may take a while, and `events` is closed before.
pub trait Session: Debug + Send + 'static {
    /// Gives it one frame of what the caller says, and takes what it says to that at once. Never waits.
    fn hear(&mut self, frame: &[f32; FRAME]) -> Option<Event>;

    /// Says a text of the caller's, which may be any bytes, behind those that wait. Tells that it waits or why it is
    /// refused; what becomes of it comes as [`Event::Speech`]. Only asked of a source that says that it
    /// [`SPEAKS`](wire::capability::SPEAKS). Never waits.
    fn speak(&mut self, text: &[u8]) -> Option<SpeechNews> {
        let _ = text;
        None
    }

    /// Says no further of all texts of the caller's that came so far. Never waits.
    fn cut(&mut self) {}

    /// Who answers, if it was asked to be somebody.
    fn role(&self) -> Option<&Role> {
        None
    }

    /// Who hears the caller's words and how they keep up, if they were asked for and can be told. What is heard comes as
    /// [`Event::Heard`].
    fn hearing(&self) -> Option<Hearing> {
        None
    }

    /// How it keeps up with real time, if that is a question.
    fn timing(&self) -> Option<FrameTiming> {
        None
    }
}
