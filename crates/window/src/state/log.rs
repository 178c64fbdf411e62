//! What has happened, entry by entry, for whoever wants to know more than the panels show.

use crate::view::{Log, LogEntry, LogLevel, LogSource, NoticeLevel, Phase};

/// Entries that are kept. Older ones are forgotten without being counted: they were there to be read.
pub(crate) const MOST: usize = 10_000;
/// The longest text from outside that an entry holds, in bytes.
const LONGEST: usize = 1 << 10;

/// Something to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) source: LogSource,
    pub(crate) level: LogLevel,
    pub(crate) what: String,
    pub(crate) said: Option<String>,
}

impl Line {
    pub(crate) fn new(source: LogSource, what: impl Into<String>) -> Self {
        Self { source, level: LogLevel::Info, what: what.into(), said: None }
    }

    pub(crate) fn level(self, level: LogLevel) -> Self {
        Self { level, ..self }
    }

    /// With words from outside.
    pub(crate) fn said(self, said: Option<&str>) -> Self {
        Self { said: said.map(|said| brain::bounded::cut(said, LONGEST)), ..self }
    }
}

/// Numbers a line and adds it.
pub(super) fn add(log: &mut Log, number: &mut u64, line: Line, now_ms: i64) -> LogEntry {
    let Line { source, level, what, said } = line;
    let entry = LogEntry { number: *number, at_ms: now_ms, source, level, what, said };
    *number += 1;
    if log.entries.len() >= MOST {
        log.entries.drain(..MOST / 10);
    }
    log.entries.push(entry.clone());
    entry
}

/// What a phase of the call is called here.
pub(super) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "The call is over.",
        Phase::Connecting => "The host is being called.",
        Phase::WarmingUp => "The host answers and prepares.",
        Phase::Busy => "The host is busy.",
        Phase::Live => "Moshi listens and talks.",
        Phase::Reconnecting => "The connection was lost; it is being made again.",
        Phase::TypingOnly => "The host was lost; typing goes on.",
        Phase::Failed => "The call did not come about.",
    }
}

impl From<NoticeLevel> for LogLevel {
    fn from(level: NoticeLevel) -> Self {
        match level {
            NoticeLevel::Info => Self::Info,
            NoticeLevel::Warning => Self::Warning,
            NoticeLevel::Error => Self::Error,
        }
    }
}
