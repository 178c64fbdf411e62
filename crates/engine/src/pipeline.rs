//! A conversation with the model, on three threads: sound into codes, codes through the language model, codes into
//! sound. A frame costs as much as the slowest of them rather than the sum.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wire::{FrameTiming, SpeechNews};

use crate::codec::FRAME;
use crate::hear::Feed;
use crate::model::CodecFiles;
use crate::queue::Queue;
use crate::timing::FrameTimes;
use crate::{Decoder, Encoder, Error, Generator, Model, Sampling, Speech, Unspeakable};

/// Frames of input that may wait: one second. Whoever falls further behind skips what is oldest, as an answer to
/// something old is worth less than one that comes in time.
const INPUT: usize = 12;

/// Frames that may wait between two threads: enough for none to wait for another's wake-up.
const BETWEEN: usize = 2;

/// What comes out of a conversation.
#[derive(Debug)]
pub enum Output {
    /// One frame of what Moshi says.
    Frame {
        /// [`FRAME`] samples.
        pcm: Vec<f32>,
        /// The text token of the frame.
        text: u32,
        /// What is true of the texts that are to be said from this frame on.
        speech: Vec<SpeechNews>,
        /// What the frame cost: how long the slowest of the three threads had it.
        cost: Duration,
    },
    /// The model failed, and nothing comes after this.
    Failed(Error),
}

/// A running conversation. Dropping it ends it and waits for its threads.
#[derive(Debug)]
pub struct Pipeline {
    shared: Arc<Shared>,
    threads: Option<Threads>,
    rest: Option<Rest>,
}

#[derive(Debug)]
struct Threads {
    encoder: JoinHandle<Encoder>,
    generator: JoinHandle<Generator>,
    decoder: JoinHandle<Decoder>,
}

/// A recogniser that hears by the codec of this conversation.
#[derive(Debug)]
pub(crate) struct Tap {
    /// Runs in place of the model's own. It has more codebooks, of which the model's are the first.
    pub(crate) encoder: Encoder,
    /// Where the codes go, all of them.
    pub(crate) feed: Feed,
}

/// What of the model has no thread.
#[derive(Debug)]
struct Rest {
    tokenizer: Arc<crate::Tokenizer>,
    name: String,
    voices: crate::Voices,
    codec_files: CodecFiles,
}

#[derive(Debug)]
struct Shared {
    /// Sound, with the number of its frame.
    heard: Queue<(u64, Box<[f32; FRAME]>)>,
    codes: Queue<(Vec<u32>, Duration)>,
    said: Queue<(crate::Said, Vec<SpeechNews>, Duration)>,
    speech: Mutex<Speech>,
    /// Frames that came so far.
    frames: AtomicU64,
    dropped: AtomicU64,
    times: Mutex<FrameTimes>,
    failure: Mutex<Option<Error>>,
}

impl Shared {
    fn speech(&self) -> MutexGuard<'_, Speech> {
        self.speech.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.heard.close();
        self.codes.close();
        self.said.close();
    }

    fn fail(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.close();
    }

    /// Runs a thread's work and ends all others when it is over, however it ends.
    fn run(&self, stage: &'static str, work: impl FnOnce() -> Result<(), Error>) {
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Error::Stopped { stage }));
        match result {
            Ok(()) => self.close(),
            Err(error) => self.fail(error),
        }
    }
}

impl Pipeline {
    /// Starts a conversation from its beginning. `output` is called on one of the threads for each frame; when it
    /// returns `false`, the conversation ends. It may wait for room, but whoever ends the conversation must be able
    /// to end that wait.
    ///
    /// # Errors
    /// [`Error::Thread`] where the system has no threads left. The model is lost then.
    pub fn start(
        mut model: Model,
        sampling: Sampling,
        seed: u64,
        output: impl FnMut(Output) -> bool + Send + 'static,
    ) -> Result<Self, Error> {
        model.reset(sampling, seed);
        Self::go_on(model, output)
    }

