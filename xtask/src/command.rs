//! Starting programs: said before, judged after.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Runs the program with its output on the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say(command);
    let status = command.status().with_context(|| format!("{} could not be started", name(command)))?;
    judge(command, status)
}

/// Runs the program and shows what it wrote only if it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    say(command);
    let output = command.output().with_context(|| format!("{} could not be started", name(command)))?;
    if !output.status.success() {
        io::stdout().write_all(&output.stdout)?;
        io::stderr().write_all(&output.stderr)?;
    }
    judge(command, output.status)
}

/// What the program wrote, without the space around it; nothing if it is not there or failed.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether the program runs and is content, and is done within the limit.
pub(crate) fn succeeds_within(command: &mut Command, limit: Duration) -> bool {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = child else { return false };
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(Duration::from_millis(50)),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let mut line = name(command);
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&quoted(argument));
    }
    line
}

fn say(command: &Command) {
    println!("$ {}", shown(command));
}

fn judge(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// The program's name without the folder it is in.
fn name(command: &Command) -> String {
    let path = std::path::Path::new(command.get_program());
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn quoted(argument: &OsStr) -> String {
    let text = argument.to_string_lossy();
    if text.is_empty() || text.contains([' ', '"', '\'', '$', '*', '(', ')', '|']) {
        format!("'{}'", text.replace('\'', r"'\''"))
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["nextest", "run", "-E", "binary(/^e2e_/)"]);
        assert_eq!(
            shown(&command),
            "cargo nextest run -E 'binary(/^e2e_/)'",
            "no folders, quotes where a shell wants them"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_is_ended() {
        let begin = Instant::now();
        assert!(
            !succeeds_within(Command::new("sleep").arg("30"), Duration::from_millis(100)),
            "it ran past the limit"
        );
        assert!(begin.elapsed() < Duration::from_secs(10), "and nobody waited for it");
        assert!(
            succeeds_within(&mut Command::new("true"), Duration::from_secs(10)),
            "one that ends in time passes"
        );
    }

    #[test]
    fn a_program_that_is_not_there_has_no_answer() {
        assert_eq!(
            answer(&mut Command::new("no-such-program-anywhere")),
            None,
            "missing is not an error here"
        );
    }
}
