//! `myca talk`: the same conversation as in the window, in a terminal.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

mod printer;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use audio::{DeviceId, SoundConfig};
use conversation::{Command, Conduct, Conversation, Event, Handle, Host, Options, Phase, Problem};
use store::Paths;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::mpsc,
    time::{Instant, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

use self::printer::Printer;
use crate::{ear, end, sound};

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
    /// Who makes text of what you say: "host", if it has a recogniser, "off", or the address of a recognition server, whose
    /// key the variable MYCA_EAR_KEY holds
    #[arg(long, default_value = "host", value_name = "EAR")]
    ear: String,
    /// Let the microphone go unencrypted to a recognition server on another computer
    #[arg(long)]
    ear_plain: bool,
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
    let ear = match ear::choose(&args.ear, args.ear_plain) {
        Ok(ear) => ear,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::FAILURE;
        }
    };
    let history = match (args.keep, Paths::of_user()) {
        (false, _) => None,
        (true, Ok(paths)) => Some(paths.history()),
        (true, Err(error)) => {
            eprintln!("The conversation cannot be kept: {error}.");
            return ExitCode::FAILURE;
        }
    };
    let (sound, heard_seconds) = match sound::source(args.input.as_deref(), args.output.as_deref()) {
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
    handle.send(Command::Conduct(Box::new(Conduct { ear, ..Conduct::default() }))).await;
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

fn fail(problem: &Problem) -> ExitCode {
    eprintln!("{} {}", problem.what, problem.next);
    ExitCode::FAILURE
}
