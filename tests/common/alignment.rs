//! Where the words of a speech are in a recording, and in what state.

use std::time::Duration;

use super::pulse::{Pulse, RATE};
use super::recording::{Recording, Sides, samples};
use super::speech::{Speech, Word};

/// How much later than it was said a word is looked for.
const LATEST: Duration = Duration::from_secs(4);
/// How alike a word and what was heard must be to be the same. A voice that went through Opus and a playout buffer that had to
/// catch up is at 0.8 and above, other words are below 0.5.
const ALIKE: f32 = 0.65;
/// Words are compared in pieces of this length, because a playout buffer leaves out a period of the voice here and repeats one
/// there.
const PIECE: Duration = Duration::from_millis(90);
/// How far a piece may have moved against its word.
const MOVED: Duration = Duration::from_millis(24);
/// A pause in the sound that is not longer than this is no hole in a word.
const HOLE: Duration = Duration::from_millis(6);
/// Sounds are compared at one sample of so many, which is enough for all that carries a voice.
const THIN: usize = 6;

/// A word that was found again.
#[derive(Debug, Clone)]
pub struct Heard {
    pub text: String,
    /// The sample with which it begins in the microphone.
    pub said_at: usize,
    /// The sample with which it begins in the loudspeaker.
    pub heard_at: usize,
    /// How alike both are: 1 is the same, up to loudness.
    pub alike: f32,
    /// Stretches of silence where the word sounds.
    pub holes: Vec<Duration>,
}

impl Heard {
    /// From mouth to ear.
    pub fn delay(&self) -> Duration {
        time(self.heard_at - self.said_at)
    }
}

/// Finds the words of a speech that was said once, as the only sound in the microphone. Words that were not heard are missing; all
/// of them, where they did not get into the microphone as they are.
pub fn words_heard(speech: &Speech, sides: &Sides) -> Vec<Heard> {
    let said_at = beginning(speech, &sides.microphone);
    said_at.map(|said_at| words_in(speech, said_at, &sides.loudspeaker)).unwrap_or_default()
}

/// Finds the words of a speech that was said from sample `said_at` on.
pub fn words_in(speech: &Speech, said_at: usize, heard: &[f32]) -> Vec<Heard> {
    let find = |word: &Word| {
        let said_at = said_at + word.start;
        let there = heard.get(said_at..)?;
        let there = &there[..there.len().min(samples(LATEST) + word.len)];
        let said = speech.samples_of(word);
        let found = find(said, there)?;
        let heard: Vec<f32> =
            found.pieces.iter().flat_map(|at| &there[*at..][..samples(PIECE)]).copied().collect();
        let holes = holes(&said[..heard.len()], &heard);
        let heard = Heard {
            text: word.text.clone(),
            said_at,
            heard_at: said_at + found.at,
            alike: found.alike,
            holes,
        };
        (heard.alike > ALIKE).then_some(heard)
    };
    speech.words.iter().filter_map(find).collect()
}

/// Where a speech begins in what went into the microphone.
fn beginning(speech: &Speech, microphone: &[f32]) -> Option<usize> {
    // It gets there as it is, sample by sample.
    const SILENCE: f32 = 1e-3;
    let first = |sound: &[f32]| sound.iter().position(|sample| sample.abs() > SILENCE);
    let start = first(microphone)?.checked_sub(first(&speech.samples)?)?;
    let alike = speech.words.iter().map(|word| {
        let there = microphone.get(start + word.start..)?.get(..word.len)?;
        likeness(speech.samples_of(word), there).next()
    });
    let least = alike.map(Option::unwrap_or_default).fold(1.0, f32::min);
    if least < 0.99 {
        // The sound server has no time for those who play into it, least of all for paplay.
        eprintln!("What went into the microphone is not what was said: only {least} of it");
        return None;
    }
    Some(start)
}

/// A word in what was heard.
struct Found {
    /// Where it is: the middle one of its pieces decides.
    at: usize,
    alike: f32,
    /// Where each of its pieces is.
    pieces: Vec<usize>,
}

