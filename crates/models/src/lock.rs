//! Who holds a model, among all processes. A lock ends with its process, whatever ends that.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

/// A held lock.
#[derive(Debug)]
pub(crate) struct Lock {
    // The system lets go of it when the file is closed.
    _file: File,
}

/// How a model is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// By somebody who reads it, beside others who do.
    Shared,
    /// By somebody who changes it, alone.
    Alone,
}

impl Lock {
    /// Takes the lock of a model; none, if others hold it. The file stays, as it could not be removed without a moment
    /// in which two hold it.
    pub(crate) fn take(folder: &Path, id: &str, hold: Hold) -> io::Result<Option<Self>> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!(".{id}.lock"));
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let taken = match hold {
            Hold::Shared => file.try_lock_shared(),
            Hold::Alone => file.try_lock(),
        };
        match taken {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
