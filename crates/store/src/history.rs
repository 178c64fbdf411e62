//! Conversations and their turns, in SQLite.
//!
//! A turn is written before it is shown. Writing is upserting: a turn of Moshi's grows with every piece of text, and
//! the whole row is replaced each time.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, ffi, params};
use thiserror::Error;
use uuid::Uuid;

use crate::set_aside::{SetAside, beside, set_aside};

/// How long another process may hold the database.
const BUSY: Duration = Duration::from_secs(2);

/// Layouts of the database; entry n leads from version n to n + 1.
const MIGRATIONS: [&str; 2] = [
    "
    CREATE TABLE conversations (
        id TEXT PRIMARY KEY,
        started_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE turns (
        conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        speaker TEXT NOT NULL,
        source TEXT NOT NULL,
        text TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        open INTEGER NOT NULL,
        PRIMARY KEY (conversation, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX conversations_by_start ON conversations (started_ms);
",
    "
    ALTER TABLE turns ADD COLUMN delivery TEXT;
    ALTER TABLE turns ADD COLUMN note TEXT;
",
];

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The person at this computer.
    Person,
    /// Moshi.
    Moshi,
    /// The agent system behind it.
    Brain,
}

/// How a turn came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// By keyboard.
    Typed,
    /// From the person's voice.
    Heard,
    /// In Moshi's voice.
    Spoken,
    /// As text from the brain.
    Written,
}

/// What became of a turn on its way to the brain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It waits to be sent.
    Waiting,
    /// It was sent. Whether it arrived is not known yet.
    Sent,
    /// The brain has answered it.
    Delivered,
    /// It could not be delivered; [`Turn::note`] says why.
    Failed,
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its place in the conversation, and its identity there.
    pub number: u64,
    /// Who speaks.
    pub speaker: Speaker,
    /// How it came.
    pub source: Source,
    /// What was said, so far.
    pub text: String,
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether it still grows.
    pub open: bool,
    /// What became of it on its way to the brain; none for turns that are not meant for it.
    pub delivery: Option<Delivery>,
    /// Why it could not be delivered; for a turn of the brain's, who wrote it as the brain says.
    pub note: Option<String>,
}

/// A conversation without its turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its identity.
    pub id: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
}

impl Conversation {
    /// A new one that begins at `now_ms`, in milliseconds since 1970. It is kept with its first turn.
    #[must_use]
    pub fn begin(now_ms: i64) -> Self {
        Self { id: Uuid::now_v7().to_string(), started_ms: now_ms }
    }
}

