//! A recogniser on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use wire::FrameTiming;

use super::recogniser::{Recogniser, Step};
use crate::Error;
use crate::codec::FRAME;
use crate::queue::Queue;
use crate::timing::FrameTimes;

/// What comes out of a listener.
#[derive(Debug)]
pub enum Heard {
    /// A frame was heard.
    Frame {
        /// Frames that came before it and were lost.
        lost: u64,
        /// What it came to.
        step: Step,
    },
    /// The recogniser failed, and nothing comes after this.
    Failed(Error),
}

/// A recogniser that listens. Dropping it ends it and waits for its thread.
#[derive(Debug)]
pub struct Listener {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Recogniser>>,
}

#[derive(Debug)]
struct Shared {
    /// Sound with the number of its frame, counted from 0.
    waiting: Queue<(u64, Sound)>,
    lost: AtomicU64,
    times: Mutex<FrameTimes>,
}

#[derive(Debug)]
enum Sound {
    Samples(Box<[f32; FRAME]>),
    Codes(Vec<u32>),
}

/// Where sound goes in. Never waits: where there is no room, the oldest frame that waits is lost and counted.
#[derive(Debug, Clone)]
pub(crate) struct Feed(Arc<Shared>);

impl Listener {
    /// Frames that may wait: four seconds, as words that come late are worth more than words that are lost. Whoever has no
    /// more than that on their way loses none.
    pub const WAITING: usize = 50;

    /// Starts listening from the start of time. `output` is called on the thread for each frame; when it returns `false`,
    /// the listener ends. It may wait for room, but whoever ends the listener must be able to end that wait.
    ///
    /// # Errors
    /// [`Error::Thread`] where the system has no threads left. The recogniser is lost then.
    pub fn start(
        mut recogniser: Recogniser,
        output: impl FnMut(Heard) -> bool + Send + 'static,
    ) -> Result<Self, Error> {
        recogniser.reset();
        let shared = Arc::new(Shared {
            waiting: Queue::new(Self::WAITING),
            lost: AtomicU64::new(0),
            times: Mutex::default(),
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("recogniser".into())
            .spawn(move || listen(recogniser, &of_thread, output))
            .map_err(|source| Error::Thread { source })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Lets it hear the frame of this number, counted from 0. Never waits: where [`WAITING`](Self::WAITING) frames wait,
    /// the oldest of them is lost and counted. So are numbers that are left out.
    pub fn hear(&self, number: u64, frame: &[f32; FRAME]) {
        self.feed().sound(number, frame);
    }

    /// Where sound goes in.
    pub(crate) fn feed(&self) -> Feed {
        Feed(Arc::clone(&self.shared))
    }

    /// How it keeps up with real time.
    #[must_use]
    pub fn timing(&self) -> FrameTiming {
        let (frame_ms_p50, frame_ms_p99) =
            self.shared.times.lock().unwrap_or_else(PoisonError::into_inner).percentiles();
        FrameTiming {
            frame_ms_p50,
            frame_ms_p99,
            backlog: u32::try_from(self.shared.waiting.len()).unwrap_or(u32::MAX),
            dropped: self.shared.lost.load(Ordering::Relaxed),
        }
    }

    /// Whether it listens, and has not failed.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends it, waits for its thread, and returns the recogniser; `None` where the thread died and took it along.
    #[must_use]
    pub fn stop(mut self) -> Option<Recogniser> {
        self.join()
    }

    fn join(&mut self) -> Option<Recogniser> {
        self.shared.waiting.close();
        self.thread.take()?.join().ok()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.join();
    }
}

impl Feed {
    /// A frame of sound.
    pub(crate) fn sound(&self, number: u64, frame: &[f32; FRAME]) {
        self.push(number, Sound::Samples(Box::new(*frame)));
    }

    /// The codes of a frame, of all codebooks.
    pub(crate) fn codes(&self, number: u64, codes: Vec<u32>) {
        self.push(number, Sound::Codes(codes));
    }

    fn push(&self, number: u64, sound: Sound) {
        self.0.waiting.push_or_drop_oldest((number, sound));
    }
}

fn listen(mut recogniser: Recogniser, shared: &Shared, mut output: impl FnMut(Heard) -> bool) -> Recogniser {
    let work = || {
        recogniser.begin()?;
        let mut next = 0;
        while let Some((number, sound)) = shared.waiting.pop() {
            let began = Instant::now();
            // What is missing between two numbers was lost, wherever that was.
            let lost = number.saturating_sub(next);
            next = number + 1;
            if lost > 0 {
                shared.lost.fetch_add(lost, Ordering::Relaxed);
                recogniser.lose(lost)?;
            }
            let step = match sound {
                Sound::Samples(frame) => recogniser.hear(frame.as_slice())?,
                Sound::Codes(codes) => recogniser.hear_codes(&codes)?,
            };
            shared.times.lock().unwrap_or_else(PoisonError::into_inner).add(began.elapsed());
            if !output(Heard::Frame { lost, step }) {
                break;
            }
        }
        Ok(())
    };
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Error::Stopped { stage: "recogniser" }));
    shared.waiting.close();
    if let Err(error) = result {
        output(Heard::Failed(error));
    }
    recogniser
}
