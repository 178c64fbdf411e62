//! `myca talk`: the same conversation as in the window, in a terminal.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this command is for")]

use std::{collections::HashMap, io::Write, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use audio::{
    DeviceId, SoundConfig,
    device::{
        self,
        virtual_system::{Heard, Played, VirtualConfig, VirtualSystem},
    },
    wav,
};
use conversation::{
    CallState, Command, Conversation, Event, Handle, Host, Options, Phase, Problem, ShownTurn, SoundSource,
};
use serde_json::{Value, json};
use store::{Paths, Source, Speaker};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::mpsc,
    time::{Instant, interval, sleep_until},
};

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
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("The program cannot start ({error}). Try again when fewer programs run.");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(talk(args));
    // A line that is still being typed must not hold up the end.
    runtime.shutdown_background();
    code
}

async fn talk(args: Args) -> ExitCode {
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
    let (handle, task) = match Conversation::start(Options { history, sound, devices }, to_events) {
        Ok(started) => started,
        Err(error) => {
            eprintln!("The program cannot start ({error}). Try again when fewer programs run.");
            return ExitCode::FAILURE;
        }
    };
    handle.send(Command::Talk(Ok(host))).await;
    let printer = Printer { json: args.json, printed: HashMap::new(), open: None };
    let end = heard_seconds.map(|seconds| seconds + args.tail).or(args.seconds);
    let code = follow(handle, events, printer, end).await;
    let _ = task.await;
    code
}

/// Prints events until the call is over.
async fn follow(
    handle: Handle,
    mut events: mpsc::Receiver<Event>,
    mut printer: Printer,
    seconds: Option<f64>,
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
                            end_at = seconds.map(|s| Instant::now() + Duration::from_secs_f64(s.max(0.0)));
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
            _ = figures.tick(), if printer.json => printer.figures(&handle),
            () = sleep_until(end_at.unwrap_or_else(Instant::now)), if end_at.is_some() => break,
            () = interrupted() => break,
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

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
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

/// Prints what happens: words as they come, or every event as JSON.
struct Printer {
    json: bool,
    /// Bytes of each turn that were printed already.
    printed: HashMap<u64, usize>,
    /// The turn whose line is not ended yet.
    open: Option<u64>,
}

impl Printer {
    fn event(&mut self, event: &Event) {
        if self.json {
            if let Some(json) = to_json(event) {
                line(&json);
            }
            return;
        }
        match event {
            Event::Turns(turns) => turns.iter().for_each(|turn| self.words(turn)),
            Event::Call(call) => self.note(&describe(call)),
            Event::Route(route) => {
                if let Some(error) = &route.error {
                    let problem = Problem::device(error);
                    self.note(&format!("{} {}", problem.what, problem.next));
                }
            }
            Event::Saving(Some(problem)) => self.note(&format!("{} {}", problem.what, problem.next)),
            Event::HistorySetAside(aside) => {
                self.note(&format!("The history was broken and is kept as {}.", aside.kept_as.display()));
            }
            Event::Conversation { .. } | Event::Devices(_) | Event::Saving(None) => {}
        }
    }

    /// Prints what is new of a turn.
    fn words(&mut self, shown: &ShownTurn) {
        let turn = &shown.turn;
        if turn.speaker == Speaker::Person && turn.source == Source::Typed {
            // It stands on the screen already.
            return;
        }
        let done = self.printed.entry(turn.number).or_insert(0);
        let new = turn.text.get(*done..).unwrap_or_default().to_owned();
        *done = turn.text.len();
        if self.open != Some(turn.number) {
            self.end_line();
        }
        let visible: String = new.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        print!("{visible}");
        self.open = Some(turn.number);
        if !turn.open {
            self.end_line();
        }
        let _ = std::io::stdout().flush();
    }

    fn note(&mut self, sentence: &str) {
        self.end_line();
        if !sentence.is_empty() {
            eprintln!("[{sentence}]");
        }
    }

    fn end_line(&mut self) {
        if self.open.take().is_some() {
            println!();
        }
    }

    fn figures(&self, handle: &Handle) {
        let figures = handle.figures();
        let Some(sound) = figures.sound else { return };
        let ms = |d: Option<Duration>| d.map(|d| (d.as_secs_f64() * 1e4).round() / 10.0);
        let round = |v: f64| (v * 10.0).round() / 10.0;
        line(&json!({
            "event": "figures",
            "capture_ms": ms(sound.capture_delay), "send_ms": ms(figures.link.send_delay),
            "round_trip_ms": ms(figures.link.round_trip), "host_ms": ms(figures.link.host_delay),
            "echo_ms": ms(figures.link.echo_delay),
            "playout_ms": round(sound.playout.delay_ms), "target_ms": round(sound.playout.target_ms),
            "jitter_ms": round(sound.playout.jitter_ms), "speaker_ms": ms(sound.speaker_delay),
            "underruns": sound.playout.underruns, "concealed": sound.playout.concealed,
            "removed": sound.playout.removed, "added": sound.playout.added, "dropped": sound.playout.dropped,
            "received": sound.playout.received, "mic_lost": sound.mic_lost, "mic_dropped": figures.mic_dropped,
            "bytes_out": figures.link.bytes_out, "microphone_db": figures.microphone.1.rms_db,
            "speaker_db": figures.speaker.1.rms_db,
        }));
    }

    fn finish(&mut self) {
        self.end_line();
    }
}

fn line(json: &Value) {
    println!("{json}");
    let _ = std::io::stdout().flush();
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "idle",
        Phase::Connecting => "connecting",
        Phase::WarmingUp => "warming_up",
        Phase::Busy => "busy",
        Phase::Live => "live",
        Phase::Reconnecting => "reconnecting",
        Phase::TypingOnly => "typing_only",
        Phase::Failed => "failed",
    }
}

