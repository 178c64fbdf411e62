//! A conversation as a file that a person can keep.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{ArchiveError, Summary};
use crate::turn::{Delivery, Speaker, Turn};

/// The version of the JSON that is written.
const VERSION: u32 = 1;
/// Characters of a title in a file's name.
const LONGEST_NAME: usize = 60;
/// Files of one name that are tried.
const SAME_NAMES: u32 = 1_000;

/// How a conversation is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, with the local time. What was said stands in quotations, as text: nothing in it is taken for
    /// Markdown, and what would be invisible is replaced by U+FFFD.
    Markdown,
    /// For programs, with everything that is known. An object:
    ///
    /// | field | value |
    /// |---|---|
    /// | `format` | `"myca-voice-conversation"` |
    /// | `version` | 1; a later one may have more fields, and takes none away |
    /// | `id` | the conversation's identity |
    /// | `title` | what it is called |
    /// | `named` | whether a person gave it that title |
    /// | `started_ms`, `last_ms` | when it and its last turn began, in milliseconds since 1970 |
    /// | `turns` | a list of objects, in the order of their numbers |
    ///
    /// A turn:
    ///
    /// | field | value |
    /// |---|---|
    /// | `number` | its place in the conversation; there may be gaps |
    /// | `speaker` | `"person"`, `"moshi"` or `"brain"` |
    /// | `source` | `"typed"`, `"heard"`, `"spoken"` or `"written"` |
    /// | `text` | what was said |
    /// | `at_ms` | when it began, in milliseconds since 1970 |
    /// | `delivery` | `"waiting"`, `"sent"`, `"delivered"`, `"failed"`, or null for a turn that is not for the brain |
    /// | `note` | why it was not delivered, or who wrote it, or null |
    Json,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Json => "json",
        }
    }
}

pub(super) fn text(summary: &Summary, turns: &[Turn], format: Format) -> String {
    match format {
        Format::Markdown => markdown(summary, turns, &TimeZone::system()),
        Format::Json => json(summary, turns),
    }
}

/// Writes a conversation into a new file below `folder`.
pub(super) fn write(
    folder: &Path,
    summary: &Summary,
    turns: &[Turn],
    format: Format,
) -> Result<PathBuf, ArchiveError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        |source| ArchiveError::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let content = text(summary, turns, format);
    let name = file_name(summary, &TimeZone::system());
    for count in 1..=SAME_NAMES {
        let counted = if count == 1 { String::new() } else { format!(" ({count})") };
        let path = folder.join(format!("{name}{counted}.{}", format.extension()));
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            opened => opened.map_err(failed(&path))?,
        };
        if let Err(error) = file.write_all(content.as_bytes()).and_then(|()| file.sync_all()) {
            // Half a conversation would look like a whole one.
            drop(file);
            let _ = fs::remove_file(&path);
            return Err(failed(&path)(error));
        }
        return Ok(path);
    }
    Err(failed(&folder.join(name))(io::ErrorKind::AlreadyExists.into()))
}

/// A name that every file system takes, Windows' own too.
fn file_name(summary: &Summary, zone: &TimeZone) -> String {
    let safe: String = summary.title.chars().map(|c| if is_unsafe_in_a_name(c) { ' ' } else { c }).collect();
    let title = super::title::on_one_line(&safe, LONGEST_NAME);
    let title = title.trim_end_matches(['.', '…', ' ']);
    let title = if title.is_empty() { "Conversation" } else { title };
    format!("{} {title}", local(summary.started_ms, zone, "%Y-%m-%d"))
}

fn is_unsafe_in_a_name(c: char) -> bool {
    matches!(c, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*') || is_invisible(c)
}

/// Control characters, and those that change the order in which a text is read.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn local(ms: i64, zone: &TimeZone, format: &str) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned_datetime(zone.clone()).strftime(format).to_string()
}

