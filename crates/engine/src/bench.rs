//! What a model costs on this machine, beside what it has to cost: a step reads all weights and all that is remembered,
//! and memory can not be read faster than it can be read.

mod hearing;
mod kernels;

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

pub use self::hearing::{CodecFigures, FrameFigures, HearingReport, run_hearing};
pub use self::kernels::{KernelFigures, kernels};
use crate::model::Described;
use crate::timing::percentiles;
use crate::{Backend, Cpu, CpuOptions, Error, Input, Reference, Request, Sampling};

/// Bytes that are read to find out how fast they can be: many times what caches hold, and little beside a model.
const BANDWIDTH_BYTES: usize = 512 << 20;

/// How often that is done; the best counts, as everything else that runs can only make it worse.
const BANDWIDTH_RUNS: usize = 5;

/// Steps that do not count: memory is first touched in them.
const WARM_UP: usize = 3;

/// What is measured.
#[derive(Debug, Clone)]
pub struct BenchSettings {
    /// How the model is computed.
    pub options: CpuOptions,
    /// Steps that are remembered when steps are timed.
    pub contexts: Vec<usize>,
    /// Steps that are timed at each.
    pub frames: usize,
    /// Steps of a prompt that are taken at once, and one by one.
    pub prompt: usize,
    /// Steps of Kyutai's crate that are timed for comparison, at the start of time; none if 0.
    pub reference_frames: usize,
}

/// What was measured. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BenchReport {
    /// Instructions that were used.
    pub instructions: String,
    /// Threads that computed.
    pub threads: usize,
    /// How the steps before were remembered.
    pub cache: String,
    /// Bytes of weights that each step reads.
    pub weight_bytes: u64,
    /// Bytes that this machine reads in a second, with as many threads.
    pub read_bandwidth: f64,
    /// Until the weights could be used, and the first step was taken.
    pub load_ms: f64,
    /// At each of the contexts.
    pub steps: Vec<StepFigures>,
    /// Steps of which nothing comes out.
    pub prefill: PrefillFigures,
    /// Most memory that the program held at any time, in bytes, where the system says so.
    pub peak_memory: Option<u64>,
    /// Kyutai's crate.
    pub reference: Option<ReferenceFigures>,
}

/// What steps cost after so many others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepFigures {
    /// Steps that were remembered.
    pub context: usize,
    /// Steps that were timed.
    pub frames: usize,
    /// Half of them took no longer.
    pub p50_ms: f32,
    /// 99 of 100 took no longer.
    pub p99_ms: f32,
    /// Reading what a step reads takes so long.
    pub floor_ms: f32,
    /// Median by floor.
    pub ratio: f32,
}

/// What a prompt costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrefillFigures {
    /// Its steps.
    pub steps: usize,
    /// As many as possible at once.
    pub at_once_ms: f64,
    /// As many single steps of a conversation, each as long as the median of those that were timed.
    pub single_ms: f64,
    /// The latter by the former.
    pub ratio: f64,
}

/// What Kyutai's crate costs, with the same weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceFigures {
    /// Steps that were timed.
    pub frames: usize,
    /// Half of them took no longer.
    pub p50_ms: f32,
    /// Median by the floor of the first context.
    pub ratio: f32,
}

/// Loads the language model of a folder and times it. `tell` hears what is being done.
///
/// # Errors
/// As for [`load`](crate::load), and for the model's steps.
pub fn run(path: &Path, settings: &BenchSettings, mut tell: impl FnMut(&str)) -> Result<BenchReport, Error> {
    let described = Described::of_talk(path)?;
    let (weights, config) = (described.weights(), described.config().clone());
    tell("loading the model");
    let began = Instant::now();
    let mut lm = Cpu::load(weights, config, settings.options)?;
    lm.reset(0);
    let mut input = silence(&lm);
    step(&mut lm, &mut input)?;
    let load_ms = ms(began);

    tell("reading memory");
    let read_bandwidth = bandwidth(&mut lm);
    let mut steps = Vec::new();
    for &context in &settings.contexts {
        tell(&format!("steps after {context} others"));
        steps.push(steps_after(&mut lm, context, settings, read_bandwidth)?);
    }
    tell("a prompt");
    let prefill = prefill(&mut lm, settings, steps.first())?;
    // What comes after is not what runs here.
    let peak_memory = peak_memory();
    let (instructions, threads) = (lm.instructions().into(), lm.threads());
    let weight_bytes = lm.bytes_of_step();
    drop(lm);
    let reference = match settings.reference_frames {
        0 => None,
        frames => {
            tell("Kyutai's crate");
            let mut lm = Reference::load(weights, described.config().clone())?;
            let times = timed(&mut lm, frames)?;
            let [p50_ms] = percentiles(times, [0.5]);
            let floor_ms = floor(weight_bytes, read_bandwidth);
            Some(ReferenceFigures { frames, p50_ms, ratio: p50_ms / floor_ms })
        }
    };
    Ok(BenchReport {
        instructions,
        threads,
        cache: settings.options.cache.name().into(),
        weight_bytes,
        read_bandwidth,
        load_ms,
        steps,
        prefill,
        peak_memory,
        reference,
    })
}

