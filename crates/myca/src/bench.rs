//! `myca bench`: what a model costs on this machine, beside what it has to cost; or whether models come to what was
//! recorded of them.
#![allow(clippy::print_stderr, reason = "sentences and progress are for whoever started it")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use doctor::probe::Surroundings;
use engine::bench::{self, BenchReport, BenchSettings};
use engine::golden;
use serde_json::json;

use crate::compute::Compute;
use crate::place::Place;
use crate::print::{line, out};
use crate::server::NO_MODEL;

mod recorded;

/// Measure a model, or hold the engine against recordings.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model: the folder with its files, the file of weights in it, or its id (see `myca model list`)
    #[arg(long, value_name = "MODEL", required_unless_present = "golden")]
    model: Option<PathBuf>,
    /// Instead of measuring a model, run every recording of this folder and say what agrees. The exit code is 0 only
    /// where all of it does
    #[arg(long, value_name = "DIR", conflicts_with_all = MEASURING)]
    golden: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    compute: Compute,
    /// Steps that are remembered when steps are timed
    #[arg(long = "at", value_name = "STEPS", value_delimiter = ',', default_value = "0,1500,3000")]
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

/// Steps of the prompt that is timed.
const PROMPT: usize = 200;

pub(crate) fn run(args: &Args) -> ExitCode {
    match (&args.golden, &args.model) {
        (Some(folder), _) => compare(folder, args.json),
        (None, Some(model)) => measure(model, args),
        // The parser does not let it come to this.
        (None, None) => ExitCode::from(NO_MODEL),
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

fn measure(model: &Path, args: &Args) -> ExitCode {
    let found = match args.place.find(model) {
        Ok(found) => found,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::from(NO_MODEL);
        }
    };
    let settings = BenchSettings {
        options: args.compute.options(),
        contexts: args.contexts.clone(),
        frames: args.frames as usize,
        prompt: PROMPT,
        reference_frames: args.reference,
    };
    let report = match bench::run(&found.path, &settings, |what| eprintln!("{what} ...")) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{}", line(&error.to_string()));
            return ExitCode::from(NO_MODEL);
        }
    };
    if args.json {
        out(format_args!("{}\n", json!(report)));
    } else {
        out(format_args!("{}", table(&report)));
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

fn table(report: &BenchReport) -> String {
    let mut text = format!(
        "{}, {} threads, cache in {}: {:.2} GB of weights for each step, memory reads {:.1} GB/s\n",
        report.instructions,
        report.threads,
        report.cache,
        report.weight_bytes as f64 / 1e9,
        report.read_bandwidth / 1e9,
    );
    text += &format!("loaded, with its first step: {:.2} s\n", report.load_ms / 1e3);
    text += "context   frames   p50 ms   p99 ms   floor ms   p50/floor\n";
    for step in &report.steps {
        text += &format!(
            "{:>7}   {:>6}   {:>6.1}   {:>6.1}   {:>8.1}   {:>9.2}\n",
            step.context, step.frames, step.p50_ms, step.p99_ms, step.floor_ms, step.ratio
        );
    }
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
    if let Some(peak) = report.peak_memory {
        text += &format!("most memory: {:.2} GB\n", peak as f64 / 1e9);
    }
    text
}