fn markdown(summary: &Summary, turns: &[Turn], zone: &TimeZone) -> String {
    let begin = local(summary.started_ms, zone, "%Y-%m-%d %H:%M");
    let count = match turns.len() {
        1 => "1 turn".to_owned(),
        n => format!("{n} turns"),
    };
    let mut out = format!("# {}\n\n{begin}, {count}\n", quoted_line(&summary.title));
    for turn in turns {
        let _ = write!(out, "\n**{}**", speaker(turn.speaker));
        if let (Speaker::Brain, Some(note)) = (turn.speaker, &turn.note) {
            let _ = write!(out, " ({})", quoted_line(note));
        }
        let _ = write!(out, ", {}", local(turn.at_ms, zone, "%Y-%m-%d %H:%M:%S"));
        match (turn.delivery, &turn.note) {
            (Some(Delivery::Failed), Some(note)) => {
                let _ = write!(out, ", not delivered: {}", quoted_line(note));
            }
            (Some(Delivery::Failed), None) => out.push_str(", not delivered"),
            (Some(Delivery::Waiting), _) => out.push_str(", waiting to be delivered"),
            (Some(Delivery::Sent), _) => out.push_str(", not answered"),
            (Some(Delivery::Delivered) | None, _) => {}
        }
        out.push_str("\n\n");
        quote(&turn.text, &mut out);
    }
    out
}

fn speaker(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Person => "You",
        Speaker::Moshi => "Moshi",
        Speaker::Brain => "Brain",
    }
}

/// Writes a text as a quotation that keeps its lines.
fn quote(text: &str, out: &mut String) {
    let text = text.trim().replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        let line = quoted_line(line);
        let goes_on = lines.peek().is_some_and(|next| !next.trim().is_empty());
        // A backslash at the end of a line keeps the next one from being joined to it.
        let end = if goes_on && !line.is_empty() { "\\" } else { "" };
        let _ = writeln!(out, "{}", format!("> {line}{end}").trim_end());
    }
}

/// One line in which nothing means anything to Markdown.
fn quoted_line(line: &str) -> String {
    let line = line.trim_end();
    let text = line.trim_start();
    let mut out = String::with_capacity(line.len() + 8);
    for c in line[..line.len() - text.len()].chars() {
        // Markdown would drop spaces at the beginning, or take them for code.
        out.push_str(if c == '\t' { "\u{a0}\u{a0}\u{a0}\u{a0}" } else { "\u{a0}" });
    }
    // What begins a heading, a list or a rule, and only does so at the beginning.
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    for (at, c) in text.char_indices() {
        let begins = (at == 0 && matches!(c, '#' | '+' | '-' | '=' | ':'))
            || (at == digits && digits > 0 && matches!(c, '.' | ')'));
        if begins || matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '~' | '|' | '$') {
            out.push('\\');
        }
        out.push(if is_invisible(c) && c != '\t' { '\u{fffd}' } else { c });
    }
    out
}

#[derive(Serialize)]
struct Whole<'a> {
    format: &'static str,
    version: u32,
    id: &'a str,
    title: &'a str,
    named: bool,
    started_ms: i64,
    last_ms: i64,
    turns: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    number: u64,
    speaker: &'static str,
    source: &'static str,
    text: &'a str,
    at_ms: i64,
    delivery: Option<&'static str>,
    note: Option<&'a str>,
}

fn json(summary: &Summary, turns: &[Turn]) -> String {
    let turns = turns.iter().map(|turn| Part {
        number: turn.number,
        speaker: turn.speaker.name(),
        source: turn.source.name(),
        text: &turn.text,
        at_ms: turn.at_ms,
        delivery: turn.delivery.map(Delivery::name),
        note: turn.note.as_deref(),
    });
    let whole = Whole {
        format: "myca-voice-conversation",
        version: VERSION,
        id: &summary.id,
        title: &summary.title,
        named: summary.named,
        started_ms: summary.started_ms,
        last_ms: summary.last_ms,
        turns: turns.collect(),
    };
    // Strings and numbers can always be written.
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests;