fn steps_after(
    lm: &mut Cpu,
    context: usize,
    settings: &BenchSettings,
    read_bandwidth: f64,
) -> Result<StepFigures, Error> {
    lm.stand_at(context);
    let times = timed(lm, settings.frames)?;
    let frames = times.len();
    let [p50_ms, p99_ms] = percentiles(times, [0.5, 0.99]);
    let seen = context.min(lm.config().transformer.context);
    let remembered = settings.options.cache.bytes_of(lm.config(), seen);
    let floor_ms = floor(lm.bytes_of_step() + remembered, read_bandwidth);
    Ok(StepFigures { context, frames, p50_ms, p99_ms, floor_ms, ratio: p50_ms / floor_ms })
}

fn prefill(
    lm: &mut Cpu,
    settings: &BenchSettings,
    single: Option<&StepFigures>,
) -> Result<PrefillFigures, Error> {
    let input = silence(lm);
    let inputs = vec![Input::Tokens(&input); settings.prompt];
    lm.reset(0);
    let began = Instant::now();
    lm.prefill(&inputs)?;
    let at_once_ms = ms(began);
    let single_ms = single.map_or(0.0, |figures| f64::from(figures.p50_ms)) * settings.prompt as f64;
    Ok(PrefillFigures { steps: settings.prompt, at_once_ms, single_ms, ratio: single_ms / at_once_ms })
}

/// Times steps of a conversation in milliseconds.
fn timed(lm: &mut dyn Backend, frames: usize) -> Result<Vec<f32>, Error> {
    let mut input = silence(lm);
    for _ in 0..WARM_UP {
        step(lm, &mut input)?;
    }
    (0..frames)
        .map(|_| {
            let began = Instant::now();
            step(lm, &mut input)?;
            Ok(ms(began) as f32)
        })
        .collect()
}

fn silence(lm: &dyn Backend) -> Vec<Option<u32>> {
    let config = lm.config();
    [config.initial_text()].into_iter().chain(vec![0; config.codebooks]).map(Some).collect()
}

/// A step whose result goes into the next one.
fn step(lm: &mut dyn Backend, input: &mut [Option<u32>]) -> Result<(), Error> {
    let picked = lm.step(&Request::free(Input::Tokens(input), Sampling::default()))?;
    let tokens = [picked.text].into_iter().chain(picked.audio);
    input.iter_mut().zip(tokens).for_each(|(input, token)| *input = Some(token));
    Ok(())
}

/// Bytes that can be read in a second by the threads of the model.
fn bandwidth(lm: &mut Cpu) -> f64 {
    // Written once, so that each page is memory of its own.
    let numbers: Vec<u64> = (0..BANDWIDTH_BYTES as u64 / 8).collect();
    let part = numbers.len() / (8 * lm.threads());
    let mut sums = vec![0; numbers.len().div_ceil(part)];
    let runs = (0..BANDWIDTH_RUNS).map(|_| {
        let began = Instant::now();
        lm.share_out(&mut sums, |i, sum| {
            *sum = read(&numbers[i * part..((i + 1) * part).min(numbers.len())]);
        });
        black_box(&sums);
        BANDWIDTH_BYTES as f64 / began.elapsed().as_secs_f64()
    });
    runs.fold(0.0, f64::max)
}

/// Reads numbers as fast as they come.
fn read(numbers: &[u64]) -> u64 {
    let (chunks, _) = numbers.as_chunks::<32>();
    let sums = chunks.iter().fold([0_u64; 32], |mut sums, chunk| {
        sums.iter_mut().zip(chunk).for_each(|(sum, number)| *sum ^= number);
        sums
    });
    sums.iter().fold(0, |all, sum| all ^ sum)
}

fn floor(bytes: u64, bandwidth: f64) -> f32 {
    (bytes as f64 / bandwidth * 1000.0) as f32
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// Most memory that this process held so far, in bytes, pages of mapped files among them.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
