//! `myca bench`: what a model costs on this machine, beside what it has to cost; or whether models come to what was
//! recorded of them.
#![allow(clippy::print_stderr, reason = "sentences and progress are for whoever started it")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use doctor::probe::Surroundings;
use engine::bench::{self, BenchReport, BenchSettings, HearingReport, StepFigures};
use engine::{Error, golden};
use serde_json::{Value, json};

use crate::compute::Compute;
use crate::place::Place;
use crate::print::{line, out};
use crate::server::NO_MODEL;

mod recorded;

/// Measure a model, or hold the engine against recordings.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model: the folder with its files, the file of weights in it, or its id (see `myca model list`)
    #[arg(long, value_name = "MODEL", required_unless_present_any = ["golden", "hear"])]
    model: Option<PathBuf>,
    /// Measure a recogniser of speech instead, with its codec
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["model", "golden", "reference"])]
    hear: Option<PathBuf>,
    /// Instead of measuring a model, run every recording of this folder and say what agrees. The exit code is 0 only
    /// where all of it does
    #[arg(long, value_name = "DIR", conflicts_with_all = MEASURING)]
    golden: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    compute: Compute,
    /// Steps that are remembered when steps are timed; without it 0, 1500 and 3000 of a model that talks, 0, 375 and 750 of a
    /// recogniser
    #[arg(long = "at", value_name = "STEPS", value_delimiter = ',')]
    contexts: Vec<usize>,
    /// Steps that are timed at each
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    frames: u32,
    /// Time Kyutai's own crate, too, with so many steps
    #[arg(long, value_name = "N", num_args = 0..=1, default_value_t = 0, default_missing_value = "10")]
    reference: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write what was measured, and on what machine, into a file that can be sent to others
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What has no meaning where nothing is measured.
const MEASURING: [&str; 8] =
    ["model", "threads", "context", "cache", "contexts", "frames", "reference", "report"];

/// Steps that are remembered when steps are timed, unless somebody says so.
const CONTEXTS: [usize; 3] = [0, 1500, 3000];
const CONTEXTS_OF_HEARING: [usize; 3] = [0, 375, 750];

/// Steps of the prompt that is timed.
const PROMPT: usize = 200;

pub(crate) fn run(args: &Args) -> ExitCode {
    match (&args.golden, &args.model) {
        (Some(folder), _) => compare(folder, args.json),
        (None, Some(model)) => {
            measure(model, args, &CONTEXTS, bench::run, |report| (json!(report), table(&report)))
        }
        (None, None) => match &args.hear {
            Some(hear) => measure(hear, args, &CONTEXTS_OF_HEARING, bench::run_hearing, |report| {
                (json!(report), hearing_table(&report))
            }),
            // The parser does not let it come to this.
            None => ExitCode::from(NO_MODEL),
        },
    }
}

/// Holds the engine against recordings.
fn compare(folder: &Path, json: bool) -> ExitCode {
    let report = match golden::run(folder, |file| eprintln!("{} ...", line(file))) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{}", line(&error.to_string()));
            return ExitCode::from(NO_MODEL);
        }
    };
    let printed = if json { recorded::json(&report) } else { recorded::table(&report) };
    out(format_args!("{printed}"));
    if report.ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures a model, and shows what came of it in two forms.
