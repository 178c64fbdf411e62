//! What the built-in brain remembers: short texts, found by their words.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use thiserror::Error;
use uuid::Uuid;

use crate::{
    database::{DatabaseError, Layout, empty_log},
    set_aside::SetAside,
    words::{Wanted, all_words, any_word},
};

const LAYOUT: Layout = Layout {
    migrations: &[&["
        CREATE TABLE memories (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            text TEXT NOT NULL,
            conversation TEXT,
            at_ms INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX memories_by_time ON memories (at_ms);
        CREATE VIRTUAL TABLE memories_text USING fts5 (
            text, content = 'memories', content_rowid = 'key',
            tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
        );
        INSERT INTO memories_text (memories_text, rank) VALUES ('secure-delete', 1);
        CREATE TRIGGER memory_comes AFTER INSERT ON memories BEGIN
            INSERT INTO memories_text (rowid, text) VALUES (NEW.key, NEW.text);
        END;
        CREATE TRIGGER memory_changes AFTER UPDATE OF text ON memories BEGIN
            INSERT INTO memories_text (memories_text, rowid, text) VALUES ('delete', OLD.key, OLD.text);
            INSERT INTO memories_text (rowid, text) VALUES (NEW.key, NEW.text);
        END;
        CREATE TRIGGER memory_goes AFTER DELETE ON memories BEGIN
            INSERT INTO memories_text (memories_text, rowid, text) VALUES ('delete', OLD.key, OLD.text);
        END;
    "]],
    probes: &["SELECT key, id, text, conversation, at_ms FROM memories", "SELECT rowid FROM memories_text"],
};

/// Something that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Its identity.
    pub id: String,
    /// What is remembered.
    pub text: String,
    /// The conversation that it comes from.
    pub conversation: Option<String>,
    /// When it was remembered, in milliseconds since 1970.
    pub at_ms: i64,
}

/// Why something is not remembered, or cannot be recalled.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// There is nothing to remember.
    #[error("an empty text cannot be remembered")]
    Empty,
    /// The text is too long.
    #[error("a text of {bytes} bytes cannot be remembered; {} are the most", Memories::LONGEST)]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The database does not work.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl MemoryError {
    /// Stable code for the edge.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "memory.empty",
            Self::TooLong { .. } => "memory.too_long",
            Self::Database(error) => error.code(),
        }
    }
}

impl From<rusqlite::Error> for MemoryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// The database of memories.
#[derive(Debug)]
pub struct Memories {
    db: Connection,
}

impl Memories {
    /// The longest text that is remembered, in bytes.
    pub const LONGEST: usize = 4_096;

    /// Opens or makes the database. One that is broken is set aside, which is reported beside it.
    ///
    /// # Errors
    /// [`MemoryError::Database`]; a database of a later version is left alone.
    pub fn open(path: &Path) -> Result<(Self, Option<SetAside>), MemoryError> {
        let (db, aside) = LAYOUT.open(path)?;
        Ok((Self { db }, aside))
    }

