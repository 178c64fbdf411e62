//! `myca talk`: the same conversation as in the window, in a terminal.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

mod printer;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use audio::{
    DeviceId, SoundConfig,
    device::{
        self,
        virtual_system::{Heard, Played, VirtualConfig, VirtualSystem},
    },
    wav,
};
use conversation::{Command, Conversation, Event, Handle, Host, Options, Phase, Problem, SoundSource};
use store::Paths;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::mpsc,
    time::{Instant, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

use self::printer::Printer;
use crate::end;

/// Sample rate of files, where there are no devices that say otherwise.
const FILE_RATE: u32 = 48_000;
/// Events that wait to be printed.
const EVENTS: usize = 1_024;

/// Talk with a Moshi host.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The host, for example ws://127.0.0.1:8998 or wss://gpu.example
    url: String,
    /// Hear from a WAV file instead of a microphone; the call ends after it
    #[arg(long, value_name = "WAV")]
    input: Option<PathBuf>,
    /// Play into a WAV file instead of a loudspeaker
    #[arg(long, value_name = "WAV")]
    output: Option<PathBuf>,
    /// The microphone's id (see `myca devices`); without it the system's default is followed
    #[arg(long, value_name = "ID")]
    input_device: Option<String>,
    /// The loudspeaker's id; without it the system's default is followed
    #[arg(long, value_name = "ID")]
    output_device: Option<String>,
    /// Who Moshi is to be
    #[arg(long, default_value = "", hide_default_value = true)]
    persona: String,
    /// PersonaPlex voice, for example NATF2.pt
    #[arg(long, default_value = "", hide_default_value = true)]
    voice: String,
    /// How long to wait for the host to begin, in seconds
    #[arg(long, default_value_t = 240, value_name = "SECONDS")]
    handshake_limit: u64,
    /// End the call after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// How long to go on listening after the input file has ended, in seconds
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    tail: f64,
    /// Keep the conversation in the history
    #[arg(long)]
    keep: bool,
    /// Print every event as a line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> ExitCode {
    end::run(async |stop| talk(args, &stop).await)
}

async fn talk(args: Args, stop: &CancellationToken) -> ExitCode {
    let limit = Duration::from_secs(args.handshake_limit.clamp(1, 3_600));
    let host = match Host::new(&args.url, &args.persona, &args.voice, limit) {
        Ok(host) => host,
        Err(problem) => return fail(&problem),
    };
    let history = match (args.keep, Paths::of_user()) {
        (false, _) => None,
        (true, Ok(paths)) => Some(paths.history()),
        (true, Err(error)) => {
            eprintln!("The conversation cannot be kept: {error}.");
            return ExitCode::FAILURE;
        }
    };
    let (sound, heard_seconds) = match sound_source(&args) {
        Ok(source) => source,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::FAILURE;
        }
    };
    let devices = SoundConfig {
        input: args.input_device.clone().map(DeviceId),
        output: args.output_device.clone().map(DeviceId),
        muted: false,
    };
    let (to_events, events) = mpsc::channel(EVENTS);
    let (handle, task) =
        match Conversation::start(Options { history, sound, devices, brain: None }, to_events) {
            Ok(started) => started,
            Err(error) => {
                eprintln!("The program cannot start ({error}). Try again when fewer programs run.");
                return ExitCode::FAILURE;
            }
        };
    handle.send(Command::Talk(Ok(host))).await;
    let printer = Printer::new(args.json);
    let heard = heard_seconds.map(|seconds| seconds + args.tail);
    let seconds = [heard, args.seconds].into_iter().flatten().reduce(f64::min);
    let code = follow(handle, events, printer, seconds, stop).await;
    let _ = task.await;
    code
}

/// Prints events until the call is over.
async fn follow(
    handle: Handle,
    mut events: mpsc::Receiver<Event>,
    mut printer: Printer,
    seconds: Option<f64>,
    stop: &CancellationToken,
) -> ExitCode {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut reading = true;
    let mut figures = interval(Duration::from_secs(1));
    // The clock of a call that shall end by itself runs from its first handshake.
    let mut end_at: Option<Instant> = None;
    let mut code = ExitCode::SUCCESS;
    loop {
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { break };
                printer.event(&event);
                if let Event::Call(call) = &event {
                    match call.phase {
                        Phase::Live if end_at.is_none() => {
                            end_at = seconds.and_then(in_seconds);
                        }
                        Phase::Failed | Phase::TypingOnly => {
                            code = call.problem.as_ref().map_or(ExitCode::FAILURE, fail);
                            break;
                        }
                        _ => {}
                    }
                }
            }
            line = lines.next_line(), if reading => match line {
                Ok(Some(text)) if !text.trim().is_empty() => { handle.send(Command::Type(text)).await; }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => reading = false,
            },
            _ = figures.tick(), if printer.is_json() => printer.figures(&handle.figures()),
            () = sleep_until(end_at.unwrap_or_else(Instant::now)), if end_at.is_some() => break,
            () = stop.cancelled() => break,
        }
    }
    handle.send(Command::Stop).await;
    drop(handle);
    while let Some(event) = events.recv().await {
        printer.event(&event);
    }
    printer.finish();
    code
}

/// The moment in so many seconds, if the clock gets that far.
fn in_seconds(seconds: f64) -> Option<Instant> {
    Duration::try_from_secs_f64(seconds.max(0.0)).ok().and_then(|wait| Instant::now().checked_add(wait))
}

/// Devices, or files where they were named. Also tells how long the input file is, in seconds.
fn sound_source(args: &Args) -> Result<(SoundSource, Option<f64>), String> {
    if args.input.is_none() && args.output.is_none() {
        return Ok((Box::new(|| Box::new(device::native)), None));
    }
    if args.input.is_none() != args.output.is_none() {
        return Err("A file on one side needs one on the other: give both --input and --output.".to_owned());
    }
    let mut config = VirtualConfig { rate: FILE_RATE, ..VirtualConfig::default() };
    let mut seconds = None;
    if let Some(path) = &args.input {
        let samples = wav::read(path, FILE_RATE)
            .map_err(|e| format!("{} cannot be read ({e}). Give a WAV file.", path.display()))?;
        seconds = Some(samples.len() as f64 / f64::from(FILE_RATE));
        config.heard = Heard::Samples(Arc::new(samples));
    }
    if let Some(path) = &args.output {
        config.played = Played::Wav(path.clone());
    }
    let source: SoundSource = Box::new(move || {
        let config = config.clone();
        Box::new(move || Ok(Box::new(VirtualSystem::new(config.clone()))))
    });
    Ok((source, seconds))
}

fn fail(problem: &Problem) -> ExitCode {
    eprintln!("{} {}", problem.what, problem.next);
    ExitCode::FAILURE
}
