//! `myca model quantize`.
#![allow(clippy::print_stderr, reason = "sentences and progress are for whoever started it")]

use std::{
    fmt::Write as _,
    fs::File as Description,
    io::{ErrorKind, Read},
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use models::ExamineError;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use weights::{
    Error, File, Format,
    layout::Depformer,
    quantize::{Options, Progress, QuantizeError, Report, quantize},
};

use super::words::{duration, part, size};
use crate::{
    end,
    print::{Show, line, out, progress_line},
};

/// Name of the model description beside the weights.
const CONFIG: &str = "config.json";

/// Longest description that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// How often it is told how far it is.
const EVERY: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder with the model, or a file of weights in it. The model description beside the weights counts, too
    #[arg(long, value_name = "PATH")]
    model: PathBuf,
    /// What the weights become: 4.5 bits each, or 8.5
    #[arg(long, value_enum)]
    format: Wanted,
    /// The file to write (GGUF)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write only so many slices of the depformer. PersonaPlex has 16, and all that it says needs the first 8
    #[arg(long, value_name = "COUNT")]
    slices: Option<NonZero<usize>>,
    /// Replace the file if it is there
    #[arg(long)]
    overwrite: bool,
    /// Print how far it is, and what came of it, as lines of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    #[value(name = "q4_k")]
    Q4K,
    #[value(name = "q8_0")]
    Q8_0,
}

/// Why it ended, with a code that stays the same where there is one.
struct Failure {
    code: &'static str,
    says: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { code: error.code(), says: error.to_string() }
    }
}

impl From<QuantizeError> for Failure {
    fn from(error: QuantizeError) -> Self {
        Self { code: error.code(), says: error.to_string() }
    }
}

impl From<ExamineError> for Failure {
    fn from(error: ExamineError) -> Self {
        Self { code: error.code(), says: error.to_string() }
    }
}

pub(super) fn run(args: Args) -> ExitCode {
    end::run(async |stop| {
        let (token, as_json) = (stop.clone(), args.json);
        // Between two pieces it looks whether it shall end, and takes away what there is then.
        let done = tokio::task::spawn_blocking(move || make(&args, &token)).await;
        let failure = match done {
            Ok(Ok(())) => return ExitCode::SUCCESS,
            Ok(Err(failure)) => failure,
            Err(error) => Failure { code: "weights.ended", says: format!("It ended by itself ({error}).") },
        };
        let says = line(&failure.says);
        if as_json {
            event("failed", &json!({ "code": failure.code, "says": says }));
        }
        eprintln!("{says}");
        if stop.is_cancelled() { ExitCode::from(end::INTERRUPTED) } else { ExitCode::FAILURE }
    })
}

fn make(args: &Args, stop: &CancellationToken) -> Result<(), Failure> {
    let path =
        if args.model.is_file() { args.model.clone() } else { models::examine(&args.model)?.weights_file };
    let weights = File::open(&path)?;
    let depformer = depformer(&weights)?;
    let depformer = match args.slices {
        Some(slices) => depformer.first(slices.get()),
        None => depformer,
    };
    let format = match args.format {
        Wanted::Q4K => Format::Q4K,
        Wanted::Q8_0 => Format::Q8_0,
    };
    let options = Options { overwrite: args.overwrite, ..Options::new(format) };
    let mut teller = Teller::new(Show::new(args.json));
    let report = quantize(&weights, &depformer, &args.out, &options, &mut |progress| {
        teller.tell(progress);
        !stop.is_cancelled()
    });
    teller.end();
    let report = report?;
    if args.json {
        event("done", &json!({ "file": args.out, "report": report }));
    } else {
        out(format_args!("{}", table(&report)));
        let file = line(&args.out.display().to_string());
        out(format_args!("{file} is here, {}.\n", size(report.bytes)));
    }
    Ok(())
}

/// What the description beside the weights says of the depformer.
fn depformer(weights: &File) -> Result<Depformer, Failure> {
    let path = weights.path().parent().unwrap_or(Path::new("")).join(CONFIG);
    let mut json = Vec::new();
    match Description::open(&path).and_then(|file| file.take(LIMIT).read_to_end(&mut json)) {
        Err(error) if error.kind() == ErrorKind::NotFound => json = b"{}".to_vec(),
        Err(source) => return Err(Error::File { path, source }.into()),
        Ok(_) => {}
    }
    Depformer::described(&json, weights).map_err(|reason| Failure {
        code: "weights.config",
        says: format!(
            "{} does not describe a model: {reason}. Download it again, or name another model.",
            path.display()
        ),
    })
}

/// What became of each tensor, and of all.
fn table(report: &Report) -> String {
    let widest = report.tensors.iter().map(|tensor| tensor.name.len()).max().unwrap_or(0).max(6);
    let mut table = format!("{:widest$}  format      size  relative error  largest error\n", "tensor");
    let mut row = |name: &str, format: &str, bytes: u64, off: weights::quantize::Off| {
        let (name, bytes) = (line(name), size(bytes));
        let (relative, largest) = (off.relative_rms() * 100.0, off.largest());
        // Writing into a string cannot fail.
        let _ = writeln!(table, "{name:widest$}  {format:6}{bytes:>10}  {relative:12.4} %  {largest:13.3e}");
    };
    for tensor in &report.tensors {
        row(&tensor.name, tensor.format.name(), tensor.bytes, tensor.off);
    }
    row("all", "", report.bytes, report.off);
    table
}

/// Tells how far it is, not more often than anybody can look.
struct Teller {
    show: Show,
    start: Instant,
    last: Option<Instant>,
}

impl Teller {
    fn new(show: Show) -> Self {
        Self { show, start: Instant::now(), last: None }
    }

    fn tell(&mut self, progress: Progress<'_>) {
        let now = Instant::now();
        if self.last.is_some_and(|last| now - last < EVERY) {
            return;
        }
        self.last = Some(now);
        let Progress { done, total, tensor } = progress;
        match self.show {
            Show::Events => {
                event("progress", &json!({ "done": done, "total": total, "tensor": tensor }));
            }
            Show::Terminal => {
                let left = (now - self.start).as_secs_f64() * (total - done) as f64 / done.max(1) as f64;
                let left = duration(left as u64);
                progress_line(&format!(
                    "{}  {} of {}  {left} left  {tensor}",
                    part(done, total),
                    size(done),
                    size(total)
                ));
            }
            Show::Silent => {}
        }
    }

    fn end(&self) {
        if self.show == Show::Terminal {
            progress_line("");
        }
    }
}

/// Prints an event as a line of JSON.
fn event(name: &str, fields: &Value) {
    let mut event = json!({ "event": name });
    if let (Some(event), Some(fields)) = (event.as_object_mut(), fields.as_object()) {
        event.extend(fields.clone());
    }
    out(format_args!("{event}\n"));
}
