//! What our databases have in common: how one is opened, brought to the current layout, and set aside when it is broken.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, TransactionBehavior, ffi};
use thiserror::Error;

use crate::set_aside::{SetAside, beside, set_aside};

/// How long another connection may hold the database.
const BUSY: Duration = Duration::from_secs(2);

/// Why something cannot be written to a database, or read from it.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// There is no room.
    #[error("the disk is full")]
    DiskFull,
    /// Another process holds the database.
    #[error("another program holds the database")]
    Busy,
    /// The database was made by a later version of the program.
    #[error("the database at {path} was written by a later version of this program")]
    TooNew {
        /// The database.
        path: PathBuf,
    },
    /// The folder cannot be made.
    #[error("the folder for the database cannot be made: {0}")]
    Folder(#[source] std::io::Error),
    /// Anything else, in SQLite's words.
    #[error("the database cannot be used: {0}")]
    Sqlite(#[source] rusqlite::Error),
}

impl DatabaseError {
    /// Stable code for the edge.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DiskFull => "store.disk_full",
            Self::Busy => "store.busy",
            Self::TooNew { .. } => "store.too_new",
            Self::Folder(_) => "store.folder",
            Self::Sqlite(_) => "store.failed",
        }
    }

    /// Whether the database itself is damaged: opening it anew sets it aside.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error() {
            // The memory that connections share is a file as well, and takes room.
            Some(failure) if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => Self::DiskFull,
            Some(failure) => match failure.code {
                ErrorCode::DiskFull => Self::DiskFull,
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
                _ => Self::Sqlite(error),
            },
            None => Self::Sqlite(error),
        }
    }
}

/// The tables of one kind of database.
pub(crate) struct Layout {
    /// Entry n leads from version n to n + 1, with all of its statements together.
    pub(crate) migrations: &'static [&'static [&'static str]],
    /// Queries that every database of this kind can answer. What cannot can never be written either.
    pub(crate) probes: &'static [&'static str],
}

impl Layout {
    /// Opens or makes the database. One that is broken is set aside, which is reported beside it.
    pub(crate) fn open(&self, path: &Path) -> Result<(Connection, Option<SetAside>), DatabaseError> {
        match self.open_checked(path) {
            Err(error) if error.is_broken() => {
                let reason = match &error {
                    DatabaseError::Sqlite(error) => error.to_string(),
                    other => other.to_string(),
                };
                let aside = set_aside(path, &reason).map_err(DatabaseError::Folder)?;
                // The log beside a broken database belongs to it: it may hold the last changes, and must not be played
                // into the fresh one.
                let log = beside(path, "-wal");
                if log.exists() {
                    fs::rename(log, beside(&aside.kept_as, "-wal")).map_err(DatabaseError::Folder)?;
                }
                let _ = fs::remove_file(beside(path, "-shm"));
                Ok((self.open_checked(path)?, Some(aside)))
            }
            opened => Ok((opened?, None)),
        }
    }

    fn open_checked(&self, path: &Path) -> Result<Connection, DatabaseError> {
        let db = self.connect(path)?;
        // Finds damage at once instead of in the middle of a conversation; takes milliseconds.
        let check: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Err(broken(check));
        }
        let db = self.migrate(db, path)?;
        for probe in self.probes {
            db.prepare(probe).map_err(of_another_kind)?;
        }
        Ok(db)
    }

    /// Opens the database for a look beside whoever keeps it open: takes no time for checks, and leaves a broken one
    /// where it is.
    pub(crate) fn open_beside(&self, path: &Path) -> Result<Connection, DatabaseError> {
        self.migrate(self.connect(path)?, path)
    }

    fn connect(&self, path: &Path) -> Result<Connection, DatabaseError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(DatabaseError::Folder)?;
        }
        if is_foreign(path) {
            return Err(broken("file is not a database".to_owned()));
        }
        let db = Connection::open(path)?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        // What is on the screen survives a power cut.
        db.pragma_update(None, "synchronous", "FULL")?;
        // What is deleted is overwritten.
        db.pragma_update(None, "secure_delete", true)?;
        Ok(db)
    }

    fn migrate(&self, mut db: Connection, path: &Path) -> Result<Connection, DatabaseError> {
        if self.version(&db, path)? < self.migrations.len() {
            // Two connections may be opened at once: the second one finds the work done.
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (from, migration) in
                self.migrations.iter().enumerate().skip(self.version(&transaction, path)?)
            {
                transaction
                    .execute_batch(&format!("{} PRAGMA user_version = {};", migration.concat(), from + 1))
                    .map_err(of_another_kind)?;
            }
            transaction.commit()?;
        }
        Ok(db)
    }

    fn version(&self, db: &Connection, path: &Path) -> Result<usize, DatabaseError> {
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match usize::try_from(version).unwrap_or(usize::MAX) {
            version if version <= self.migrations.len() => Ok(version),
            _ => Err(DatabaseError::TooNew { path: path.to_path_buf() }),
        }
    }
}

/// Empties the log, which still holds what was deleted. Where somebody reads at the moment, the next call does it, or
/// closing the database.
pub(crate) fn empty_log(db: &Connection) {
    let busy = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    if !matches!(busy, Ok(false)) {
        tracing::warn!(?busy, "the log could not be emptied after something was deleted");
    }
}

/// Whether the file is no database at all. SQLite would find out as well, and throw away the log beside the file while
/// it does.
fn is_foreign(path: &Path) -> bool {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut begin));
    read.is_ok() && !begin.is_empty() && begin != MAGIC
}

fn broken(reason: String) -> DatabaseError {
    let corrupt = ffi::Error::new(ffi::SQLITE_CORRUPT);
    DatabaseError::Sqlite(rusqlite::Error::SqliteFailure(corrupt, Some(reason)))
}

/// An error while the layout is made or looked at: SQL that is right for our layout is wrong for another one.
fn of_another_kind(error: rusqlite::Error) -> DatabaseError {
    match &error {
        rusqlite::Error::SqlInputError { msg, .. } => broken(msg.clone()),
        rusqlite::Error::SqliteFailure(failure, _) if failure.code == ErrorCode::Unknown => {
            broken(error.to_string())
        }
        _ => error.into(),
    }
}