fn describe(call: &CallState) -> String {
    let host = &call.host;
    let said = match call.phase {
        Phase::Idle if host.is_empty() => return String::new(),
        Phase::Idle => "The call has ended".to_owned(),
        Phase::Connecting => format!("Connecting to {host}"),
        Phase::WarmingUp | Phase::Busy => match &call.problem {
            Some(problem) => format!("{} Ctrl+C ends the wait", problem.what),
            None => format!("{host} is not ready"),
        },
        Phase::Live => match &call.server {
            Some(server) => format!("Connected to {host} ({server}); speak, Ctrl+C ends the call"),
            None => format!("Connected to {host}; speak, Ctrl+C ends the call"),
        },
        Phase::Reconnecting => format!("Connection lost; connecting again, try {}", call.attempt.max(1)),
        // The problem itself is printed at the end.
        Phase::TypingOnly | Phase::Failed => return String::new(),
    };
    format!("{said}.")
}

fn problem_json(problem: Option<&Problem>) -> Value {
    problem.map_or(Value::Null, |p| json!({"code": p.code, "what": p.what, "next": p.next}))
}

fn to_json(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Conversation { id, .. } => json!({"event": "conversation", "id": id}),
        Event::Call(call) => json!({
            "event": "call", "phase": phase_name(call.phase), "host": call.host, "attempt": call.attempt,
            "server": call.server, "model": call.model, "muted": call.muted,
            "problem": problem_json(call.problem.as_ref()),
        }),
        Event::Turns(turns) => {
            let turns: Vec<Value> = turns
                .iter()
                .map(|t| {
                    let speaker = match t.turn.speaker {
                        Speaker::Person => "person",
                        Speaker::Moshi => "moshi",
                        Speaker::Brain => "brain",
                    };
                    let source = match t.turn.source {
                        Source::Typed => "typed",
                        Source::Heard => "heard",
                        Source::Spoken => "spoken",
                    };
                    json!({
                        "number": t.turn.number, "speaker": speaker, "source": source, "text": t.turn.text,
                        "at_ms": t.turn.at_ms, "open": t.turn.open, "saved": t.saved,
                    })
                })
                .collect();
            json!({"event": "turns", "turns": turns})
        }
        Event::Route(route) => json!({
            "event": "route", "direction": route.direction.to_string(),
            "device": route.in_use.as_ref().map(|d| d.id.0.clone()),
            "chosen": route.chosen.as_ref().map(|d| d.0.clone()), "chosen_missing": route.chosen_missing,
            "problem": problem_json(route.error.as_ref().map(Problem::device).as_ref()),
        }),
        Event::Devices(devices) => json!({
            "event": "devices", "inputs": devices.inputs.len(), "outputs": devices.outputs.len(),
        }),
        Event::Saving(problem) => json!({"event": "saving", "problem": problem_json(problem.as_ref())}),
        Event::HistorySetAside(aside) => {
            json!({"event": "history_set_aside", "kept_as": aside.kept_as.display().to_string()})
        }
    })
}
