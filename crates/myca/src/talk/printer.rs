//! What `myca talk` prints.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

use std::{collections::HashMap, time::Duration};

use conversation::{CallState, EarPhase, Event, Figures, Phase, Problem, ShownTurn};
use serde_json::{Value, json};
use store::{Source, Speaker};

use crate::print::out;

/// Prints what happens: words as they come, or every event as JSON.
pub(super) struct Printer {
    json: bool,
    /// Bytes of each turn that were printed already.
    printed: HashMap<u64, usize>,
    /// The turn whose line is not ended yet.
    open: Option<u64>,
}

impl Printer {
    /// Prints words, or events as JSON.
    pub(super) fn new(json: bool) -> Self {
        Self { json, printed: HashMap::new(), open: None }
    }

    /// Whether events are printed as JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints what is new with an event.
    pub(super) fn event(&mut self, event: &Event) {
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
            Event::Ear(ear) => {
                // A host without a recogniser is what most are.
                let problem = ear.problem.as_ref().filter(|_| !ear.of_host);
                if let Some(problem) = problem {
                    self.note(&format!("{} {}", problem.what, problem.next));
                }
            }
            Event::Times(_) | Event::Dictation(_) => {}
            // No brain takes part in a call from the terminal, and nothing is deleted there.
            Event::Spoken(_) | Event::Brain(_) | Event::Bridge(_) | Event::Deleted(..) => {}
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
        if turn.source == Source::Heard {
            // Until it is whole it may still be corrected, and what was printed can not.
            if !turn.open && self.printed.insert(turn.number, turn.text.len()).is_none() {
                self.end_line();
                out(format_args!("> {}\n", crate::print::line(&turn.text)));
            }
            return;
        }
        let done = self.printed.entry(turn.number).or_insert(0);
        let new = turn.text.get(*done..).unwrap_or_default().to_owned();
        *done = turn.text.len();
        if self.open != Some(turn.number) {
            self.end_line();
        }
        let visible: String = new.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        out(format_args!("{visible}"));
        self.open = Some(turn.number);
        if !turn.open {
            self.end_line();
        }
    }

    fn note(&mut self, sentence: &str) {
        self.end_line();
        if !sentence.is_empty() {
            eprintln!("[{sentence}]");
        }
    }

    fn end_line(&mut self) {
        if self.open.take().is_some() {
            out(format_args!("\n"));
        }
    }

    /// Prints how things go, as JSON; times in milliseconds, counts in samples.
    pub(super) fn figures(&self, figures: &Figures) {
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

    /// Ends what is begun.
    pub(super) fn finish(&mut self) {
        self.end_line();
    }
}

fn line(json: &Value) {
    out(format_args!("{json}\n"));
}

fn ear_phase(phase: EarPhase) -> &'static str {
    match phase {
        EarPhase::Off => "off",
        EarPhase::Waiting => "waiting",
        EarPhase::Listening => "listening",
        EarPhase::Failed => "failed",
    }
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
                        Source::Written => "written",
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
        Event::Ear(ear) => json!({
            "event": "ear", "phase": ear_phase(ear.phase), "place": ear.place, "of_host": ear.of_host,
            "model": ear.model, "delay_ms": ear.delay_ms,
            "frame_ms_p50": ear.timing.map(|timing| timing.frame_ms_p50), "problem": problem_json(ear.problem.as_ref()),
        }),
        Event::Times(times) => json!({
            "event": "times", "number": times.turn, "said_ms": times.said_ms, "known_ms": times.known_ms,
            "words_late_ms": times.words_late_ms,
        }),
        Event::Dictation(_) => return None,
        Event::Spoken(_) | Event::Brain(_) | Event::Bridge(_) | Event::Deleted(..) => return None,
    })
}