/// The place at which a word fits best.
fn find(word: &[f32], sound: &[f32]) -> Option<Found> {
    let (word, sound) = (thinned(&without_rumble(word)), thinned(&without_rumble(sound)));
    let (piece, moved) = (samples(PIECE) / THIN, samples(MOVED) / THIN);
    let last = sound.len().checked_sub(word.len())?;
    let pieces: Vec<Piece> = word
        .chunks_exact(piece)
        .enumerate()
        .map(|(number, said)| {
            let at = number * piece;
            let heard = &sound[at..][..last + piece];
            Piece { at, energy: energy(said), fits: likeness(said, heard).collect() }
        })
        .collect();
    let all: f32 = pieces.iter().map(|piece| piece.energy).sum();
    // How well the whole word fits at a place: each piece may have moved, but only so far.
    let fit =
        |at: usize| pieces.iter().map(|piece| piece.best(at, moved).1 * piece.energy).sum::<f32>() / all;
    // Two places that are so near to each other are not told apart.
    let place = (0..=last).step_by(moved / 4).max_by(|a, b| fit(*a).total_cmp(&fit(*b)))?;
    let later: Vec<usize> = pieces.iter().map(|piece| piece.best(place, moved).0 * THIN).collect();
    // What is all but silent fits anywhere.
    let loudest = pieces.iter().map(|piece| piece.energy).fold(0.0, f32::max);
    let mut sure: Vec<usize> = pieces
        .iter()
        .zip(&later)
        .filter(|(piece, _)| piece.energy > 0.1 * loudest)
        .map(|(_, later)| *later)
        .collect();
    sure.sort_unstable();
    let pieces = pieces.iter().zip(later).map(|(piece, later)| piece.at * THIN + later).collect();
    Some(Found { at: sure[sure.len() / 2], alike: fit(place), pieces })
}

/// A piece of a word.
struct Piece {
    /// Where it is in the word.
    at: usize,
    energy: f32,
    /// How alike it is to what was heard, for each place of the word.
    fits: Vec<f32>,
}

impl Piece {
    /// Where it fits best near a place, and how well.
    fn best(&self, at: usize, moved: usize) -> (usize, f32) {
        let near = at.saturating_sub(moved)..(at + moved + 1).min(self.fits.len());
        near.map(|at| (at, self.fits[at])).max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap()
    }
}

fn energy(sound: &[f32]) -> f32 {
    sound.iter().map(|sample| sample * sample).sum()
}

/// How alike what was said is to what was heard at every place: 1 is the same, up to loudness.
fn likeness(said: &[f32], heard: &[f32]) -> impl Iterator<Item = f32> {
    let mut sums = vec![0.0_f64];
    for sample in heard {
        sums.push(sums[sums.len() - 1] + f64::from(sample * sample));
    }
    let energies: Vec<f64> = sums.iter().zip(&sums[said.len()..]).map(|(a, b)| b - a).collect();
    // Where it is all but silent anything fits by accident.
    let least = energies.iter().copied().fold(0.0, f64::max) * 0.02 + 1e-9;
    let of_said = energy(said);
    energies.into_iter().enumerate().map(move |(at, energy)| {
        let both: f32 = said.iter().zip(&heard[at..]).map(|(a, b)| a * b).sum();
        both / (of_said * energy.max(least) as f32).sqrt()
    })
}

/// Without what is below a voice, which a codec may take away or turn.
fn without_rumble(sound: &[f32]) -> Vec<f32> {
    let keep = 1.0 - std::f32::consts::TAU * 150.0 / RATE as f32;
    let (mut before, mut out) = (0.0, 0.0);
    let high = sound.iter().map(|&sample| {
        out = keep * (out + sample - before);
        before = sample;
        out
    });
    high.collect()
}

/// One sample for [`THIN`] of them.
fn thinned(sound: &[f32]) -> Vec<f32> {
    sound.chunks_exact(THIN).map(|chunk| chunk.iter().sum::<f32>() / THIN as f32).collect()
}

