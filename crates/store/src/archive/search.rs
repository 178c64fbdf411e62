//! Finding conversations and turns by words.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use rusqlite::{Connection, Row, params};

use super::{ArchiveError, Page, Summary, summary};
use crate::{
    turn::{Turn, key_of},
    words::{Wanted, all_words, any_word},
};

/// The latest turns with a word that are weighed against each other. Weighing takes time, and there may be very many.
const WEIGHED: i64 = 2_000;
/// Words of a snippet.
const SNIPPET_WORDS: i64 = 16;
/// Characters of a snippet: a word may be very long.
const SNIPPET_CHARS: usize = 240;
/// The most conversations or turns that are given out at once.
const MOST: u64 = 500;

/// Around what was looked for in a snippet. These never stand for anything in a text.
const BEGIN: char = '\u{fdd0}';
const END: char = '\u{fdd1}';

/// A piece of a snippet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What was said.
    pub text: String,
    /// Whether this is what was looked for.
    pub hit: bool,
}

/// A turn that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The identity of its conversation.
    pub conversation: String,
    /// What its conversation is called.
    pub title: String,
    /// The turn.
    pub turn: Turn,
}

pub(super) fn conversations(
    db: &Connection,
    query: &str,
    offset: u64,
    limit: u64,
) -> Result<Page, ArchiveError> {
    let limit = limit.min(MOST);
    match all_words(query) {
        Wanted::Nothing => Ok(Page::default()),
        Wanted::Everything => latest(db, offset, limit),
        Wanted::Match(words) => matching(db, &words, offset, limit),
    }
}

fn latest(db: &Connection, offset: u64, limit: u64) -> Result<Page, ArchiveError> {
    let total: i64 = db.query_row("SELECT count(*) FROM conversations", [], |row| row.get(0))?;
    let mut statement = db
        .prepare_cached("SELECT key FROM conversations ORDER BY last_ms DESC, key DESC LIMIT ?1 OFFSET ?2")?;
    let conversations = statement
        .query_map(params![signed(limit), signed(offset)], |row| row.get(0))?
        .map(|key| summary(db, key?))
        .collect::<Result<_, _>>()?;
    Ok(Page { conversations, total: total.unsigned_abs() })
}

fn matching(db: &Connection, words: &str, offset: u64, limit: u64) -> Result<Page, ArchiveError> {
    let mut found = Hits::default();
    for key in keys_by_title(db, words)? {
        found.add(key, None);
    }
    for place in weighed(db, words, WEIGHED)? {
        found.add(key_of(place), Some(place));
    }
    let mut rest =
        db.prepare_cached("SELECT rowid FROM turns_text WHERE turns_text MATCH ?1 ORDER BY rowid DESC")?;
    let mut rest = rest.query([words])?;
    while let Some(row) = rest.next()? {
        let place = row.get(0)?;
        found.add(key_of(place), Some(place));
    }
    let total = found.order.len() as u64;
    let page: Vec<i64> = found
        .order
        .iter()
        .copied()
        .skip(usize::try_from(offset).unwrap_or(usize::MAX))
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .collect();
    let places: Vec<i64> = page.iter().filter_map(|key| found.best.get(key).copied()).collect();
    let mut snippets = snippets(db, words, &places)?;
    let conversations = page
        .iter()
        .map(|key| {
            let snippet = found.best.get(key).and_then(|place| snippets.remove(place));
            Ok(Summary { snippet: snippet.unwrap_or_default(), ..summary(db, *key)? })
        })
        .collect::<rusqlite::Result<_>>()?;
    Ok(Page { conversations, total })
}

/// Conversations in the order in which they were found, and the first turn that was found in each.
#[derive(Default)]
struct Hits {
    order: Vec<i64>,
    seen: HashSet<i64>,
    best: HashMap<i64, i64>,
}

impl Hits {
    fn add(&mut self, key: i64, place: Option<i64>) {
        if self.seen.insert(key) {
            self.order.push(key);
        }
        if let Some(place) = place {
            self.best.entry(key).or_insert(place);
        }
    }
}

