//! A child's lines in a file that never grows beyond a size.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use tokio::sync::oneshot;

use crate::{Line, Source};

/// How many lines wait for the disk.
const WAITING: usize = 1024;

/// Where a child's lines are written. The newest are in the file itself, older ones in files with `.1`, `.2` and so on
/// behind its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// The file. Its folder is made if need be.
    pub path: PathBuf,
    /// How long each file becomes at most, in bytes.
    pub bytes: u64,
    /// How many files there are at most, the newest among them.
    pub files: u32,
}

impl LogFile {
    /// Four files of 2 MiB at most.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), bytes: 2 << 20, files: 4 }
    }

    /// All files that are there, the oldest first.
    #[must_use]
    pub fn found(&self) -> Vec<PathBuf> {
        let all = (0..self.files).rev().map(|age| self.aged(age));
        all.filter(|path| path.is_file()).collect()
    }

    fn aged(&self, age: u32) -> PathBuf {
        if age == 0 {
            return self.path.clone();
        }
        let mut name = OsString::from(&self.path);
        name.push(format!(".{age}"));
        name.into()
    }
}

/// The thread that writes, as the disk may be slow and nobody waits for it.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: mpsc::SyncSender<String>,
    /// How many found no room since the last one that did.
    lost: Arc<AtomicU64>,
}

/// Tells when all is written, once the [`Journal`] is dropped.
pub(crate) type Written = oneshot::Receiver<()>;

impl Journal {
    pub(crate) fn open(log: LogFile) -> io::Result<(Self, Written)> {
        let mut writer = Writer::open(log)?;
        let (entries, waiting) = mpsc::sync_channel::<String>(WAITING);
        let (tell, written) = oneshot::channel();
        let lost = Arc::new(AtomicU64::new(0));
        let missing = Arc::clone(&lost);
        thread::Builder::new().name("process-log".into()).spawn(move || {
            while let Ok(entry) = waiting.recv() {
                writer.write(&entry);
            }
            writer.write(&gap(missing.load(Relaxed)));
            let _ = tell.send(());
        })?;
        Ok((Self { entries, lost }, written))
    }

    pub(crate) fn line(&self, line: &Line) {
        let mark = if line.source == Source::Output { "out" } else { "err" };
        self.enter(mark, &line.text);
    }

    /// What is no line of the child's.
    pub(crate) fn note(&self, text: &str) {
        self.enter("---", text);
    }

    fn enter(&self, mark: &str, text: &str) {
        let missing = self.lost.swap(0, Relaxed);
        if self.entries.try_send(gap(missing) + &entry_of(mark, text)).is_err() {
            self.lost.fetch_add(missing + 1, Relaxed);
        }
    }
}

/// What stands in the place of lines that the disk was too slow for.
fn gap(missing: u64) -> String {
    if missing == 0 {
        return String::new();
    }
    entry_of("---", &format!("{missing} lines are missing here"))
}

fn entry_of(mark: &str, text: &str) -> String {
    let now = jiff::Timestamp::now();
    format!("{now:.3} {mark} {text}\n")
}

#[derive(Debug)]
struct Writer {
    log: LogFile,
    file: Option<File>,
    length: u64,
    /// Whether it was said that writing fails.
    said: bool,
}

impl Writer {
    fn open(log: LogFile) -> io::Result<Self> {
        if let Some(folder) = log.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = append(&log.path)?;
        let length = file.metadata()?.len();
        Ok(Self { log, file: Some(file), length, said: false })
    }

    fn write(&mut self, entry: &str) {
        match self.try_write(entry) {
            Ok(()) => self.said = false,
            Err(error) if !self.said => {
                self.said = true;
                tracing::warn!(%error, path = %self.log.path.display(), "a log cannot be written");
            }
            Err(_) => {}
        }
    }

    fn try_write(&mut self, entry: &str) -> io::Result<()> {
        let length = entry.len() as u64;
        if self.length > 0 && self.length + length > self.log.bytes {
            self.rotate()?;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(append(&self.log.path)?),
        };
        file.write_all(entry.as_bytes())?;
        self.length += length;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        // Windows renames no file that is open.
        self.file = None;
        let oldest = self.log.files.max(1) - 1;
        if oldest == 0 {
            fs::remove_file(&self.log.path)?;
        }
        for age in (0..oldest).rev() {
            match fs::rename(self.log.aged(age), self.log.aged(age + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.length = 0;
        Ok(())
    }
}

/// For the person alone: what a program prints may be private.
fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_in(folder: &tempfile::TempDir, files: u32) -> LogFile {
        LogFile { path: folder.path().join("logs/child.log"), bytes: 1000, files }
    }

    #[test]
    fn a_log_is_bounded_and_keeps_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let log = log_in(&folder, 3);
        let mut writer = Writer::open(log.clone()).unwrap();
        for number in 0..1000 {
            writer.write(&format!("line {number}\n"));
        }
        let found = log.found();
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|path| fs::metadata(path).unwrap().len() <= 1000));
        let all: String = found.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        assert!(all.ends_with("line 998\nline 999\n"));
        let numbers: Vec<u32> =
            all.lines().map(|line| line.strip_prefix("line ").unwrap().parse().unwrap()).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "nothing is lost between files");
        assert_eq!(fs::read_dir(folder.path().join("logs")).unwrap().count(), 3);
    }

    #[test]
    fn what_the_disk_was_too_slow_for_is_counted_where_it_is_missing() {
        let (entries, waiting) = mpsc::sync_channel(1);
        let journal = Journal { entries, lost: Arc::default() };
        for text in ["first", "lost", "lost"] {
            journal.note(text);
        }
        assert!(waiting.recv().unwrap().ends_with(" --- first\n"));
        journal.note("next");
        let next = waiting.recv().unwrap();
        let [gap, entry] = next.lines().collect::<Vec<_>>()[..] else { panic!("{next}") };
        assert!(gap.ends_with(" --- 2 lines are missing here") && entry.ends_with(" --- next"), "{next}");
        journal.note("last");
        assert!(!waiting.recv().unwrap().contains("missing"));
    }

    #[test]
    fn a_log_goes_on_where_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let log = log_in(&folder, 1);
        for number in 0..3 {
            Writer::open(log.clone()).unwrap().write(&format!("{number}\n"));
        }
        assert_eq!(fs::read_to_string(&log.path).unwrap(), "0\n1\n2\n");
        Writer::open(log.clone()).unwrap().write(&"x".repeat(999));
        assert_eq!(log.found(), [log.path.as_path()]);
        assert_eq!(fs::metadata(&log.path).unwrap().len(), 999, "the only file begins anew");
    }
}
