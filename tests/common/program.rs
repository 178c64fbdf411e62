//! `myca`, as a person or a script runs it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use rustix::process::Signal;
use serde_json::Value;

use super::Wait;
use super::process::Process;

/// The desktop app.
pub fn app() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_myca-voice"))
}

/// `myca`, to be started with these arguments.
pub fn myca(arguments: &[&str]) -> Command {
    let program = app().with_file_name("myca");
    assert!(program.exists(), "{} is built by `cargo build --workspace --bins`", program.display());
    let mut command = Command::new(program);
    command.args(arguments);
    // Nothing of the person who runs the tests.
    command.env_remove("MYCA_HOME").env_remove("MYCA_LOG");
    command
}

/// A running program that prints lines of JSON.
pub struct Program {
    process: Process,
    stdin: Option<ChildStdin>,
    printed: Arc<Printed>,
    readers: Vec<JoinHandle<()>>,
    /// Events before this one were waited for already.
    next: usize,
}

#[derive(Default)]
struct Printed {
    lines: Mutex<Lines>,
    more: Condvar,
}

#[derive(Default)]
struct Lines {
    events: Vec<Value>,
    errors: String,
    ended: bool,
}

impl Printed {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        // A reader that failed has said so.
        self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::start(&mut command);
        let printed = Arc::new(Printed::default());
        let stdout = BufReader::new(process.child.stdout.take().unwrap());
        let stderr = BufReader::new(process.child.stderr.take().unwrap());
        let reader = Arc::clone(&printed);
        let events = std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                reader.lock().events.push(event);
                reader.more.notify_all();
            }
            reader.lock().ended = true;
            reader.more.notify_all();
        });
        let reader = Arc::clone(&printed);
        let errors = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut lines = reader.lock();
                lines.errors.push_str(&line);
                lines.errors.push('\n');
            }
        });
        let stdin = process.child.stdin.take();
        Self { process, stdin, printed, readers: vec![events, errors], next: 0 }
    }

    /// Waits for an event, from the one on after that which was waited for last.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let wait = Wait::for_(what);
        let mut lines = self.printed.lock();
        loop {
            while let Some(event) = lines.events.get(self.next) {
                self.next += 1;
                if is_it(event) {
                    return event.clone();
                }
            }
            assert!(!lines.ended, "{what}: does not come, the program has ended");
            lines = self.printed.more.wait_timeout(lines, wait.left()).unwrap().0;
        }
    }

    /// Waits until the events until now are so.
    #[track_caller]
    pub fn wait_until(&self, what: &str, are_so: impl Fn(&[Value]) -> bool) {
        let wait = Wait::for_(what);
        loop {
            let (events, ended) = {
                let lines = self.printed.lock();
                (lines.events.clone(), lines.ended)
            };
            if are_so(&events) {
                return;
            }
            assert!(!ended, "{what}: does not come, the program has ended");
            let is_as_before = |lines: &mut Lines| lines.events.len() == events.len() && !lines.ended;
            let lines = self.printed.lock();
            drop(self.printed.more.wait_timeout_while(lines, wait.left(), is_as_before));
        }
    }

    /// Waits until a call is in this phase.
    #[track_caller]
    pub fn wait_for_phase(&mut self, phase: &str) -> Value {
        self.wait_for(phase, |event| event["event"] == "call" && event["phase"] == phase)
    }

    /// All events until now.
    pub fn events(&self) -> Vec<Value> {
        self.printed.lock().events.clone()
    }

    /// The phases of the call until now, in their order, one for each change.
    pub fn phases(&self) -> Vec<String> {
        let events = self.events();
        let calls = events.iter().filter(|event| event["event"] == "call");
        let mut phases: Vec<String> = calls.map(|call| call["phase"].as_str().unwrap().to_owned()).collect();
        phases.dedup();
        phases
    }

    /// The turns as they stand, by their number: who speaks, and what.
    pub fn turns(&self) -> BTreeMap<u64, (String, String)> {
        let mut turns = BTreeMap::new();
        for event in self.events().iter().filter(|event| event["event"] == "turns") {
            for turn in event["turns"].as_array().unwrap() {
                let text = |key: &str| turn[key].as_str().unwrap().to_owned();
                turns.insert(turn["number"].as_u64().unwrap(), (text("speaker"), text("text")));
            }
        }
        turns
    }

    /// What it wrote to standard error until now.
    pub fn errors(&self) -> String {
        self.printed.lock().errors.clone()
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Ctrl+C.
    pub fn interrupt(&self) {
        self.process.signal(Signal::INT);
    }

    /// Ends it without asking.
    pub fn kill(&mut self) {
        self.process.child.kill().unwrap();
        self.ended();
    }

    /// Waits until it has ended and everything that it printed is there.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let status = self.process.ended();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        status
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = self.printed.lock();
            let shown = lines.events.iter().filter(|event| event["event"] != "figures");
            let figures = lines.events.iter().rev().find(|event| event["event"] == "figures");
            let printed: String = shown.chain(figures).map(|event| format!("{event}\n")).collect();
            eprintln!("--- printed:\n{printed}--- errors:\n{}---", lines.errors);
        }
    }
}

/// What a command prints that ends by itself.
pub fn output(command: &mut Command) -> String {
    let mut process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let mut printed = String::new();
    process.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    let status = process.ended();
    assert!(status.success(), "{command:?}: {status} {printed}");
    printed
}

/// A path as an argument.
pub fn argument(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
