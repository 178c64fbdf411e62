//! Looking back at the history: what was talked about, when, and where a word was said.

mod export;
mod search;
mod title;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row, params};
use thiserror::Error;

pub use self::{
    export::Format,
    search::{Found, Piece},
};
use crate::{
    database::{DatabaseError, empty_log},
    history::{conversation_key, deletion, layout::LAYOUT},
    turn::{Turn, places},
};

/// A conversation as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its identity.
    pub id: String,
    /// What it is called: the title that a person gave it, or the first words of it.
    pub title: String,
    /// Whether a person gave it that title.
    pub named: bool,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When its last turn began, in milliseconds since 1970.
    pub last_ms: i64,
    /// How many turns it has.
    pub turns: u64,
    /// What was said around the words that were looked for. Empty where they are in the title alone, or nothing was
    /// looked for.
    pub snippet: Vec<Piece>,
}

/// Some of the conversations that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Those that were asked for.
    pub conversations: Vec<Summary>,
    /// How many were found in all.
    pub total: u64,
}

/// Why something in the history cannot be looked at or changed.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// There is no such conversation, or no longer.
    #[error("this conversation is not in the history any more")]
    NotThere,
    /// A file cannot be written.
    #[error("{path} cannot be written: {source}")]
    Write {
        /// The file, or its folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database does not work.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl ArchiveError {
    /// Stable code for the edge.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotThere => "history.not_there",
            Self::Write { .. } => "history.not_written",
            Self::Database(error) => error.code(),
        }
    }
}

impl From<rusqlite::Error> for ArchiveError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// The history, for whoever looks back at it. It opens the database for each call and keeps nothing open in between:
/// opening takes less than a millisecond, and a database that broke could not be set aside everywhere while somebody
/// has it open. Calls block for as long as the disk takes.
#[derive(Debug, Clone)]
pub struct Archive {
    path: PathBuf,
}

impl Archive {
    /// The history at a path. Nothing is opened yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    fn open(&self) -> Result<Connection, DatabaseError> {
        LAYOUT.open_beside(&self.path)
    }

    /// Conversations in which one turn, or the title that a person gave, has all the words of a query in any order; the
    /// last word may be the beginning of one. Titles come first, then the best matches among the latest turns, then the
    /// rest, the latest first. Without a query all conversations, the latest first.
    ///
    /// # Errors
    /// [`ArchiveError::Database`].
    pub fn find(&self, query: &str, offset: u64, limit: u64) -> Result<Page, ArchiveError> {
        // All of it from one moment, whatever is deleted meanwhile.
        search::conversations(&*self.open()?.transaction()?, query, offset, limit)
    }

    /// At most `limit` turns that have all the words of a query, or any of them where none has all, the best match
    /// first. Without a query the latest.
    ///
    /// # Errors
    /// [`ArchiveError::Database`].
    pub fn find_turns(&self, query: &str, limit: u64) -> Result<Vec<Found>, ArchiveError> {
        search::turns(&*self.open()?.transaction()?, query, limit)
    }

    /// A conversation with all its turns, oldest first.
    ///
    /// # Errors
    /// [`ArchiveError::Database`].
    pub fn conversation(&self, id: &str) -> Result<Option<(Summary, Vec<Turn>)>, ArchiveError> {
        let mut db = self.open()?;
        let db = db.transaction()?;
        let Some(key) = conversation_key(&db, id)? else { return Ok(None) };
        let summary = summary(&db, key)?;
        let mut statement = db.prepare(&format!(
            "SELECT {} FROM turns WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
            Turn::COLUMNS
        ))?;
        let (first, last) = places(key);
        let turns = statement.query_map([first, last], Turn::read)?.collect::<Result<_, _>>()?;
        Ok(Some((summary, turns)))
    }

    /// Gives a conversation a title, on one line and cut where it is too long for one. Without a title it is called
    /// after its first words again.
    ///
    /// # Errors
    /// [`ArchiveError::NotThere`], [`ArchiveError::Database`].
    pub fn rename(&self, id: &str, title: &str) -> Result<(), ArchiveError> {
        let title = Some(title::on_one_line(title, title::LONGEST_GIVEN)).filter(|title| !title.is_empty());
        let db = self.open()?;
        let renamed = db.execute("UPDATE conversations SET title = ?2 WHERE id = ?1", params![id, title])?;
        empty_log(&db);
        if renamed == 0 { Err(ArchiveError::NotThere) } else { Ok(()) }
    }

    /// Deletes a conversation and leaves no trace of it in the database.
    ///
    /// # Errors
    /// [`ArchiveError::NotThere`], [`ArchiveError::Database`]; what is deleted by then stays deleted.
    pub fn delete(&self, id: &str) -> Result<(), ArchiveError> {
        let mut db = self.open()?;
        let key = conversation_key(&db, id)?.ok_or(ArchiveError::NotThere)?;
        Ok(deletion::delete(&mut db, key)?)
    }

    /// Deletes all conversations and leaves no trace of them in the database.
    ///
    /// # Errors
    /// [`ArchiveError::Database`]; then nothing is deleted.
    pub fn delete_all(&self) -> Result<(), ArchiveError> {
        Ok(deletion::delete_all(&mut self.open()?)?)
    }

    /// A conversation as text; see [`Format`].
    ///
    /// # Errors
    /// [`ArchiveError::NotThere`], [`ArchiveError::Database`].
    pub fn export(&self, id: &str, format: Format) -> Result<String, ArchiveError> {
        let (summary, turns) = self.conversation(id)?.ok_or(ArchiveError::NotThere)?;
        Ok(export::text(&summary, &turns, format))
    }

    /// Writes a conversation into a file of its own below `folder`, which is made if need be. Its name is made of the
    /// date and the title; it is returned.
    ///
    /// # Errors
    /// Any [`ArchiveError`].
    pub fn write_export(&self, folder: &Path, id: &str, format: Format) -> Result<PathBuf, ArchiveError> {
        let (summary, turns) = self.conversation(id)?.ok_or(ArchiveError::NotThere)?;
        export::write(folder, &summary, &turns, format)
    }
}

/// A conversation that is there, without a snippet.
fn summary(db: &Connection, key: i64) -> rusqlite::Result<Summary> {
    let (first, last) = places(key);
    let given = |row: &Row<'_>| row.get::<_, Option<String>>("title");
    let mut statement = db.prepare_cached(
        "SELECT id, title, started_ms, last_ms,
             (SELECT count(*) FROM turns WHERE place BETWEEN ?2 AND ?3) AS turns
         FROM conversations WHERE key = ?1",
    )?;
    let mut summary = statement.query_row([key, first, last], |row| {
        let given = given(row)?;
        Ok(Summary {
            id: row.get("id")?,
            named: given.is_some(),
            title: given.unwrap_or_default(),
            started_ms: row.get("started_ms")?,
            last_ms: row.get("last_ms")?,
            turns: row.get::<_, i64>("turns")?.unsigned_abs(),
            snippet: Vec::new(),
        })
    })?;
    if !summary.named {
        summary.title = title::automatic(db, key)?;
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
