//! Process groups, parents and signals.

use std::{
    collections::BTreeSet,
    io,
    os::unix::process::CommandExt,
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::{
    parent_death,
    processes::{self, Process},
};

/// How often what does not end is killed again, with what it started meanwhile.
const AGAIN: Duration = Duration::from_millis(20);
/// How long a guard may take to kill all that it guards.
const GUARD: Duration = Duration::from_secs(3);
/// Looks at a dropped tree at most: two are enough unless somebody outside of it starts more of it.
const LOOKS: usize = 100;
/// When it is given up: what a kill does not end waits in the kernel for a device.
const LIMIT: Duration = Duration::from_secs(10);

/// A child and all that it has started. Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Tree {
    root: Process,
    guarded: bool,
    /// What was seen of it: who has lost its parent and its group is found nowhere else.
    known: Mutex<BTreeSet<Process>>,
    /// Whether nothing of it is left. From then on its numbers are anybody's.
    over: AtomicBool,
}

impl Tree {
    /// Before the child is started.
    pub(crate) fn prepare(command: &mut Command, guarded: bool) {
        command.process_group(0);
        // A guard has something to do before it ends.
        parent_death::signal_at(command, if guarded { Signal::TERM } else { Signal::KILL });
    }

    pub(crate) fn of(child: &tokio::process::Child, guarded: bool) -> io::Result<Self> {
        let id = child.id().ok_or(io::ErrorKind::NotFound)?;
        let root = Process::of(id.cast_signed())?;
        Ok(Self { root, guarded, known: Mutex::default(), over: AtomicBool::new(false) })
    }

    /// Asks all of it to end.
    pub(crate) fn ask(&self) {
        if self.guarded {
            self.root.send(Signal::TERM);
        } else {
            self.send(Signal::TERM);
        }
    }

    /// Whether nothing of it runs.
    pub(crate) fn is_gone(&self) -> bool {
        self.look().is_empty()
    }

    /// Kills all of it, and waits until it is gone.
    pub(crate) async fn kill(&self) {
        let begin = Instant::now();
        if self.guarded {
            self.root.send(Signal::QUIT);
            while !self.is_gone() && begin.elapsed() < GUARD {
                sleep(AGAIN).await;
            }
        }
        while !self.send(Signal::KILL).is_empty() {
            if begin.elapsed() > LIMIT {
                tracing::warn!(id = self.root.id, "a process does not end, although it is killed");
                return;
            }
            sleep(AGAIN).await;
        }
        self.over.store(true, Relaxed);
    }

    /// Sends a signal to all that runs of it.
    fn send(&self, signal: Signal) -> BTreeSet<Process> {
        let found = self.look();
        for process in &found {
            process.send(signal);
        }
        found
    }

    fn look(&self) -> BTreeSet<Process> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = processes::tree(self.root, &known);
        known.clone_from(&found);
        found
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if self.over.load(Relaxed) {
            return;
        }
        if self.guarded && !self.look().is_empty() {
            self.root.send(Signal::QUIT);
            return;
        }
        // What was started between a look and its kill is found at the next look; whoever started it is dead by then.
        let mut killed = self.send(Signal::KILL);
        for _ in 0..LOOKS {
            let found = self.send(Signal::KILL);
            if found.is_subset(&killed) {
                return;
            }
            killed.extend(found);
        }
        tracing::warn!(id = self.root.id, "a process starts others faster than they can be killed");
    }
}
