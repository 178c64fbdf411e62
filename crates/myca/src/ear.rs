//! Who makes text of what the person says, from an argument; and `myca hear`, which only does that.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

use std::{env, path::PathBuf, process::ExitCode, time::Duration};

use audio::{DeviceId, SoundConfig};
use conversation::{Command, Conversation, Dictation, Ear, EarPhase, EarServer, Event, Options};
use net::Token;
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    end,
    print::{Show, line, out, progress_line},
    sound,
};

/// Holds the key of a recognition server. Never an argument, as others on this machine can read those.
const KEY: &str = "MYCA_EAR_KEY";
/// Events that wait to be printed.
const EVENTS: usize = 256;
/// How long the server may take to listen at all.
const REACHED: Duration = Duration::from_secs(20);
/// How long the last words are waited for after the end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Write down what is said, with a recognition server.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server: a moshi-server with an ASR module, or `myca host --hear`; its key, if it wants one, is in MYCA_EAR_KEY
    address: String,
    /// Hear from a WAV file instead of a microphone; it ends after the file
    #[arg(long, value_name = "WAV")]
    input: Option<PathBuf>,
    /// The microphone's id (see `myca devices`); without it the system's default is followed
    #[arg(long, value_name = "ID")]
    input_device: Option<String>,
    /// Let the microphone go unencrypted to another computer
    #[arg(long)]
    plain: bool,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Print every change as a line of JSON
    #[arg(long)]
    json: bool,
}

/// An ear, as `--ear` names it.
pub(crate) fn choose(named: &str, plain: bool) -> Result<Ear, String> {
    match named {
        "off" => Ok(Ear::Off),
        "host" => Ok(Ear::Host),
        address => server(address, plain).map(Ear::Server),
    }
}

fn server(address: &str, plain: bool) -> Result<EarServer, String> {
    let key = match env::var(KEY) {
        Ok(key) if !key.is_empty() => {
            Some(Token::new(&key).map_err(|error| format!("{KEY} cannot be used: {error}."))?)
        }
        _ => None,
    };
    EarServer::new(address, key, plain).map_err(|problem| format!("{} {}", problem.what, problem.next))
}

pub(crate) fn run(args: Args) -> ExitCode {
    end::run(async |stop| hear(args, &stop).await)
}

async fn hear(args: Args, stop: &CancellationToken) -> ExitCode {
    let prepared = server(&args.address, args.plain)
        .and_then(|server| Ok((server, sound::microphone(args.input.as_deref())?)));
    let (server, (sound, file_seconds)) = match prepared {
        Ok(prepared) => prepared,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::FAILURE;
        }
    };
    let devices = SoundConfig { input: args.input_device.map(DeviceId), ..SoundConfig::default() };
    let (to_events, mut events) = mpsc::channel(EVENTS);
    let options = Options { history: None, sound, devices, brain: None };
    let (handle, task) = match Conversation::start(options, to_events) {
        Ok(started) => started,
        Err(error) => {
            eprintln!("The program cannot start ({error}). Try again when fewer programs run.");
            return ExitCode::FAILURE;
        }
    };
    handle.send(Command::Dictate(Some(Ok(server)))).await;
    let seconds = [file_seconds, args.seconds].into_iter().flatten().reduce(f64::min);
    let show = Show::new(args.json);
    let mut last = Dictation::default();
    // At first the end of patience, then of the file or of the time that was given.
    let mut end_at = Some(Instant::now() + REACHED);
    let mut listens = false;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                None => break,
                Some(Event::Ear(ear)) if ear.phase == EarPhase::Listening && !listens => {
                    listens = true;
                    let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
                    end_at = seconds.and_then(|seconds| Instant::now().checked_add(seconds));
                }
                Some(Event::Dictation(dictation)) => {
                    if dictation.text != last.text {
                        tell(&dictation, show);
                    }
                    last = *dictation;
                    if last.problem.is_some() {
                        break;
                    }
                }
                Some(_) => {}
            },
            () = sleep_until(end_at.unwrap_or_else(Instant::now)), if end_at.is_some() => break,
            () = stop.cancelled() => break,
        }
    }
    if last.problem.is_none() {
        handle.send(Command::Dictate(None)).await;
        let late = Instant::now() + LAST_WORDS;
        // Its last words, until the ear is closed.
        while let Ok(Some(event)) = tokio::time::timeout_at(late, events.recv()).await {
            match event {
                Event::Dictation(dictation) => {
                    if dictation.text != last.text {
                        tell(&dictation, show);
                    }
                    last = *dictation;
                }
                Event::Ear(ear) if ear.phase == EarPhase::Off && listens => break,
                _ => {}
            }
        }
    }
    drop(handle);
    while events.recv().await.is_some() {}
    let _ = task.await;
    if show == Show::Terminal {
        progress_line("");
    }
    if show != Show::Events && !last.text.is_empty() {
        out(format_args!("{}\n", line(&last.text)));
    }
    match last.problem {
        Some(problem) => {
            eprintln!("{} {}", problem.what, problem.next);
            ExitCode::FAILURE
        }
        None if !listens => {
            eprintln!(
                "The recogniser at {} did not listen within {} seconds.",
                args.address,
                REACHED.as_secs()
            );
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

fn tell(dictation: &Dictation, show: Show) {
    match show {
        Show::Events => {
            out(format_args!(
                "{}\n",
                json!({ "event": "heard", "text": dictation.text, "on": dictation.on })
            ));
        }
        Show::Terminal => {
            // The end is what is new.
            let from = dictation.text.char_indices().rev().nth(70).map_or(0, |(at, _)| at);
            progress_line(&dictation.text[from..]);
        }
        Show::Silent => {}
    }
}