    /// As [`start`](Self::start), from where the model is: behind its prompt.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn go_on(model: Model, output: impl FnMut(Output) -> bool + Send + 'static) -> Result<Self, Error> {
        Self::go_on_with(model, None, output)
    }

    /// As [`go_on`](Self::go_on), with a recogniser that hears what the model hears. Nobody waits for it.
    pub(crate) fn go_on_with(
        model: Model,
        tap: Option<Tap>,
        output: impl FnMut(Output) -> bool + Send + 'static,
    ) -> Result<Self, Error> {
        let Model { encoder, generator, decoder, tokenizer, name, voices, codec_files } = model;
        // As Kyutai's server does, but not NVIDIA's.
        let begins_anew = !generator.config().personaplex;
        let shared = Arc::new(Shared {
            heard: Queue::new(INPUT),
            codes: Queue::new(BETWEEN),
            said: Queue::new(BETWEEN),
            speech: Mutex::new(Speech::new(generator.config())),
            frames: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            times: Mutex::default(),
            failure: Mutex::default(),
        });
        let encoder = spawn("encoder", &shared, move |shared| encode(encoder, tap, shared, begins_anew))?;
        let generator = spawn("model", &shared, move |shared| generate(generator, shared))?;
        let decoder = spawn("decoder", &shared, move |shared| decode(decoder, shared, output))?;
        let threads = Some(Threads { encoder, generator, decoder });
        Ok(Self { shared, threads, rest: Some(Rest { tokenizer, name, voices, codec_files }) })
    }

    /// Gives the conversation one frame of what somebody says. Never waits: where the model is a second behind, the
    /// oldest frame that waits is dropped and counted.
    pub fn hear(&self, frame: &[f32; FRAME]) {
        let number = self.shared.frames.fetch_add(1, Ordering::Relaxed);
        if self.shared.heard.push_or_drop_oldest((number, Box::new(*frame))) {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has Moshi say this text, in UTF-8, behind those that it is to say already. Tells which one it is, counted from 1,
    /// and that it waits or why it is refused; what becomes of it comes with [`Output::Frame`].
    pub fn speak(&self, text: &[u8]) -> SpeechNews {
        let full = self.shared.speech().is_full();
        let words = match &self.rest {
            _ if full => Err(Unspeakable::Full),
            Some(rest) => rest.tokenizer.encode_bytes(text),
            None => Err(Unspeakable::Unable),
        };
        self.shared.speech().add(words)
    }

    /// Has Moshi say no further, from its next step on, of all texts that came so far.
    pub fn cut(&self) {
        self.shared.speech().cut();
    }

    /// How the conversation keeps up with real time.
    #[must_use]
    pub fn timing(&self) -> FrameTiming {
        let shared = &self.shared;
        let (frame_ms_p50, frame_ms_p99) =
            shared.times.lock().unwrap_or_else(PoisonError::into_inner).percentiles();
        let waiting = shared.heard.len() + shared.codes.len() + shared.said.len();
        FrameTiming {
            frame_ms_p50,
            frame_ms_p99,
            backlog: u32::try_from(waiting).unwrap_or(u32::MAX),
            dropped: shared.dropped.load(Ordering::Relaxed),
        }
    }

    /// Ends the conversation, waits for its threads, and returns the model for the next one; `None` where a thread
    /// died and took its part of the model along.
    #[must_use]
    pub fn stop(mut self) -> Option<Model> {
        self.join()
    }

    fn join(&mut self) -> Option<Model> {
        self.shared.close();
        let Threads { encoder, generator, decoder } = self.threads.take()?;
        let (encoder, generator, decoder) = (encoder.join(), generator.join(), decoder.join());
        let Rest { tokenizer, name, voices, codec_files } = self.rest.take()?;
        Some(Model {
            encoder: encoder.ok()?,
            generator: generator.ok()?,
            decoder: decoder.ok()?,
            tokenizer,
            name,
            voices,
            codec_files,
        })
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.join();
    }
}

fn spawn<T: Send + 'static>(
    name: &'static str,
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> T + Send + 'static,
) -> Result<JoinHandle<T>, Error> {
    let of_thread = Arc::clone(shared);
    std::thread::Builder::new().name(name.into()).spawn(move || work(&of_thread)).map_err(|source| {
        // The threads that were started already end by themselves.
        shared.close();
        Error::Thread { source }
    })
}

/// `begins_anew` is whether the codec does so behind the first frame, whose codes are used all the same.
fn encode(mut encoder: Encoder, tap: Option<Tap>, shared: &Shared, begins_anew: bool) -> Encoder {
    let (mut wider, feed) = tap.map_or((None, None), |tap| (Some(tap.encoder), Some(tap.feed)));
    shared.run("encoder", || {
        let codebooks = encoder.codebooks();
        let encoder = wider.as_mut().unwrap_or(&mut encoder);
        let mut first = begins_anew;
        while let Some((number, frame)) = shared.heard.pop() {
            let began = Instant::now();
            let mut codes = encoder.encode(frame.as_slice())?;
            if std::mem::take(&mut first) {
                encoder.reset();
            }
            if let Some(feed) = &feed {
                feed.codes(number, codes.clone());
                codes.truncate(codebooks);
            }
            if !shared.codes.push((codes, began.elapsed())) {
                break;
            }
        }
        Ok(())
    });
    encoder
}

fn generate(mut generator: Generator, shared: &Shared) -> Generator {
    shared.run("language model", || {
        // What is told of steps whose sound is not complete yet.
        let mut late = VecDeque::from(vec![Vec::new(); generator.late()]);
        while let Some((codes, slowest)) = shared.codes.pop() {
            let began = Instant::now();
            let rule = shared.speech().rule();
            let said = generator.step(&codes, rule)?;
            late.push_back(generator.text().map(|text| shared.speech().took(text)).unwrap_or_default());
            let slowest = slowest.max(began.elapsed());
            let Some(said) = said else { continue };
            let news = late.pop_front().unwrap_or_default();
            if !shared.said.push((said, news, slowest)) {
                break;
            }
        }
        Ok(())
    });
    generator
}

fn decode(mut decoder: Decoder, shared: &Shared, mut output: impl FnMut(Output) -> bool) -> Decoder {
    shared.run("decoder", || {
        while let Some((said, speech, slowest)) = shared.said.pop() {
            let began = Instant::now();
            let pcm = decoder.decode(&said.codes)?;
            let slowest = slowest.max(began.elapsed());
            shared.times.lock().unwrap_or_else(PoisonError::into_inner).add(slowest);
            if !output(Output::Frame { pcm, text: said.text, speech, cost: slowest }) {
                break;
            }
        }
        Ok(())
    });
    let failure = shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(error) = failure {
        output(Output::Failed(error));
    }
    decoder
}
