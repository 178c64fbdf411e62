//! What a recogniser costs on this machine.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::{BenchSettings, StepFigures, WARM_UP, bandwidth, ms, peak_memory, silence, step, steps_after};
use crate::codec::{FRAME, load_codec};
use crate::model::Described;
use crate::timing::percentiles;
use crate::{Backend, Cpu, Error, Input, Request, Sampling};

/// What was measured. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HearingReport {
    /// Instructions that the model used.
    pub instructions: String,
    /// Threads that computed it.
    pub threads: usize,
    /// How the steps before were remembered.
    pub cache: String,
    /// Bytes of weights that each step reads.
    pub weight_bytes: u64,
    /// Bytes that this machine reads in a second, with as many threads.
    pub read_bandwidth: f64,
    /// Until the weights could be used, and the first step was taken.
    pub load_ms: f64,
    /// The model alone, at each of the contexts.
    pub steps: Vec<StepFigures>,
    /// The codec alone.
    pub codec: CodecFigures,
    /// Sound through both, one after the other, at the longest of the contexts.
    pub frame: FrameFigures,
    /// Most memory that the program held at any time, in bytes, where the system says so.
    pub peak_memory: Option<u64>,
}

/// What the codec costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CodecFigures {
    /// Codebooks that it fills.
    pub codebooks: usize,
    /// Frames that were timed.
    pub frames: usize,
    /// Half of them took no longer.
    pub p50_ms: f32,
    /// 99 of 100 took no longer.
    pub p99_ms: f32,
}

/// What a frame of sound costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrameFigures {
    /// Steps that were remembered.
    pub context: usize,
    /// Frames that were timed.
    pub frames: usize,
    /// Half of them took no longer.
    pub p50_ms: f32,
    /// 99 of 100 took no longer.
    pub p99_ms: f32,
    /// All of them by the time that they are: below one, it keeps up.
    pub real_time: f32,
}

/// Loads the recogniser of a folder and times it. `tell` hears what is being done. Neither prompt nor reference are timed.
///
/// # Errors
/// As for [`Recogniser::load`](crate::hear::Recogniser::load), and for its steps.
pub fn run_hearing(
    path: &Path,
    settings: &BenchSettings,
    mut tell: impl FnMut(&str),
) -> Result<HearingReport, Error> {
    let (described, _) = Described::of_recogniser(path)?;
    tell("loading the recogniser");
    let began = Instant::now();
    let mut lm = Cpu::load(described.weights(), described.config().clone(), settings.options)?;
    lm.reset(0);
    let mut input = silence(&lm);
    step(&mut lm, &mut input)?;
    let load_ms = ms(began);
    let files = described.codec();
    let codebooks = lm.config().codebooks;
    let (mut encoder, _) = load_codec(&files.weights, files.config.as_deref(), codebooks)?;

    tell("reading memory");
    let read_bandwidth = bandwidth(&mut lm);
    let mut steps = Vec::new();
    for &context in &settings.contexts {
        tell(&format!("steps after {context} others"));
        steps.push(steps_after(&mut lm, context, settings, read_bandwidth)?);
    }
    tell("the codec");
    let mut sound = Noise(1);
    let times = timed(settings.frames, || encoder.encode(&sound.frame()).map(drop))?;
    let [p50_ms, p99_ms] = percentiles(times.clone(), [0.5, 0.99]);
    let codec = CodecFigures { codebooks, frames: times.len(), p50_ms, p99_ms };
    tell("sound through both");
    let context = settings.contexts.iter().copied().max().unwrap_or(0);
    lm.stand_at(context);
    let times = timed(settings.frames, || {
        let codes = encoder.encode(&sound.frame())?;
        input.iter_mut().skip(1).zip(codes).for_each(|(input, code)| *input = Some(code));
        let picked = lm.step(&Request::free(Input::Tokens(&input), Sampling::GREEDY))?;
        if let Some(text) = input.first_mut() {
            *text = Some(picked.text);
        }
        Ok(())
    })?;
    let [p50_ms, p99_ms] = percentiles(times.clone(), [0.5, 0.99]);
    let lasts = times.len().max(1) as f32 * (FRAME as f32 / wire::SAMPLE_RATE as f32) * 1000.0;
    let real_time = times.iter().sum::<f32>() / lasts;
    let frame = FrameFigures { context, frames: times.len(), p50_ms, p99_ms, real_time };
    Ok(HearingReport {
        instructions: lm.instructions().into(),
        threads: lm.threads(),
        cache: settings.options.cache.name().into(),
        weight_bytes: lm.bytes_of_step(),
        read_bandwidth,
        load_ms,
        steps,
        codec,
        frame,
        peak_memory: peak_memory(),
    })
}

/// How long something takes, in milliseconds, behind a few times that do not count.
fn timed(count: usize, mut what: impl FnMut() -> Result<(), Error>) -> Result<Vec<f32>, Error> {
    for _ in 0..WARM_UP {
        what()?;
    }
    (0..count)
        .map(|_| {
            let began = Instant::now();
            what()?;
            Ok(ms(began) as f32)
        })
        .collect()
}

/// Sound that does not repeat.
struct Noise(u32);

impl Noise {
    fn frame(&mut self) -> Vec<f32> {
        let mut sample = || {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as f32 / (1 << 25) as f32 - 0.25
        };
        (0..FRAME).map(|_| sample()).collect()
    }
}
