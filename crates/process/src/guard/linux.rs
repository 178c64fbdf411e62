//! The guard of Linux: a subreaper, to which every orphan of the tree comes.

use std::{
    io,
    process::{Command, ExitCode},
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, set_child_subreaper, wait};
use tokio::{
    runtime, select,
    signal::unix::{SignalKind, signal},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use crate::tree::{
    parent_death,
    processes::{self, Process},
};

/// How long what the child left behind may take to end, and all of it once our parent is gone.
const GRACE: Duration = Duration::from_secs(2);
/// How often what does not end is killed again, with what it started meanwhile.
const AGAIN: Duration = Duration::from_millis(20);

pub(super) fn guard(command: Command) -> io::Result<ExitCode> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(command))
}

async fn watch(mut command: Command) -> io::Result<ExitCode> {
    let parent = getppid();
    // From here on a signal waits until there is something to end.
    let mut ended = signal(SignalKind::child())?;
    let mut asked = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let mut at_once = signal(SignalKind::quit())?;
    set_child_subreaper(Some(getpid()))?;
    let own = Process::of(getpid().as_raw_nonzero().get())?;
    // If even the guard is killed, the child at least goes with it.
    parent_death::signal_at(&mut command, Signal::KILL);
    let child = Pid::from_child(&command.spawn()?);
    drop(command);

    let mut code = None;
    let mut deadline: Option<Instant> = None;
    let mut killing = interval(AGAIN);
    // The hours before there was anything to kill are no reason to hurry.
    killing.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (reaped, left) = reap()?;
        if let Some((_, status)) = reaped.iter().find(|(id, _)| *id == child) {
            code = Some(code_of(*status));
            send_all(own, Signal::TERM);
            deadline.get_or_insert(Instant::now() + GRACE);
        }
        // No more children means no more descendants: all orphans come here.
        if !left {
            return Ok(code.unwrap_or(ExitCode::FAILURE));
        }
        let is_late = deadline.is_some_and(|deadline| deadline <= Instant::now());
        select! {
            _ = ended.recv() => {}
            _ = asked.recv() => {
                send_all(own, Signal::TERM);
                // The parent says when it has waited long enough, as long as there is one.
                if getppid() != parent {
                    deadline.get_or_insert(Instant::now() + GRACE);
                }
            }
            _ = interrupted.recv() => send_all(own, Signal::INT),
            _ = hung_up.recv() => send_all(own, Signal::TERM),
            _ = at_once.recv() => deadline = Some(Instant::now()),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() && !is_late => {}
            _ = killing.tick(), if is_late => send_all(own, Signal::KILL),
        }
    }
}

/// All children that have ended, and whether there are others.
fn reap() -> io::Result<(Vec<(Pid, WaitStatus)>, bool)> {
    let mut reaped = Vec::new();
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(one)) => reaped.push(one),
            Ok(None) => return Ok((reaped, true)),
            Err(rustix::io::Errno::CHILD) => return Ok((reaped, false)),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn send_all(own: Process, signal: Signal) {
    for process in processes::descendants(own) {
        process.send(signal);
    }
}

/// As shells tell it.
fn code_of(status: WaitStatus) -> ExitCode {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
