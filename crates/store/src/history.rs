//! The history as it is written: conversations and their turns, in SQLite. [`Archive`](crate::Archive) looks back at it.
//!
//! A turn is written before it is shown. Writing is upserting: a turn of Moshi's grows with every piece of text, and
//! the whole row is replaced each time.

pub(crate) mod deletion;
pub(crate) mod layout;

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use self::layout::LAYOUT;
use crate::{
    database::DatabaseError,
    set_aside::SetAside,
    turn::{Conversation, Turn, place, places},
};

/// The database, for whoever writes it.
#[derive(Debug)]
pub struct History {
    db: Connection,
}

impl History {
    /// Opens or makes the database. One that is broken is set aside, which is reported beside it. Turns that still grew
    /// when the program ended are closed.
    ///
    /// # Errors
    /// Any [`DatabaseError`]; a database of a later version is left alone.
    pub fn open(path: &Path) -> Result<(Self, Option<SetAside>), DatabaseError> {
        let (db, aside) = LAYOUT.open(path)?;
        db.execute("UPDATE turns SET open = 0 WHERE open", [])?;
        Ok((Self { db }, aside))
    }

    /// The conversation in which something was said last.
    ///
    /// # Errors
    /// Any [`DatabaseError`].
    pub fn latest(&self) -> Result<Option<Conversation>, DatabaseError> {
        let mut statement = self.db.prepare_cached(
            "SELECT id, started_ms FROM conversations ORDER BY last_ms DESC, key DESC LIMIT 1",
        )?;
        let read = |row: &rusqlite::Row<'_>| Ok(Conversation { id: row.get(0)?, started_ms: row.get(1)? });
        Ok(statement.query_row([], read).optional()?)
    }

    /// Writes turns of a conversation, each new or replacing what was written under its number, all of them or none.
    ///
    /// # Errors
    /// Any [`DatabaseError`].
    pub fn put(&mut self, conversation: &Conversation, turns: &[Turn]) -> Result<(), DatabaseError> {
        let Some(last_ms) = turns.iter().map(|turn| turn.at_ms).max() else { return Ok(()) };
        let transaction = self.db.transaction()?;
        transaction
            .prepare_cached(
                "INSERT INTO conversations (id, started_ms, last_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET last_ms = excluded.last_ms WHERE last_ms < excluded.last_ms",
            )?
            .execute(params![conversation.id, conversation.started_ms, last_ms])?;
        let key: i64 = transaction
            .prepare_cached("SELECT key FROM conversations WHERE id = ?1")?
            .query_row([&conversation.id], |row| row.get(0))?;
        {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO turns (place, speaker, source, text, at_ms, open, delivery, note)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (place) DO UPDATE SET text = excluded.text, open = excluded.open,
                     delivery = excluded.delivery, note = excluded.note",
            )?;
            for turn in turns {
                statement.execute(params![
                    place(key, turn.number),
                    turn.speaker,
                    turn.source,
                    turn.text,
                    turn.at_ms,
                    turn.open,
                    turn.delivery,
                    turn.note,
                ])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Deletes a conversation with all its turns and leaves no trace of it in the database; does nothing if it is not
    /// there.
    ///
    /// # Errors
    /// Any [`DatabaseError`].
    pub fn delete(&mut self, conversation: &str) -> Result<(), DatabaseError> {
        match conversation_key(&self.db, conversation)? {
            Some(key) => deletion::delete(&mut self.db, key),
            None => Ok(()),
        }
    }

    /// The last `most` turns of a conversation, oldest first.
    ///
    /// # Errors
    /// Any [`DatabaseError`].
    pub fn turns(&self, conversation: &str, most: usize) -> Result<Vec<Turn>, DatabaseError> {
        let Some(key) = conversation_key(&self.db, conversation)? else { return Ok(Vec::new()) };
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT {} FROM turns WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT ?3",
            Turn::COLUMNS
        ))?;
        let (first, last) = places(key);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut turns =
            statement.query_map([first, last, most], Turn::read)?.collect::<Result<Vec<_>, _>>()?;
        turns.reverse();
        Ok(turns)
    }
}

/// The key of a conversation, if it is there.
pub(crate) fn conversation_key(db: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT key FROM conversations WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::{Source, Speaker, set_aside::beside};

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
