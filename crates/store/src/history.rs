//! Conversations and their turns, in SQLite.
//!
//! A turn is written before it is shown. Writing is upserting: a turn of Moshi's grows with every piece of text, and
//! the whole row is replaced each time.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::{
    database::{DatabaseError, Layout},
    set_aside::SetAside,
};

const LAYOUT: Layout = Layout {
    migrations: &[
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
    ],
    probes: &[
        "SELECT id, started_ms FROM conversations",
        "SELECT conversation, number, speaker, source, text, at_ms, open, delivery, note FROM turns",
    ],
};

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

/// The database.
#[derive(Debug)]
pub struct History {
    db: Connection,
}

impl History {
    /// Opens or makes the database. One that is broken is set aside, which is reported beside it.
    ///
    /// # Errors
    /// Any [`DatabaseError`]; a database of a later version is left alone.
    pub fn open(path: &Path) -> Result<(Self, Option<SetAside>), DatabaseError> {
        let (db, aside) = LAYOUT.open(path)?;
        Ok((Self { db }, aside))
    }

    /// The conversation that began last.
    ///
    /// # Errors
    /// Any [`DatabaseError`].
    pub fn latest(&self) -> Result<Option<Conversation>, DatabaseError> {
        let read = |row: &Row<'_>| Ok(Conversation { id: row.get(0)?, started_ms: row.get(1)? });
        let mut statement = self.db.prepare_cached(
            "SELECT id, started_ms FROM conversations ORDER BY started_ms DESC, id DESC LIMIT 1",
        )?;
        Ok(statement.query_row([], read).optional()?)
    }

    /// Writes turns of a conversation, each new or replacing what was written under its number, all of them or none.
    ///
    /// # Errors
    /// Any [`DatabaseError`].
    pub fn put(&mut self, conversation: &Conversation, turns: &[Turn]) -> Result<(), DatabaseError> {
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
    /// Any [`DatabaseError`].
    pub fn delete(&mut self, conversation: &str) -> Result<(), DatabaseError> {
        self.db.execute("DELETE FROM conversations WHERE id = ?1", params![conversation])?;
        Ok(())
    }

    /// The last `most` turns of a conversation, oldest first. A turn that was still growing when the program ended is
    /// closed.
    ///
    /// # Errors
    /// Any [`DatabaseError`].
    pub fn turns(&self, conversation: &str, most: usize) -> Result<Vec<Turn>, DatabaseError> {
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

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::set_aside::beside;

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
        let (_folder, path) = database();
        let (mut history, _) = History::open(&path).unwrap();
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
        assert!(matches!(History::open(&path), Err(DatabaseError::TooNew { .. })));
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