fn measure<R>(
    model: &Path,
    args: &Args,
    contexts: &[usize],
    run: impl FnOnce(&Path, &BenchSettings, fn(&str)) -> Result<R, Error>,
    show: impl FnOnce(R) -> (Value, String),
) -> ExitCode {
    let found = match args.place.find(model) {
        Ok(found) => found,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::from(NO_MODEL);
        }
    };
    let settings = BenchSettings {
        options: args.compute.options(),
        contexts: if args.contexts.is_empty() { contexts.into() } else { args.contexts.clone() },
        frames: args.frames as usize,
        prompt: PROMPT,
        reference_frames: args.reference,
    };
    let report = match run(&found.path, &settings, |what| eprintln!("{what} ...")) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{}", line(&error.to_string()));
            return ExitCode::from(NO_MODEL);
        }
    };
    let (report, table) = show(report);
    if args.json {
        out(format_args!("{report}\n"));
    } else {
        out(format_args!("{table}"));
    }
    let Some(path) = &args.report else { return ExitCode::SUCCESS };
    let whole = json!({ "myca": env!("CARGO_PKG_VERSION"), "machine": machine(), "model": report });
    match std::fs::write(path, format!("{whole:#}\n")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} can not be written: {error}. Name another file.", path.display());
            ExitCode::FAILURE
        }
    }
}

/// What somebody else needs to know of this machine, and nothing by which it could be told from others of its kind.
fn machine() -> serde_json::Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let read = runtime.map_err(|error| error.to_string());
    match read.and_then(|runtime| runtime.block_on(doctor::probe::machine(&Surroundings::of_this_machine())))
    {
        Ok((system, processor, memory)) => {
            json!({ "system": system, "processor": processor, "memory": memory })
        }
        Err(reason) => json!({ "system": std::env::consts::OS, "unread": reason }),
    }
}

fn hearing_table(report: &HearingReport) -> String {
    let HearingReport { instructions, threads, cache, codec, frame, .. } = report;
    let mut text = head(instructions, *threads, cache, report.weight_bytes, report.read_bandwidth);
    text += &steps_table(report.load_ms, &report.steps);
    text += &format!(
        "its codec, {} codebooks: p50 {:.1} ms, p99 {:.1} ms ({} frames)\n",
        codec.codebooks, codec.p50_ms, codec.p99_ms, codec.frames
    );
    text += &format!(
        "sound through both, context {}: p50 {:.1} ms, p99 {:.1} ms, {:.2} of real time ({} frames)\n",
        frame.context, frame.p50_ms, frame.p99_ms, frame.real_time, frame.frames
    );
    text + &memory(report.peak_memory)
}

fn head(instructions: &str, threads: usize, cache: &str, weight_bytes: u64, read_bandwidth: f64) -> String {
    format!(
        "{instructions}, {threads} threads, cache in {cache}: {:.2} GB of weights for each step, memory reads {:.1} GB/s\n",
        weight_bytes as f64 / 1e9,
        read_bandwidth / 1e9,
    )
}

fn steps_table(load_ms: f64, steps: &[StepFigures]) -> String {
    let mut text = format!("loaded, with its first step: {:.2} s\n", load_ms / 1e3);
    text += "context   frames   p50 ms   p99 ms   floor ms   p50/floor\n";
    for step in steps {
        text += &format!(
            "{:>7}   {:>6}   {:>6.1}   {:>6.1}   {:>8.1}   {:>9.2}\n",
            step.context, step.frames, step.p50_ms, step.p99_ms, step.floor_ms, step.ratio
        );
    }
    text
}

fn memory(peak: Option<u64>) -> String {
    peak.map(|peak| format!("most memory: {:.2} GB\n", peak as f64 / 1e9)).unwrap_or_default()
}

fn table(report: &BenchReport) -> String {
    let BenchReport { instructions, threads, cache, .. } = report;
    let mut text = head(instructions, *threads, cache, report.weight_bytes, report.read_bandwidth);
    text += &steps_table(report.load_ms, &report.steps);
    if let Some(reference) = report.reference {
        text += &format!(
            "Kyutai's crate, context 0: p50 {:.1} ms, {:.2} times the floor ({} frames)\n",
            reference.p50_ms, reference.ratio, reference.frames
        );
    }
    let prefill = &report.prefill;
    text += &format!(
        "a prompt of {} steps: {:.0} ms; as single steps {:.0} ms, {:.1} times as long\n",
        prefill.steps, prefill.at_once_ms, prefill.single_ms, prefill.ratio
    );
    text + &memory(report.peak_memory)
}
