//! A file that is there as a whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// Bytes that are written at once.
const AT_ONCE: usize = 1 << 20;

/// How often it is tried to take the place of a file that somebody left behind.
const TRIES: usize = 3;

/// A file that is written under the name `TARGET.part` and gets its own name when it is done. If it never is, nothing
/// of it stays.
#[derive(Debug)]
pub(crate) struct PartFile {
    target: PathBuf,
    part: PathBuf,
    overwrite: bool,
    /// None when there is nothing to be removed any more. It is locked, so that another program sees that it is in use.
    file: Option<BufWriter<File>>,
}

impl PartFile {
    pub(crate) fn create(target: &Path, overwrite: bool) -> Result<Self, Error> {
        let wrong = |source| Error::File { path: target.into(), source };
        let Some(name) = target.file_name() else {
            return Err(wrong(io::Error::new(ErrorKind::InvalidInput, "it is no name of a file")));
        };
        let mut name: OsString = name.into();
        name.push(".part");
        let part = target.with_file_name(name);
        refuse(target, overwrite)?;
        for _ in 0..TRIES {
            match File::create_new(&part) {
                Ok(file) => {
                    // A file system without locks only lacks the protection.
                    let _ = file.try_lock();
                    let file = Some(BufWriter::with_capacity(AT_ONCE, file));
                    return Ok(Self { target: target.into(), part, overwrite, file });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(wrong(error)),
            }
            // It was left behind by a program that was killed, or it is in use.
            match File::options().write(true).open(&part) {
                Ok(file) => match file.try_lock() {
                    Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: part }),
                    Ok(()) | Err(TryLockError::Error(_)) => {}
                },
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(source) => return Err(Error::File { path: part, source }),
            }
            match fs::remove_file(&part) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(Error::File { path: part, source });
                }
                _ => {}
            }
        }
        Err(Error::Busy { path: part })
    }

    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes));
        written.map_err(|source| Error::File { path: self.part.clone(), source })
    }

    /// Gives it its own name, when all of it is on the disk.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let on_disk = self.file.as_mut().map_or(Ok(()), |file| {
            file.flush()?;
            file.get_ref().sync_all()
        });
        on_disk.map_err(|source| Error::File { path: self.part.clone(), source })?;
        refuse(&self.target, self.overwrite)?;
        let renamed = fs::rename(&self.part, &self.target).and_then(|()| {
            self.file = None;
            sync_folder(&self.target)
        });
        renamed.map_err(|source| Error::File { path: self.target.clone(), source })
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // Without what waits to be written. Not every system removes open files.
            drop(file.into_parts());
            let _ = fs::remove_file(&self.part);
        }
    }
}

fn refuse(target: &Path, overwrite: bool) -> Result<(), Error> {
    if !overwrite && target.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: target.into() });
    }
    Ok(())
}

/// Names are part of the folder, which has to reach the disk too.
#[cfg(unix)]
fn sync_folder(target: &Path) -> io::Result<()> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The system does it by itself.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