    /// Remembers a text, without white space around it. `conversation` is where it comes from, `now_ms` is in
    /// milliseconds since 1970.
    ///
    /// # Errors
    /// Any [`MemoryError`].
    pub fn remember(
        &self,
        text: &str,
        conversation: Option<&str>,
        now_ms: i64,
    ) -> Result<Memory, MemoryError> {
        let memory = Memory {
            id: Uuid::now_v7().to_string(),
            text: rememberable(text)?.to_owned(),
            conversation: conversation.map(str::to_owned),
            at_ms: now_ms,
        };
        self.db
            .prepare_cached("INSERT INTO memories (id, text, conversation, at_ms) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![memory.id, memory.text, memory.conversation, memory.at_ms])?;
        Ok(memory)
    }

    /// Memories that have all the words of a query in any order, the best match first; the last word may be the
    /// beginning of one. Without a query all of them, the latest first. Beside them: how many there are in all.
    ///
    /// # Errors
    /// [`MemoryError::Database`].
    pub fn find(&self, query: &str, offset: u64, limit: u64) -> Result<(Vec<Memory>, u64), MemoryError> {
        match all_words(query) {
            Wanted::Nothing => Ok((Vec::new(), 0)),
            Wanted::Everything => {
                let mut statement = self.db.prepare_cached(
                    "SELECT id, text, conversation, at_ms FROM memories
                     ORDER BY at_ms DESC, key DESC LIMIT ?1 OFFSET ?2",
                )?;
                let found = statement.query_map(params![bounded(limit), bounded(offset)], read_memory)?;
                Ok((found.collect::<Result<_, _>>()?, self.count()?))
            }
            Wanted::Match(words) => {
                let total: i64 = self
                    .db
                    .prepare_cached("SELECT count(*) FROM memories_text WHERE memories_text MATCH ?1")?
                    .query_row([&words], |row| row.get(0))?;
                Ok((self.matching(&words, offset, limit)?, total.unsigned_abs()))
            }
        }
    }

    /// Memories that have anything to do with a text: any of its words, the best match first.
    ///
    /// # Errors
    /// [`MemoryError::Database`].
    pub fn related(&self, text: &str, limit: u64) -> Result<Vec<Memory>, MemoryError> {
        match any_word(text) {
            Wanted::Match(words) => self.matching(&words, 0, limit),
            Wanted::Everything | Wanted::Nothing => Ok(Vec::new()),
        }
    }

    fn matching(&self, words: &str, offset: u64, limit: u64) -> Result<Vec<Memory>, MemoryError> {
        let mut statement = self.db.prepare_cached(
            "SELECT id, memories.text, conversation, at_ms
             FROM memories_text JOIN memories ON memories.key = memories_text.rowid
             WHERE memories_text MATCH :words ORDER BY rank, key DESC LIMIT :limit OFFSET :offset",
        )?;
        let of = named_params! { ":words": words, ":limit": bounded(limit), ":offset": bounded(offset) };
        let found = statement.query_map(of, read_memory)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// One memory.
    ///
    /// # Errors
    /// [`MemoryError::Database`].
    pub fn get(&self, id: &str) -> Result<Option<Memory>, MemoryError> {
        let mut statement =
            self.db.prepare_cached("SELECT id, text, conversation, at_ms FROM memories WHERE id = ?1")?;
        Ok(statement.query_row([id], read_memory).optional()?)
    }

    /// Replaces the text of a memory. The memory as it is now, or none where there is none under this identity.
    ///
    /// # Errors
    /// Any [`MemoryError`].
    pub fn edit(&self, id: &str, text: &str) -> Result<Option<Memory>, MemoryError> {
        let text = rememberable(text)?;
        self.db.prepare_cached("UPDATE memories SET text = ?2 WHERE id = ?1")?.execute([id, text])?;
        empty_log(&self.db);
        self.get(id)
    }

    /// Forgets a memory and leaves no trace of it in the database. Whether there was one.
    ///
    /// # Errors
    /// [`MemoryError::Database`].
    pub fn forget(&self, id: &str) -> Result<bool, MemoryError> {
        let forgotten = self.db.prepare_cached("DELETE FROM memories WHERE id = ?1")?.execute([id])? > 0;
        empty_log(&self.db);
        Ok(forgotten)
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`MemoryError::Database`].
    pub fn count(&self) -> Result<u64, MemoryError> {
        let count: i64 =
            self.db.prepare_cached("SELECT count(*) FROM memories")?.query_row([], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }
}

fn rememberable(text: &str) -> Result<&str, MemoryError> {
    let text = text.trim();
    match text.len() {
        0 => Err(MemoryError::Empty),
        bytes if bytes > Memories::LONGEST => Err(MemoryError::TooLong { bytes }),
        _ => Ok(text),
    }
}

fn read_memory(row: &Row<'_>) -> rusqlite::Result<Memory> {
    Ok(Memory { id: row.get(0)?, text: row.get(1)?, conversation: row.get(2)?, at_ms: row.get(3)? })
}

/// For SQLite, whose numbers have a sign.
fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::set_aside::beside;

    fn memories() -> (tempfile::TempDir, Memories) {
        let folder = tempfile::tempdir().unwrap();
        let (memories, aside) = Memories::open(&folder.path().join("memories.sqlite3")).unwrap();
        assert_eq!(aside, None);
        (folder, memories)
    }

    fn texts(found: &[Memory]) -> Vec<&str> {
        found.iter().map(|memory| memory.text.as_str()).collect()
    }

    fn find(memories: &Memories, query: &str) -> Vec<String> {
        let (found, total) = memories.find(query, 0, 50).unwrap();
        assert_eq!(found.len() as u64, total);
        found.into_iter().map(|memory| memory.text).collect()
    }

    #[test]
    fn what_is_remembered_is_there_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/memories.sqlite3");
        let (memories, _) = Memories::open(&path).unwrap();
        let memory = memories.remember("  The cat's name is Miso. ", Some("c1"), 7).unwrap();
        drop(memories);
        let (memories, _) = Memories::open(&path).unwrap();
        assert_eq!(memories.get(&memory.id).unwrap(), Some(memory.clone()));
        assert_eq!(memory.text, "The cat's name is Miso.");
        assert_eq!((memory.conversation.as_deref(), memory.at_ms), (Some("c1"), 7));
        assert_eq!(memories.count().unwrap(), 1);
    }

    #[test]
    fn without_a_query_the_latest_come_first_page_by_page() {
        let (_folder, memories) = memories();
        for n in 0..5 {
            memories.remember(&format!("number {n}"), None, n).unwrap();
        }
        let (page, total) = memories.find("  ", 1, 2).unwrap();
        assert_eq!((texts(&page), total), (vec!["number 3", "number 2"], 5));
        let (page, total) = memories.find("number", 4, 2).unwrap();
        assert_eq!((page.len(), total), (1, 5));
    }

    #[test]
    fn words_are_found_in_any_order_in_any_case_without_accents_and_while_they_are_typed() {
        let (_folder, memories) = memories();
        memories.remember("The cat's name is Miso", None, 0).unwrap();
        memories.remember("Zoë likes the café", None, 1).unwrap();
        for query in ["miso cat", "CAT", "mis", "name m", "cat's"] {
            assert_eq!(find(&memories, query), ["The cat's name is Miso"], "{query}");
        }
        for query in ["cafe", "zoe", "CAF"] {
            assert_eq!(find(&memories, query), ["Zoë likes the café"], "{query}");
        }
        for query in ["dog", "mi cat", "\"", "*", "cat AND", "text:cat"] {
            assert_eq!(find(&memories, query), Vec::<String>::new(), "{query}");
        }
    }

    #[test]
    fn the_best_match_comes_first() {
        let (_folder, memories) = memories();
        memories.remember("tea, tea and tea", None, 0).unwrap();
        memories
            .remember("there was a long day in the mountains, and at its end there was tea", None, 1)
            .unwrap();
        assert_eq!(find(&memories, "tea")[0], "tea, tea and tea");
    }

    #[test]
    fn a_question_finds_what_has_some_of_its_words() {
        let (_folder, memories) = memories();
        memories.remember("The cat's name is Miso", None, 0).unwrap();
        memories.remember("The car is red", None, 1).unwrap();
        let related = memories.related("what is the name of my cat?", 9).unwrap();
        assert_eq!(texts(&related), ["The cat's name is Miso", "The car is red"]);
        assert_eq!(memories.related("  ", 9).unwrap(), []);
        assert_eq!(memories.related("bicycle", 9).unwrap(), []);
    }

    #[test]
    fn an_edited_memory_is_found_by_its_new_words_only() {
        let (_folder, memories) = memories();
        let memory = memories.remember("The cat's name is Miso", None, 3).unwrap();
        let edited = memories.edit(&memory.id, "The cat's name is Momo").unwrap().unwrap();
        assert_eq!(edited, Memory { text: "The cat's name is Momo".into(), ..memory });
        assert_eq!(find(&memories, "momo").len(), 1);
        assert_eq!(find(&memories, "miso").len(), 0);
        assert_eq!(memories.edit("nothing", "x").unwrap(), None);
    }

    #[test]
    fn what_is_forgotten_leaves_no_trace_in_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memories.sqlite3");
        let (memories, _) = Memories::open(&path).unwrap();
        for n in 0..200 {
            memories.remember(&format!("something else, number {n}"), None, n).unwrap();
        }
        let secret = memories.remember("the word is xylophonist", None, 9).unwrap();
        let edited = memories.remember("the other is zwieback", None, 9).unwrap();
        assert!(memories.forget(&secret.id).unwrap());
        assert!(!memories.forget(&secret.id).unwrap());
        memories.edit(&edited.id, "the other is a secret").unwrap();
        assert_eq!(find(&memories, "xylophonist").len(), 0);
        for file in [path.clone(), beside(&path, "-wal")] {
            let bytes = fs::read(&file).unwrap();
            // Without the first letter, which an index may keep apart from the rest.
            for word in ["ylophonist", "wieback"] {
                let trace = bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
                assert!(!trace, "{word} in {}", file.display());
            }
        }
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        let (_folder, memories) = memories();
        let longest = "é".repeat(Memories::LONGEST / 2);
        let memory = memories.remember(&longest, None, 0).unwrap();
        for (text, code) in [(" \n", "memory.empty"), (&*(longest + "x"), "memory.too_long")] {
            assert_eq!(memories.remember(text, None, 0).unwrap_err().code(), code);
            assert_eq!(memories.edit(&memory.id, text).unwrap_err().code(), code);
        }
        assert_eq!(memories.count().unwrap(), 1);
    }

    #[test]
    fn a_broken_database_is_set_aside_and_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memories.sqlite3");
        fs::write(&path, [7; 9_000]).unwrap();
        let (memories, aside) = Memories::open(&path).unwrap();
        assert_eq!(fs::read(aside.unwrap().kept_as).unwrap(), [7; 9_000]);
        memories.remember("a", None, 0).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_is_remembered_as_it_is_and_found_by_its_words(text in "\\PC{1,200}") {
            let (_folder, memories) = memories();
            let Ok(memory) = memories.remember(&text, None, 0) else { return Ok(()) };
            prop_assert_eq!(&memory.text, text.trim());
            prop_assert_eq!(memories.get(&memory.id).unwrap(), Some(memory));
            if let Some(word) = text.split_whitespace().find(|word| word.chars().all(|c| c.is_ascii_alphanumeric())) {
                prop_assert_eq!(memories.find(word, 0, 9).unwrap().1, 1, "{}", word);
            }
        }
    }
}
