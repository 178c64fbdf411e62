//! When a program that runs until it is told otherwise ends: because somebody asks for it, or because the program that
//! started it is gone.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

#[cfg(target_os = "linux")]
mod parent;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io::{self, Read};
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

#[cfg(unix)]
use self::unix::asked;
#[cfg(windows)]
use self::windows::asked;

/// How a program ends that was interrupted, as shells count it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Runs a command that waits for things. Its token is cancelled when somebody asks it to end, which it does then.
pub(crate) fn run(command: impl AsyncFnOnce(CancellationToken) -> ExitCode) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("The program cannot start ({error}). Try again when fewer programs run.");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let stop = CancellationToken::new();
        if let Err(error) = when_asked(&stop) {
            eprintln!("The program cannot listen to signals ({error}). Try again when fewer programs run.");
            return ExitCode::FAILURE;
        }
        Box::pin(command(stop)).await
    });
    // What cannot be interrupted must not hold up the end: a name that is looked up, a model that is loaded.
    runtime.shutdown_background();
    code
}

/// Cancels `stop` on Ctrl+C, and on what each system sends to a program that shall end. Needs a Tokio runtime.
fn when_asked(stop: &CancellationToken) -> io::Result<()> {
    cancel_after(stop, asked()?);
    Ok(())
}

/// Cancels `stop` when standard input ends, which it does on every system when whoever holds its other end is gone;
/// on Linux also when the parent process is gone and something else still holds that end. Needs a Tokio runtime.
pub(crate) fn with_parent(stop: &CancellationToken) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    cancel_after(stop, parent::gone()?);
    let stop = stop.clone();
    // Waiting for standard input can not be ended by anything but the end of the program, so that nobody waits for
    // this thread.
    std::thread::Builder::new().name("parent".into()).spawn(move || {
        let mut ignored = [0; 256];
        let mut input = io::stdin().lock();
        loop {
            match input.read(&mut ignored) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
            }
        }
        stop.cancel();
    })?;
    Ok(())
}

/// Cancels `stop` when something has happened; waits no longer than for `stop` itself.
fn cancel_after(stop: &CancellationToken, happened: impl Future<Output = ()> + Send + 'static) {
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = happened => stop.cancel(),
            () = stop.cancelled() => {}
        }
    });
}
