//! Known failures, recognised by what a program says when it fails.

mod known;

use std::{borrow::Cow, sync::LazyLock};

use regex_lite::Regex;
use serde::Serialize;

use crate::Step;

/// A line is looked at no further than this, in bytes.
const LONGEST: usize = 4096;

/// A failure that others had before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownFailure {
    /// A code that stays the same.
    pub code: &'static str,
    /// When the line is a failure.
    pub sign: Sign,
    /// What happened, in a sentence.
    pub what: &'static str,
    /// What to do.
    pub next: Step,
}

/// What a line is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// The line itself tells of the failure.
    Failure,
    /// It is a usual line, and a failure only where nothing follows it for minutes.
    IfNothingFollows,
}

/// Looks for a known failure in a line of a log.
pub fn recognise(line: &str) -> Option<KnownFailure> {
    static PATTERNS: LazyLock<Vec<(Regex, &known::Entry)>> = LazyLock::new(|| {
        // A pattern that is none would be left out; a test has every one of them match its line.
        known::ENTRIES
            .iter()
            .filter_map(|entry| Some((Regex::new(&format!("(?i){}", entry.patterns.join("|"))).ok()?, entry)))
            .collect()
    });
    let line = without_colours(bounded(line));
    let (_, entry) = PATTERNS.iter().find(|(pattern, _)| pattern.is_match(line.trim()))?;
    Some(KnownFailure {
        code: entry.code,
        sign: entry.sign,
        what: entry.what,
        next: Step { says: entry.next.to_owned(), line: entry.line.map(str::to_owned) },
    })
}

/// Without the colours that Moshi's servers write their lines in.
fn without_colours(line: &str) -> Cow<'_, str> {
    const ESCAPE: char = '\u{1b}';
    let mut parts = line.split(ESCAPE);
    let Some(first) = parts.next().filter(|first| first.len() < line.len()) else {
        return Cow::Borrowed(line);
    };
    let mut plain = first.to_owned();
    for part in parts {
        // "[1;34m" and the like end with their first letter.
        let end =
            part.find(|letter: char| letter.is_ascii_alphabetic()).map_or(part.len(), |letter| letter + 1);
        plain.push_str(&part[end..]);
    }
    Cow::Owned(plain)
}

fn bounded(line: &str) -> &str {
    let mut end = line.len().min(LONGEST);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}