fn keys_by_title(db: &Connection, words: &str) -> rusqlite::Result<Vec<i64>> {
    let mut statement = db.prepare_cached(
        "SELECT rowid FROM titles_text WHERE titles_text MATCH ?1 ORDER BY rank, rowid DESC",
    )?;
    statement.query_map([words], |row| row.get(0))?.collect()
}

/// The places of the best matches among the latest, best first.
fn weighed(db: &Connection, words: &str, most: i64) -> rusqlite::Result<Vec<i64>> {
    let mut statement = db.prepare_cached(
        "SELECT place FROM
             (SELECT rowid AS place, bm25(turns_text) AS weight FROM turns_text
              WHERE turns_text MATCH ?1 ORDER BY rowid DESC LIMIT ?2)
         ORDER BY weight, place DESC LIMIT ?3",
    )?;
    statement.query_map(params![words, WEIGHED, most], |row| row.get(0))?.collect()
}

/// What is around the words at some places. All of them in one go through the index, however many there are.
fn snippets(db: &Connection, words: &str, places: &[i64]) -> rusqlite::Result<HashMap<i64, Vec<Piece>>> {
    let (Some(first), Some(last)) = (places.iter().min(), places.iter().max()) else {
        return Ok(HashMap::new());
    };
    let list: Vec<String> = places.iter().map(i64::to_string).collect();
    let mut statement = db.prepare_cached(
        "SELECT rowid, snippet(turns_text, 0, ?3, ?4, '…', ?5) FROM turns_text
         WHERE turns_text MATCH ?1 AND rowid BETWEEN ?6 AND ?7
             AND +rowid IN (SELECT value FROM json_each(?2))",
    )?;
    let list = format!("[{}]", list.join(","));
    let read = |row: &Row<'_>| Ok((row.get(0)?, pieces(&row.get::<_, String>(1)?)));
    statement
        .query_map(
            params![words, list, BEGIN.to_string(), END.to_string(), SNIPPET_WORDS, first, last],
            read,
        )?
        .collect()
}

/// Takes a marked text apart. Marks that were in the text itself do no harm but a wrong emphasis.
fn pieces(marked: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut left = SNIPPET_CHARS;
    let mut hit = false;
    for part in marked.split_inclusive([BEGIN, END]) {
        let text: String = part.trim_end_matches([BEGIN, END]).chars().take(left).collect();
        left -= text.chars().count();
        if !text.is_empty() {
            pieces.push(Piece { text, hit });
        }
        hit = part.ends_with(BEGIN);
    }
    pieces
}

pub(super) fn turns(db: &Connection, query: &str, limit: u64) -> Result<Vec<Found>, ArchiveError> {
    let limit = signed(limit.min(MOST));
    let mut places = match all_words(query) {
        Wanted::Nothing => Vec::new(),
        Wanted::Everything => db
            .prepare_cached("SELECT place FROM turns ORDER BY place DESC LIMIT ?1")?
            .query_map([limit], |row| row.get(0))?
            .collect::<Result<_, _>>()?,
        Wanted::Match(words) => weighed(db, &words, limit)?,
    };
    if let (true, Wanted::Match(words)) = (places.is_empty(), any_word(query)) {
        places = weighed(db, &words, limit)?;
    }
    let mut statement =
        db.prepare_cached(&format!("SELECT {} FROM turns WHERE place = ?1", Turn::COLUMNS))?;
    let mut known = HashMap::new();
    let mut found = Vec::with_capacity(places.len());
    for place in places {
        let key = key_of(place);
        let Summary { id, title, .. } = match known.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(summary(db, key)?),
        };
        let turn = statement.query_row([place], Turn::read)?;
        found.push(Found { conversation: id.clone(), title: title.clone(), turn });
    }
    Ok(found)
}

/// For SQLite, whose numbers have a sign.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