/// Why something is not in the history.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// There is no room.
    #[error("the disk is full")]
    DiskFull,
    /// Another process holds the database.
    #[error("another program holds the history")]
    Busy,
    /// The database was made by a later version of the program.
    #[error("the history at {path} was written by a later version of this program")]
    TooNew {
        /// The database.
        path: PathBuf,
    },
    /// The folder cannot be made.
    #[error("the folder for the history cannot be made: {0}")]
    Folder(#[source] std::io::Error),
    /// Anything else, in SQLite's words.
    #[error("the history cannot be used: {0}")]
    Sqlite(#[source] rusqlite::Error),
}

impl HistoryError {
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

impl From<rusqlite::Error> for HistoryError {
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

/// The database.
#[derive(Debug)]
pub struct History {
    db: Connection,
}

impl History {
    /// Opens or makes the database. One that is broken is set aside, which is reported beside it.
    ///
    /// # Errors
    /// Any [`HistoryError`]; a database of a later version is left alone.
    pub fn open(path: &Path) -> Result<(Self, Option<SetAside>), HistoryError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(HistoryError::Folder)?;
        }
        let opened = if is_foreign(path) {
            Err(broken("file is not a database".to_owned()))
        } else {
            Self::open_once(path)
        };
        match opened {
            Err(error) if error.is_broken() => {
                let reason = match &error {
                    HistoryError::Sqlite(error) => error.to_string(),
                    other => other.to_string(),
                };
                let aside = set_aside(path, &reason).map_err(HistoryError::Folder)?;
                // The log beside a broken database belongs to it: it may hold the last turns, and must not be played
                // into the fresh one.
                let log = beside(path, "-wal");
                if log.exists() {
                    fs::rename(log, beside(&aside.kept_as, "-wal")).map_err(HistoryError::Folder)?;
                }
                let _ = fs::remove_file(beside(path, "-shm"));
                Ok((Self::open_once(path)?, Some(aside)))
            }
            opened => Ok((opened?, None)),
        }
    }

    /// A database that is gone when it is dropped, for when there is no place on disk.
    ///
    /// # Errors
    /// [`HistoryError::Sqlite`].
    pub fn in_memory() -> Result<Self, HistoryError> {
        Self::set_up(Connection::open_in_memory()?, Path::new(":memory:"))
    }

    fn open_once(path: &Path) -> Result<Self, HistoryError> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        Self::set_up(db, path)
    }

    fn set_up(db: Connection, path: &Path) -> Result<Self, HistoryError> {
        db.busy_timeout(BUSY)?;
        // A turn that is on the screen survives a power cut.
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        // Finds damage at once instead of in the middle of a conversation; takes milliseconds.
        let check: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Err(broken(check));
        }
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let version = usize::try_from(version).unwrap_or(usize::MAX);
        if version > MIGRATIONS.len() {
            return Err(HistoryError::TooNew { path: path.to_path_buf() });
        }
        for (from, migration) in MIGRATIONS.iter().enumerate().skip(version) {
            db.execute_batch(&format!("BEGIN; {migration} PRAGMA user_version = {}; COMMIT;", from + 1))
                .map_err(of_another_kind)?;
        }
        // What does not have these columns can never be written.
        db.prepare("SELECT id, started_ms FROM conversations").map_err(of_another_kind)?;
        db.prepare(
            "SELECT conversation, number, speaker, source, text, at_ms, open, delivery, note FROM turns",
        )
        .map_err(of_another_kind)?;
        Ok(Self { db })
    }

    /// Begins a conversation at `now_ms`, milliseconds since 1970.
    ///
    /// # Errors
    /// Any [`HistoryError`].
    pub fn begin(&mut self, now_ms: i64) -> Result<Conversation, HistoryError> {
        let conversation = Conversation { id: Uuid::now_v7().to_string(), started_ms: now_ms };
        self.insert(&conversation)?;
        Ok(conversation)
    }

    /// Writes a conversation that began elsewhere; does nothing if it is there.
    ///
    /// # Errors
    /// Any [`HistoryError`].
    pub fn insert(&mut self, conversation: &Conversation) -> Result<(), HistoryError> {
        self.db
            .prepare_cached(
                "INSERT INTO conversations (id, started_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute(params![conversation.id, conversation.started_ms])?;
        Ok(())
    }

    /// The conversation that began last.
    ///
    /// # Errors
    /// Any [`HistoryError`].
    pub fn latest(&self) -> Result<Option<Conversation>, HistoryError> {
        let read = |row: &Row<'_>| Ok(Conversation { id: row.get(0)?, started_ms: row.get(1)? });
        let mut statement = self.db.prepare_cached(
            "SELECT id, started_ms FROM conversations ORDER BY started_ms DESC, id DESC LIMIT 1",
        )?;
        Ok(statement.query_row([], read).optional()?)
    }

    /// Writes turns of a conversation, each new or replacing what was written under its number, all of them or none.
    ///
    /// # Errors
    /// Any [`HistoryError`].
    pub fn put(&mut self, conversation: &Conversation, turns: &[Turn]) -> Result<(), HistoryError> {
        let transaction = self.db.transaction()?;
        transaction
            .prepare_cached(
                "INSERT INTO conversations (id, started_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute(params![conversation.id, conversation.started_ms])?;
        {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO turns (conversation, number, speaker, source, text, at_ms, open,
                                    delivery, note)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (conversation, number) DO UPDATE SET text = excluded.text, open = excluded.open,
                     delivery = excluded.delivery, note = excluded.note",
            )?;
            for turn in turns {
                statement.execute(params![
                    conversation.id,
                    i64::try_from(turn.number).unwrap_or(i64::MAX),
                    speaker_name(turn.speaker),
                    source_name(turn.source),
                    turn.text,
                    turn.at_ms,
                    turn.open,
                    turn.delivery.map(delivery_name),
                    turn.note,
                ])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Deletes a conversation with its turns; does nothing if it is not there.
    ///
    /// # Errors
    /// Any [`HistoryError`].
    pub fn delete(&mut self, conversation: &str) -> Result<(), HistoryError> {
        self.db.execute("DELETE FROM conversations WHERE id = ?1", params![conversation])?;
        Ok(())
    }

    /// The last `most` turns of a conversation, oldest first. A turn that was still growing when the program ended is
    /// closed.
    ///
    /// # Errors
    /// Any [`HistoryError`].
    pub fn turns(&self, conversation: &str, most: usize) -> Result<Vec<Turn>, HistoryError> {
        let mut statement = self.db.prepare_cached(
            "SELECT number, speaker, source, text, at_ms, delivery, note FROM turns WHERE conversation = ?1
             ORDER BY number DESC LIMIT ?2",
        )?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![conversation, most], read_turn)?;
        let mut turns = rows.collect::<Result<Vec<_>, _>>()?;
        turns.reverse();
        Ok(turns)
    }
}

fn read_turn(row: &Row<'_>) -> rusqlite::Result<Turn> {
    let odd = |column: usize, text: &str| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, kind, format!("\"{text}\" is not known").into())
    };
    let number: i64 = row.get(0)?;
    let speaker: String = row.get(1)?;
    let source: String = row.get(2)?;
    let delivery: Option<String> = row.get(5)?;
    Ok(Turn {
        number: u64::try_from(number).unwrap_or(0),
        speaker: speaker_named(&speaker).ok_or_else(|| odd(1, &speaker))?,
        source: source_named(&source).ok_or_else(|| odd(2, &source))?,
        text: row.get(3)?,
        at_ms: row.get(4)?,
        open: false,
        delivery: delivery
            .map(|delivery| delivery_named(&delivery).ok_or_else(|| odd(5, &delivery)))
            .transpose()?,
        note: row.get(6)?,
    })
}

