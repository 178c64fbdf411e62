//! A child process that does not outlive its test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;

use rustix::process::{Pid, Signal, kill_process, setpriority_process};

use super::patiently;

/// A child process; killed when it is dropped.
pub struct Process {
    name: String,
    pub child: Child,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        go_first();
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name, child }
    }

    /// Starts a program that says on its first line of output what is to be known of it, once it is ready.
    pub fn that_says_a_line(command: &mut Command) -> (Self, String) {
        let mut process = Self::start(command.stdout(Stdio::piped()));
        let mut line = String::new();
        // The end of the output, if it dies before, ends this too.
        BufReader::new(process.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line = line.trim().to_owned();
        assert!(!line.is_empty(), "{} has ended before it was ready", process.name);
        (process, line)
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        patiently(&format!("{} ends", self.name), || child.try_wait().unwrap())
    }
}

/// Puts this test, and what it starts, before everything else on the machine, where the system lets it: it measures time, and
/// others may be at work.
fn go_first() {
    const BEFORE_OTHERS: i32 = -11;
    static ONCE: Once = Once::new();
    // Refused to most people, who are alone on their machine. The first counts within a session, the second among sessions.
    ONCE.call_once(|| {
        let _ = setpriority_process(None, BEFORE_OTHERS);
        let _ = fs::write("/proc/self/autogroup", BEFORE_OTHERS.to_string());
    });
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