/// Stretches of silence in what was heard, where the word sounds.
fn holes(word: &[f32], heard: &[f32]) -> Vec<Duration> {
    const SILENCE: f32 = 3e-4;
    let millisecond = RATE as usize / 1000;
    let peaks = |sound: &[f32]| -> Vec<f32> {
        let peak = |chunk: &[f32]| chunk.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        sound.chunks_exact(millisecond).map(peak).collect()
    };
    let (word, heard) = (peaks(word), peaks(heard));
    let loudest = word.iter().copied().fold(0.0, f32::max);
    // A voice is not as loud in each millisecond of its period.
    let sounds = |at: usize| {
        let around = &word[at.saturating_sub(3)..(at + 4).min(word.len())];
        around.iter().any(|peak| *peak > 0.15 * loudest)
    };
    let silent: Vec<bool> =
        heard.iter().enumerate().map(|(at, peak)| *peak < SILENCE && sounds(at)).collect();
    let runs = silent.chunk_by(|a, b| a == b).filter(|run| run[0]);
    runs.map(|run| Duration::from_millis(run.len() as u64)).filter(|run| *run > HOLE).collect()
}

/// For how long there is sound, in steps of 10 ms.
pub fn sounding(sound: &[f32]) -> Duration {
    const FRAME: usize = RATE as usize / 100;
    const QUIET: f32 = 0.01;
    let loud = |frame: &&[f32]| {
        frame.iter().map(|sample| sample * sample).sum::<f32>() > QUIET * QUIET * FRAME as f32
    };
    time(sound.chunks_exact(FRAME).filter(loud).count() * FRAME)
}

/// The time that samples take.
pub fn time(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(RATE))
}

/// What is wrong with what was heard: the words of a speech shall all be there, in their order, without a gap, and with delays that
/// lie no further apart than `agree`.
pub fn fault(speech: &Speech, heard: &[Heard], agree: Duration) -> Option<String> {
    let said = speech.words.iter().map(|word| word.text.as_str());
    let delays = heard.iter().map(Heard::delay);
    let (shortest, longest) = (delays.clone().min().unwrap_or_default(), delays.max().unwrap_or_default());
    let holes: Duration = heard.iter().flat_map(|word| &word.holes).sum();
    let fault = if !said.eq(heard.iter().map(|word| word.text.as_str())) {
        "words are missing"
    } else if !heard.is_sorted_by_key(|word| word.heard_at) {
        "words are not in their order"
    } else if !holes.is_zero() {
        "there are gaps in words"
    } else if longest - shortest > agree {
        "delays differ"
    } else {
        return None;
    };
    Some(format!("{fault}: {heard:#?}"))
}

/// The words of a speech were all heard, in their order and without a gap.
#[track_caller]
pub fn assert_heard(speech: &Speech, heard: &[Heard]) {
    assert_eq!(fault(speech, heard, Duration::MAX), None);
}

/// The delays of all words lie no further apart than this.
#[track_caller]
pub fn assert_aligned(heard: &[Heard], agree: Duration) {
    let delays = heard.iter().map(Heard::delay);
    let (shortest, longest) = (delays.clone().min().unwrap(), delays.max().unwrap());
    assert!(longest - shortest <= agree, "aligned: {shortest:?} to {longest:?}, {heard:#?}");
}

/// Longer than a word is on its way.
pub const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// Says words into the microphone and finds them in the loudspeaker.
pub fn say_and_listen(speech: &Speech, pulse: &Pulse, recording: &Recording) -> Vec<Heard> {
    let start = recording.len();
    speech.say_into(pulse);
    recording.run_for(ON_ITS_WAY);
    words_heard(speech, &recording.sides().from(start))
}

/// A busy machine spoils a measurement now and then, a fault of what is measured spoils all of them.
const TRIES: usize = 4;

/// Listens until nothing is wrong with what is heard (see [`fault`]), a few times at most.
#[track_caller]
pub fn assert_heard_well(speech: &Speech, agree: Duration, mut listen: impl FnMut() -> Vec<Heard>) {
    for _ in 1..TRIES {
        match fault(speech, &listen(), agree) {
            None => return,
            Some(fault) => eprintln!("Again, because {fault}"),
        }
    }
    assert_eq!(fault(speech, &listen(), agree), None);
}
