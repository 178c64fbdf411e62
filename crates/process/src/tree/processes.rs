//! The processes of this computer, as /proc tells of them.

use std::{collections::BTreeSet, fs, io};

use rustix::process::{Pid, Signal, kill_process};

/// A process. Its number alone may mean another one later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) id: i32,
    /// In ticks since the computer started.
    started: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    process: Process,
    parent: i32,
    group: i32,
    /// Whether it only waits for its parent to look.
    over: bool,
}

impl Process {
    pub(crate) fn of(id: i32) -> io::Result<Self> {
        Entry::of(id).map(|entry| entry.process)
    }

    /// Sends it a signal, if it is still there.
    pub(crate) fn send(self, signal: Signal) {
        if Self::of(self.id).is_ok_and(|found| found == self)
            && let Some(id) = Pid::from_raw(self.id)
            && let Err(error) = kill_process(id, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(%error, id = self.id, "a process cannot be sent a signal");
        }
    }
}

impl Entry {
    fn of(id: i32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        Self::read(id, &stat).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn read(id: i32, stat: &str) -> Option<Self> {
        // The name stands in brackets and may hold anything, also brackets.
        let (_, behind) = stat.rsplit_once(')')?;
        let mut fields = behind.split_ascii_whitespace();
        let over = matches!(fields.next()?, "Z" | "X");
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let started = fields.nth(16)?.parse().ok()?;
        Some(Self { process: Process { id, started }, parent, group, over })
    }
}

/// What runs of a tree: whatever is of the group of its root, or was already known, and all that descends from those.
/// The root itself is among it.
pub(crate) fn tree(root: Process, known: &BTreeSet<Process>) -> BTreeSet<Process> {
    let all = all();
    // A group keeps its number as long as somebody is in it.
    let of_group = |entry: &Entry| entry.group == root.id && entry.process.started >= root.started;
    let mut found: BTreeSet<Process> = all
        .iter()
        .filter(|entry| entry.process == root || of_group(entry) || known.contains(&entry.process))
        .map(|entry| entry.process)
        .collect();
    add_descendants(&all, &mut found);
    found.retain(|process| all.iter().any(|entry| entry.process == *process && !entry.over));
    found
}

/// All that descends from a process, without itself.
pub(crate) fn descendants(of: Process) -> BTreeSet<Process> {
    let all = all();
    let mut found = BTreeSet::from([of]);
    add_descendants(&all, &mut found);
    found.remove(&of);
    found
}

fn add_descendants(all: &[Entry], found: &mut BTreeSet<Process>) {
    loop {
        let before = found.len();
        for entry in all {
            if found.iter().any(|process| process.id == entry.parent) {
                found.insert(entry.process);
            }
        }
        if found.len() == before {
            return;
        }
    }
}

fn all() -> Vec<Entry> {
    let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // One that ends meanwhile is none.
    ids.filter_map(|id| Entry::of(id).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name_is() {
        let stat = "77 (a) S 1 (b)) Z 5 70 70 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 99 1";
        let entry = Entry::read(77, stat).unwrap();
        assert_eq!((entry.parent, entry.group, entry.over), (5, 70, true));
        assert_eq!(entry.process, Process { id: 77, started: 4242 });
        assert!(Entry::read(77, "77 (cut").is_none());
    }

    #[test]
    fn a_process_of_the_same_number_is_another_one() {
        let own = Process::of(std::process::id().cast_signed()).unwrap();
        assert!(tree(own, &BTreeSet::new()).contains(&own));
        let later = Process { started: own.started + 1, ..own };
        assert!(!tree(later, &BTreeSet::new()).contains(&later));
    }
}
