//! Words to say.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::Process;
use super::program::{argument, output};
use super::pulse::{Pulse, RATE, VOICE};
use super::recording::samples;

/// Words that sound unlike each other.
pub const WORDS: [&str; 8] = ["orange", "seven", "window", "paper", "music", "garden", "yellow", "coffee"];

/// The loudest sample of each word.
const LOUDEST: f32 = 0.5;

/// Below this is no word yet, or no longer.
const QUIET: f32 = 0.01;

/// Words, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Speech {
    /// Samples at [`RATE`].
    pub samples: Vec<f32>,
    pub words: Vec<Word>,
}

/// One word of a speech.
#[derive(Debug, Clone)]
pub struct Word {
    pub text: String,
    /// Its first sample.
    pub start: usize,
    /// Samples.
    pub len: usize,
}

impl Speech {
    /// Has a synthesizer say words. The pauses between them are of many lengths, so that the words meet frames and blocks in every
    /// phase.
    pub fn of(words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut speech = Self::default();
        // Sound servers may swallow the first milliseconds of what is played.
        speech.pause(Duration::from_millis(200));
        for (number, text) in words.iter().enumerate() {
            let word = say(text, folder.path());
            if number > 0 {
                speech.pause(Duration::from_millis(450 + (number as u64 * 137) % 290));
            }
            speech.words.push(Word { text: (*text).into(), start: speech.samples.len(), len: word.len() });
            speech.samples.extend(word);
        }
        speech.pause(Duration::from_millis(100));
        speech
    }

    fn pause(&mut self, time: Duration) {
        self.samples.resize(self.samples.len() + samples(time), 0.0);
    }

    /// The samples of one of its words.
    pub fn samples_of(&self, word: &Word) -> &[f32] {
        &self.samples[word.start..][..word.len]
    }

    pub fn write(&self, path: &Path) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: RATE,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        self.samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
        writer.finalize().unwrap();
    }

    /// Says it into the microphone, to the end.
    pub fn say_into(&self, pulse: &Pulse) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("speech.wav");
        self.write(&path);
        let mut command = pulse.tool("paplay");
        // Enough in stock for a busy machine; nothing hangs on when it begins.
        command.args(["--latency-msec=1000", &format!("--device={VOICE}"), argument(&path)]);
        let status = Process::start(command.stdin(Stdio::null())).ended();
        assert!(status.success(), "paplay: {status}");
    }
}

/// One word, without the silence around it.
fn say(word: &str, folder: &Path) -> Vec<f32> {
    let (said, converted) = (folder.join("said.wav"), folder.join("converted.wav"));
    output(Command::new("espeak-ng").args(["-v", "en", "-s", "150", "-w", argument(&said), word]));
    output(Command::new("sox").args([
        argument(&said),
        "-r",
        &RATE.to_string(),
        "-b",
        "16",
        argument(&converted),
    ]));
    let sound = read(&converted);
    let loudest = sound.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    let is_word = |sample: &f32| sample.abs() > QUIET * loudest;
    let (first, last) = (sound.iter().position(is_word).unwrap(), sound.iter().rposition(is_word).unwrap());
    sound[first..=last].iter().map(|sample| sample * LOUDEST / loudest).collect()
}

/// The samples of a file at [`RATE`] with one channel.
pub fn read(path: &Path) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.sample_rate, spec.channels), (RATE, 1), "{}", path.display());
    match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().map(Result::unwrap).collect(),
        hound::SampleFormat::Int => {
            let full = (1_i64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|sample| sample.unwrap() as f32 / full).collect()
        }
    }
}