const SPEAKERS: [(Speaker, &str); 3] =
    [(Speaker::Person, "person"), (Speaker::Moshi, "moshi"), (Speaker::Brain, "brain")];
const SOURCES: [(Source, &str); 4] = [
    (Source::Typed, "typed"),
    (Source::Heard, "heard"),
    (Source::Spoken, "spoken"),
    (Source::Written, "written"),
];
const DELIVERIES: [(Delivery, &str); 4] = [
    (Delivery::Waiting, "waiting"),
    (Delivery::Sent, "sent"),
    (Delivery::Delivered, "delivered"),
    (Delivery::Failed, "failed"),
];

fn speaker_name(speaker: Speaker) -> &'static str {
    SPEAKERS.iter().find(|(s, _)| *s == speaker).map_or("", |(_, name)| name)
}

fn speaker_named(name: &str) -> Option<Speaker> {
    SPEAKERS.iter().find(|(_, n)| *n == name).map(|(speaker, _)| *speaker)
}

fn source_name(source: Source) -> &'static str {
    SOURCES.iter().find(|(s, _)| *s == source).map_or("", |(_, name)| name)
}

fn source_named(name: &str) -> Option<Source> {
    SOURCES.iter().find(|(_, n)| *n == name).map(|(source, _)| *source)
}

fn delivery_name(delivery: Delivery) -> &'static str {
    DELIVERIES.iter().find(|(d, _)| *d == delivery).map_or("", |(_, name)| name)
}

fn delivery_named(name: &str) -> Option<Delivery> {
    DELIVERIES.iter().find(|(_, n)| *n == name).map(|(delivery, _)| *delivery)
}

/// Whether the file is no database at all. SQLite would find out as well, and throw away the log beside the file while
/// it does.
fn is_foreign(path: &Path) -> bool {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut begin));
    read.is_ok() && !begin.is_empty() && begin != MAGIC
}

fn broken(reason: String) -> HistoryError {
    let corrupt = ffi::Error::new(ffi::SQLITE_CORRUPT);
    HistoryError::Sqlite(rusqlite::Error::SqliteFailure(corrupt, Some(reason)))
}

