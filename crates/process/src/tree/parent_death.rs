//! A signal at the death of the parent.
#![expect(unsafe_code, reason = "it has to be asked for by the new process, between fork and exec")]

use std::{io, os::unix::process::CommandExt, process::Command};

use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

/// Has the program sent a signal when the thread that starts it ends.
pub(crate) fn signal_at(command: &mut Command, signal: Signal) {
    let parent = getpid();
    // SAFETY: between fork and exec only calls that are safe in a signal handler may be made. These are two system calls
    // without memory or locks.
    unsafe { command.pre_exec(move || ask(signal, parent)) };
}

fn ask(signal: Signal, parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(signal))?;
    // It may have died before this was asked for.
    if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
}
