//! The program as it is installed, with a home of its own.
#![allow(dead_code, unreachable_pub, reason = "several test programs share it, and none needs all of it")]

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_myca");

/// A home for settings and models, which is gone afterwards.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn models(&self) -> PathBuf {
        self.path().join("data").join("models")
    }

    /// The program, with nothing of whoever runs the test: no keyring, no account, no cache.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in ["MYCA_LOG", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HF_HUB_CACHE"] {
            command.env_remove(name);
        }
        command.env("MYCA_HOME", self.path()).env("HF_HOME", self.path().join("hf"));
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What it prints, when all goes well.
    #[track_caller]
    pub fn prints(&self, arguments: &[&str]) -> String {
        printed(&self.run(arguments))
    }

    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.prints(arguments)).unwrap()
    }

    /// Ends with this code, says these words, and prints nothing.
    #[track_caller]
    pub fn refuses(&self, arguments: &[&str], code: i32, words: &str) {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "standard output is for what worked");
    }

    /// A small model in the home.
    pub fn tiny(&self, quantized: bool) -> PathBuf {
        let folder = self.path().join("tiny");
        let mut arguments = vec!["model", "tiny", folder.to_str().unwrap()];
        arguments.extend(quantized.then_some("--quantized"));
        self.prints(&arguments);
        folder
    }
}

#[track_caller]
pub fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The program while it runs. It is killed when this is dropped.
pub struct Running {
    pub child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line of JSON; none at the end.
    pub fn event(&mut self) -> Option<Value> {
        let mut line = String::new();
        (self.lines.read_line(&mut line).unwrap() > 0).then(|| serde_json::from_str(&line).unwrap())
    }

    /// The next one that is looked for.
    #[track_caller]
    pub fn until(&mut self, mut is_it: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let event = self.event().expect("it ends before that");
            if is_it(&event) {
                return event;
            }
        }
    }

    /// As Ctrl+C does.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end; what it printed until then is thrown away.
    pub fn code(mut self) -> Option<i32> {
        while self.event().is_some() {}
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
