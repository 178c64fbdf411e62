//! A small process between this program and a child that starts others.
//!
//! It dies with neither: on Linux it adopts whatever in the tree loses its parent, so that nothing gets away by forking
//! twice or leaving its group, and ends all of it when it is asked to, when the child has ended, or when this program is
//! gone. On Windows it makes a job and is in it itself before it starts the child.
//!
//! Any program can be the guard that calls [`run`] with the arguments that a hidden command of it got.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
use linux::guard;
#[cfg(windows)]
use windows::guard;

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use crate::{StartError, find};

/// The exit code for a program that could not be started, as shells have it.
const NOT_STARTED: u8 = 126;

/// The program that is the guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Guard {
    /// A program that calls [`run`] when it is started with these arguments, `--` and more behind them.
    #[must_use]
    pub fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self { program: program.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// What starts the guard, which starts the program with the arguments that follow.
    pub(crate) fn command(&self, program: &Path) -> Result<Command, StartError> {
        let guard = find(&self.program).ok_or_else(|| StartError::NotFound(self.program.clone()))?;
        let guard = std::path::absolute(&guard).map_err(|error| StartError::of(&error, guard))?;
        let mut command = Command::new(guard);
        command.args(&self.arguments).arg("--").arg(program);
        Ok(command)
    }
}

/// Is the guard of a program: starts it, waits for it, and leaves nothing of it behind. `arguments`: the program and its
/// arguments, with or without a `--` before them. To be called on the main thread of a process that does nothing else.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter().peekable();
    arguments.next_if(|first| first == "--");
    let Some(program) = arguments.next() else { return ExitCode::from(NOT_STARTED) };
    let mut command = Command::new(program);
    command.args(arguments);
    guard(command).unwrap_or_else(|error| {
        say(&error);
        ExitCode::from(NOT_STARTED)
    })
}

#[expect(
    clippy::print_stderr,
    reason = "it stands where the program would have said it, and is read as its line"
)]
fn say(error: &io::Error) {
    eprintln!("the program does not start: {error}");
}
