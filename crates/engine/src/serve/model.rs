//! A host with a model.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc;
use wire::{FrameTiming, Hearing, SpeechNews, capability};

use super::listening::Listening;
use super::{About, Event, Session, SessionOptions, Source};
use crate::codec::FRAME;
use crate::hear::Ears;
use crate::{Error, Model, Output, Pipeline, Role, Sampling, Tokenizer};

/// Holds conversations with one model, one after the other.
#[derive(Debug)]
pub struct ModelSource {
    model: Slot,
    name: String,
    tokenizer: Arc<Tokenizer>,
    /// Text tokens that are not said.
    silent: [u32; 2],
    sampling: Sampling,
    ears: Option<Ears>,
}

/// The model while nobody talks to it.
type Slot = Arc<Mutex<State>>;

#[derive(Debug)]
enum State {
    Free(Box<Model>),
    Taken,
    Lost,
}

impl ModelSource {
    /// Holds conversations with `model`. Callers may ask for another sampling; without one it is the model's own, or
    /// `sampling`.
    #[must_use]
    pub fn new(model: Model, sampling: Option<Sampling>) -> Self {
        let config = model.config();
        Self {
            name: model.name().into(),
            tokenizer: model.tokenizer(),
            silent: [config.padding, config.end_of_padding],
            sampling: sampling.unwrap_or(config.sampling),
            model: Arc::new(Mutex::new(State::Free(Box::new(model)))),
            ears: None,
        }
    }

    /// The same, and callers who ask for it are told their words.
    #[must_use]
    pub fn with_ears(mut self, ears: Ears) -> Self {
        self.ears = Some(ears);
        self
    }
}

impl Source for ModelSource {
    fn about(&self) -> About {
        let mut capabilities = vec![capability::REFUSES_WHEN_BUSY, capability::UNLIMITED];
        capabilities.extend(self.tokenizer.encodes().then_some(capability::SPEAKS));
        capabilities.extend(self.ears.as_ref().map(|_| capability::HEARS));
        About {
            server: "myca host".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            model: Some(self.name.clone()),
            capabilities: capabilities.into_iter().map(Into::into).collect(),
        }
    }

    fn ears(&self) -> Option<&Ears> {
        self.ears.as_ref()
    }

    fn works(&self) -> bool {
        !matches!(*lock(&self.model), State::Lost)
    }

    fn open(&self, options: &SessionOptions, events: mpsc::Sender<Event>) -> Result<Box<dyn Session>, Error> {
        let mut loan = Loan::take(&self.model)?;
        // A seed that nobody can foresee, without asking for another crate.
        let seed = options.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        let model = loan.model.as_mut().ok_or(Error::Stopped { stage: "model" })?;
        model.reset(options.sampling(self.sampling), seed);
        let role = if model.takes_roles() { Some(enter(model, options, &events)?) } else { None };
        let ears = self.ears.as_ref().filter(|_| options.hear);
        let listening = ears.and_then(|ears| Listening::begin(ears, &events));
        let (listening, tap) = listening.map_or((None, None), |(listening, tap)| (Some(listening), tap));
        let (tokenizer, silent) = (Arc::clone(&self.tokenizer), self.silent);
        let say = move |output| match output {
            Output::Failed(error) => events.blocking_send(Event::Failed(error)).is_ok(),
            Output::Frame { pcm, text, speech, .. } => {
                let piece = tokenizer.piece(text);
                let silent = silent.contains(&text) || piece.is_empty();
                // These wait for room; they fail as soon as nobody is there to make any.
                speech.into_iter().all(|news| events.blocking_send(Event::Speech(news)).is_ok())
                    && events.blocking_send(Event::Sound(pcm)).is_ok()
                    && (silent || events.blocking_send(Event::Text(piece.into())).is_ok())
            }
        };
        let model = loan.model.take().ok_or(Error::Stopped { stage: "model" })?;
        let pipeline =
            Pipeline::go_on_with(*model, tap, say).inspect_err(|_| *lock(&self.model) = State::Lost)?;
        let model = Arc::clone(&self.model);
        Ok(Box::new(ModelSession { pipeline: Some(pipeline), model, role, listening }))
    }
}

/// Takes a model into the role that a caller asks for.
fn enter(model: &mut Model, options: &SessionOptions, events: &mpsc::Sender<Event>) -> Result<Role, Error> {
    let began = Instant::now();
    let (role, prompt) = model.role(options.text_prompt.as_deref(), options.voice_prompt.as_deref())?;
    if !model.prefill(&prompt, || !events.is_closed())? {
        return Err(Error::GivenUp);
    }
    let (steps, seconds) = (prompt.steps(), began.elapsed().as_secs_f32());
    tracing::info!(voice = role.voice, steps, seconds, "the model is in its role");
    Ok(role)
}

/// The model, which goes back to its place unless somebody keeps it.
struct Loan {
    model: Option<Box<Model>>,
    slot: Slot,
}

impl Loan {
    fn take(slot: &Slot) -> Result<Self, Error> {
        let mut state = lock(slot);
        match std::mem::replace(&mut *state, State::Taken) {
            State::Free(model) => Ok(Self { model: Some(model), slot: Arc::clone(slot) }),
            other => {
                *state = other;
                Err(Error::Stopped { stage: "model" })
            }
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(model) = self.model.take() {
            *lock(&self.slot) = State::Free(model);
        }
    }
}

fn lock(slot: &Slot) -> MutexGuard<'_, State> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct ModelSession {
    pipeline: Option<Pipeline>,
    model: Slot,
    role: Option<Role>,
    listening: Option<Listening>,
}

impl Session for ModelSession {
    fn hear(&mut self, frame: &[f32; FRAME]) -> Option<Event> {
        if let Some(pipeline) = &self.pipeline {
            pipeline.hear(frame);
        }
        if let Some(listening) = &mut self.listening {
            listening.hear(frame);
        }
        None
    }

    fn speak(&mut self, text: &[u8]) -> Option<SpeechNews> {
        self.pipeline.as_ref().map(|pipeline| pipeline.speak(text))
    }

    fn cut(&mut self) {
        if let Some(pipeline) = &self.pipeline {
            pipeline.cut();
        }
    }

    fn role(&self) -> Option<&Role> {
        self.role.as_ref()
    }

    fn hearing(&self) -> Option<Hearing> {
        self.listening.as_ref()?.hearing()
    }

    fn timing(&self) -> Option<FrameTiming> {
        self.pipeline.as_ref().map(Pipeline::timing)
    }
}

impl Drop for ModelSession {
    fn drop(&mut self) {
        let model = self.pipeline.take().and_then(Pipeline::stop);
        *lock(&self.model) = model.map_or(State::Lost, |model| State::Free(Box::new(model)));
    }
}
