//! What went into the virtual microphone and what came out of the virtual loudspeaker, on one clock.

use std::io::Read;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Wait;
use super::process::Process;
use super::pulse::{CARD, Pulse, RATE};

/// Samples of both sides, as many of one as of the other.
#[derive(Debug, Clone, Default)]
pub struct Sides {
    /// What went into the microphone.
    pub microphone: Vec<f32>,
    /// What came out of the loudspeaker.
    pub loudspeaker: Vec<f32>,
}

impl Sides {
    /// The part from this sample on.
    pub fn from(&self, start: usize) -> Self {
        Self { microphone: self.microphone[start..].into(), loudspeaker: self.loudspeaker[start..].into() }
    }
}

/// A running recording.
pub struct Recording {
    recorder: Process,
    heard: Arc<Heard>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Heard {
    sides: Mutex<Sides>,
    more: Condvar,
}

impl Recording {
    /// Starts to record, and waits until the first sound is there.
    pub fn start(pulse: &Pulse) -> Self {
        let mut command = pulse.tool("parec");
        command.args(["--raw", "--format=float32le", "--channels=2", "--channel-map=front-left,front-right"]);
        // The card runs at the period that its recorder asks for, as a sound card runs at its own.
        command.args([
            "--no-remix",
            "--latency-msec=10",
            &format!("--rate={RATE}"),
            &format!("--device={CARD}"),
        ]);
        let mut recorder = Process::start(command.stdin(Stdio::null()).stdout(Stdio::piped()));
        let mut stdout = recorder.child.stdout.take().unwrap();
        let heard = Arc::new(Heard::default());
        let writer = Arc::clone(&heard);
        let reader = std::thread::spawn(move || {
            const FRAME: usize = 2 * size_of::<f32>();
            let (mut bytes, mut kept) = ([0; 4096 * FRAME], 0);
            while let Ok(count @ 1..) = stdout.read(&mut bytes[kept..]) {
                let there = kept + count;
                let whole = there - there % FRAME;
                let mut sides = writer.sides.lock().unwrap();
                for frame in bytes[..whole].chunks_exact(FRAME) {
                    let sample = |at: usize| f32::from_le_bytes(frame[at..at + 4].try_into().unwrap());
                    sides.microphone.push(sample(0));
                    sides.loudspeaker.push(sample(4));
                }
                drop(sides);
                writer.more.notify_all();
                bytes.copy_within(whole..there, 0);
                kept = there - whole;
            }
        });
        let recording = Self { recorder, heard, reader: Some(reader) };
        recording.wait_for("the first sound", |sides| !sides.microphone.is_empty());
        recording
    }

    /// Waits until what was recorded is so.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is_so: impl Fn(&Sides) -> bool) {
        let wait = Wait::for_(what);
        let mut sides = self.heard.sides.lock().unwrap();
        while !is_so(&sides) {
            sides = self.heard.more.wait_timeout(sides, wait.left()).unwrap().0;
        }
    }

    /// Waits until so much more was recorded.
    #[track_caller]
    pub fn run_for(&self, time: Duration) {
        let until = self.len() + samples(time);
        self.wait_for("the recording goes on", |sides| sides.microphone.len() >= until);
    }

    /// Samples of each side until now.
    pub fn len(&self) -> usize {
        self.heard.sides.lock().unwrap().microphone.len()
    }

    /// All that was recorded until now.
    pub fn sides(&self) -> Sides {
        self.heard.sides.lock().unwrap().clone()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.recorder.child.kill();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Samples in a time.
pub fn samples(time: Duration) -> usize {
    (time.as_secs_f64() * f64::from(RATE)) as usize
}
