//! A file that cannot be read is kept under another name.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// A broken file that was renamed so that a fresh one could take its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where the broken file lies now.
    pub kept_as: PathBuf,
    /// What was wrong with it, in the reader's words.
    pub reason: String,
}

/// Renames `path` to a name that is not taken yet.
pub(crate) fn set_aside(path: &Path, reason: &str) -> io::Result<SetAside> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut kept_as = path.with_file_name(format!("{name}.broken-{seconds}"));
    let mut count = 1;
    while kept_as.exists() {
        kept_as = path.with_file_name(format!("{name}.broken-{seconds}-{count}"));
        count += 1;
    }
    fs::rename(path, &kept_as)?;
    Ok(SetAside { kept_as, reason: reason.to_owned() })
}

/// A file that lies beside another one under its name and a suffix.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