/// An error while the layout is made or looked at: SQL that is right for our layout is wrong for another one.
fn of_another_kind(error: rusqlite::Error) -> HistoryError {
    match &error {
        rusqlite::Error::SqlInputError { msg, .. } => broken(msg.clone()),
        rusqlite::Error::SqliteFailure(failure, _) if failure.code == ErrorCode::Unknown => {
            broken(error.to_string())
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(number: u64, text: &str, open: bool) -> Turn {
        Turn {
            number,
            speaker: Speaker::Moshi,
            source: Source::Spoken,
            text: text.into(),
            at_ms: 1_000,
            open,
            delivery: None,
            note: None,
        }
    }

    fn database() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/history.sqlite3");
        (folder, path)
    }

    #[test]
    fn turns_are_there_again_after_the_program_was_killed() {
        let (_folder, path) = database();
        let (mut history, aside) = History::open(&path).unwrap();
        assert_eq!(aside, None);
        let conversation = Conversation::begin(5);
        let mut growing = turn(0, "Hel", true);
        history.put(&conversation, std::slice::from_ref(&growing)).unwrap();
        growing.text = "Hello".into();
        history.put(&conversation, &[growing.clone(), turn(1, "there", false)]).unwrap();
        // A killed program runs no destructors.
        std::mem::forget(history);
        let (history, _) = History::open(&path).unwrap();
        assert_eq!(history.latest().unwrap(), Some(conversation.clone()));
        let turns = history.turns(&conversation.id, 10).unwrap();
        assert_eq!(turns.iter().map(|t| t.text.as_str()).collect::<Vec<_>>(), ["Hello", "there"]);
        assert!(!turns[0].open, "nothing grows any more");
    }

    #[test]
    fn the_last_turns_come_oldest_first() {
        let mut history = History::in_memory().unwrap();
        let conversation = Conversation::begin(0);
        let turns: Vec<Turn> = (0..30).map(|n| turn(n, &n.to_string(), false)).collect();
        history.put(&conversation, &turns).unwrap();
        let last = history.turns(&conversation.id, 3).unwrap();
        assert_eq!(last.iter().map(|t| t.number).collect::<Vec<_>>(), [27, 28, 29]);
    }

    #[test]
    fn a_broken_database_is_set_aside_and_said() {
        for content in [&b"this is no database, and long enough to look like one at least"[..], &[7; 9_000]] {
            let (_folder, path) = database();
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            let (mut history, aside) = History::open(&path).unwrap();
            assert_eq!(fs::read(aside.unwrap().kept_as).unwrap(), content);
            history.put(&Conversation::begin(0), &[turn(0, "a", false)]).unwrap();
        }
    }

    #[test]
    fn the_log_of_a_broken_database_is_set_aside_with_it() {
        let (_folder, path) = database();
        let (mut history, _) = History::open(&path).unwrap();
        let conversation = Conversation::begin(0);
        history.put(&conversation, &[turn(0, "only in the log", false)]).unwrap();
        let log = fs::read(beside(&path, "-wal")).unwrap();
        drop(history);
        assert!(log.windows(15).any(|bytes| bytes == b"only in the log"));
        // What a killed program leaves behind.
        fs::write(beside(&path, "-wal"), &log).unwrap();
        fs::write(&path, [7; 9_000]).unwrap();
        let (_, aside) = History::open(&path).unwrap();
        let kept = beside(&aside.unwrap().kept_as, "-wal");
        assert_eq!(fs::read(kept).unwrap(), log);
    }

    #[test]
    fn a_database_of_another_kind_is_set_aside() {
        for layout in [
            "CREATE TABLE turns (id INTEGER)",
            "CREATE TABLE conversations (id TEXT); PRAGMA user_version = 1",
            "PRAGMA user_version = 1",
        ] {
            let (_folder, path) = database();
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            Connection::open(&path).unwrap().execute_batch(layout).unwrap();
            let (mut history, aside) = History::open(&path).unwrap();
            assert!(aside.is_some_and(|aside| aside.kept_as.exists()), "{layout}");
            history.put(&Conversation::begin(0), &[turn(0, "a", false)]).unwrap();
        }
    }

    #[test]
    fn a_database_with_a_damaged_page_is_set_aside() {
        let (_folder, path) = database();
        let (mut history, _) = History::open(&path).unwrap();
        let conversation = Conversation::begin(0);
        let turns: Vec<Turn> = (0..400).map(|n| turn(n, &"long ".repeat(60), false)).collect();
        history.put(&conversation, &turns).unwrap();
        drop(history);
        let mut bytes = fs::read(&path).unwrap();
        let third_page = 2 * 4096;
        bytes[third_page..].fill(0xA5);
        fs::write(&path, bytes).unwrap();
        let (_, aside) = History::open(&path).unwrap();
        assert!(aside.is_some());
    }

    #[test]
    fn a_database_of_a_later_version_is_left_alone() {
        let (_folder, path) = database();
        let (history, _) = History::open(&path).unwrap();
        history.db.pragma_update(None, "user_version", 99).unwrap();
        drop(history);
        assert!(matches!(History::open(&path), Err(HistoryError::TooNew { .. })));
        assert!(path.exists());
    }

    #[test]
    fn a_full_disk_is_said_as_such() {
        let (_folder, path) = database();
        let (mut history, _) = History::open(&path).unwrap();
        let conversation = Conversation::begin(0);
        history.db.pragma_update(None, "max_page_count", 20).unwrap();
        let error =
            (0..500).find_map(|n| history.put(&conversation, &[turn(n, &"x".repeat(500), false)]).err());
        assert_eq!(error.map(|e| e.code()), Some("store.disk_full"));
        assert!(!history.turns(&conversation.id, 9).unwrap().is_empty(), "what was written is still there");
    }
}
