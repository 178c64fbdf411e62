//! `cargo xtask`: what is done with this checkout, from a machine that has Rust and Node and nothing else.
//!
//! Every command first says what it has to install, then installs it, then does its work. `steps.rs` is the list of what
//! `cargo xtask test` asks; `packages.txt` the list of system packages.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod bindings;
mod checkout;
mod command;
mod deny;
mod node;
mod packages;
mod run;
mod secrets;
mod setup;
mod steps;
mod tools;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::*;

use crate::checkout::Checkout;
use crate::command::run;
use crate::steps::Selection;

const USAGE: &str = "\
cargo xtask run [--release] [-- ARGUMENTS]    build the app and start it
cargo xtask test [OPTIONS]                    everything that has to hold before a change goes in
    --only STEP,...     these steps alone
    --skip STEP,...     all but these
    --keep-going        go on after a step that failed
    --list              name the steps
cargo xtask bindings                          regenerate the window's TypeScript bindings
cargo xtask bench [-- ARGUMENTS]              run the benchmarks of the workspace";

/// What was asked for.
#[derive(Debug, PartialEq)]
enum Task {
    Run { release: bool, arguments: Vec<OsString> },
    Test { selection: Selection, keep_going: bool },
    ListSteps,
    Bindings,
    Bench { arguments: Vec<OsString> },
    Usage,
}

fn main() -> ExitCode {
    let done = parse(lexopt::Parser::from_env()).and_then(|task| perform(&task));
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: &Task) -> Result<ExitCode> {
    let checkout = Checkout::find()?;
    match task {
        Task::Usage => println!("{USAGE}"),
        Task::ListSteps => steps::list(),
        Task::Run { release, arguments } => return run::run(&checkout, *release, arguments),
        Task::Test { selection, keep_going } => return Ok(steps::test(&checkout, selection, *keep_going)),
        Task::Bindings => bindings::regenerate(&checkout)?,
        Task::Bench { arguments } => run(checkout.cargo(["bench", "--workspace"]).args(arguments))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(mut parser: lexopt::Parser) -> Result<Task> {
    let mut command = None;
    let (mut release, mut keep_going, mut list) = (false, false, false);
    let (mut only, mut skip) = (None, None);
    let mut arguments = Vec::new();
    while let Some(argument) = parser.next()? {
        match (command.as_deref(), argument) {
            (_, Short('h') | Long("help")) => return Ok(Task::Usage),
            (None, Value(name)) => command = Some(name.string()?),
            (Some("run"), Long("release")) => release = true,
            (Some("test"), Long("only")) => only = Some(parser.value()?.string()?),
            (Some("test"), Long("skip")) => skip = Some(parser.value()?.string()?),
            (Some("test"), Long("keep-going")) => keep_going = true,
            (Some("test"), Long("list")) => list = true,
            // What follows `--`, and bare words, belong to the program that is started.
            (Some("run" | "bench"), Value(first)) => {
                arguments.push(first);
                arguments.extend(parser.raw_args()?);
            }
            (_, other) => return Err(other.unexpected().into()),
        }
    }
    Ok(match command.as_deref() {
        None | Some("help") => Task::Usage,
        Some("run") => Task::Run { release, arguments },
        Some("test") if list => Task::ListSteps,
        Some("test") => {
            Task::Test { selection: Selection::new(only.as_deref(), skip.as_deref())?, keep_going }
        }
        Some("bindings") => Task::Bindings,
        Some("bench") => Task::Bench { arguments },
        Some(other) => bail!("there is no task {other:?}\n\n{USAGE}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Task> {
        parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn nothing_asked_for_explains_itself() {
        assert_eq!(parsed(&[]).unwrap(), Task::Usage, "no task named");
        assert_eq!(parsed(&["test", "--help"]).unwrap(), Task::Usage, "help wins over the task");
    }

    #[test]
    fn the_apps_own_options_reach_the_app() {
        let task = parsed(&["run", "--release", "--", "--minimized", "--release"]).unwrap();
        let arguments = ["--minimized", "--release"].map(OsString::from).to_vec();
        assert_eq!(task, Task::Run { release: true, arguments }, "everything after -- is passed on");
    }

    #[test]
    fn options_of_one_task_are_refused_by_another() {
        assert!(parsed(&["bindings", "--release"]).is_err(), "bindings has no --release");
        assert!(parsed(&["test", "--release"]).is_err(), "test has no --release");
        assert!(parsed(&["no-such-task"]).is_err(), "unknown tasks are named, not ignored");
    }

    #[test]
    fn test_takes_its_options_in_any_order() {
        let task = parsed(&["test", "--keep-going", "--skip=deny,windows"]).unwrap();
        let selection = Selection::new(None, Some("deny,windows")).unwrap();
        assert_eq!(task, Task::Test { selection, keep_going: true }, "both options were read");
    }
}
