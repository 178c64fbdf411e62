//! Looking back: conversations in the history, and what the built-in brain remembers.
//!
//! All of it asks the disk, so all of it runs beside the window's task.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use conversation::Problem;
use store::{Archive, ArchiveError, Format, Memories, MemoryError, Summary};

use crate::view::{ExportFormat, HistoryEntry, HistoryPage, MemoryItem, MemoryPage};

/// Entries of one page.
const PAGE: u64 = 50;
/// Turns that are read when a conversation goes on.
const RESUMED: usize = 500;

/// What can be looked back at.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    pub(crate) archive: Option<Archive>,
    pub(crate) memories: Option<Arc<Mutex<Memories>>>,
    pub(crate) exports: PathBuf,
}

impl Past {
    /// Conversations that have these words, or all of them.
    pub(crate) async fn find(&self, query: String, offset: u32) -> Result<HistoryPage, Problem> {
        let page = self.ask(move |archive| archive.find(&query, offset.into(), PAGE)).await?;
        Ok(HistoryPage { entries: page.conversations.into_iter().map(entry).collect(), total: page.total })
    }

    /// A conversation with its last turns.
    pub(crate) async fn conversation(
        &self,
        id: String,
    ) -> Result<(store::Conversation, Vec<store::Turn>), Problem> {
        let found = self.ask(move |archive| archive.conversation(&id)?.ok_or(ArchiveError::NotThere)).await?;
        let (summary, mut turns) = found;
        turns.drain(..turns.len().saturating_sub(RESUMED));
        Ok((store::Conversation { id: summary.id, started_ms: summary.started_ms }, turns))
    }

    /// Gives a conversation a title.
    pub(crate) async fn rename(&self, id: String, title: String) -> Result<(), Problem> {
        self.ask(move |archive| archive.rename(&id, &title)).await
    }

    /// Writes a conversation into a file, and says into which.
    pub(crate) async fn export(&self, id: String, format: ExportFormat) -> Result<String, Problem> {
        let format = match format {
            ExportFormat::Markdown => Format::Markdown,
            ExportFormat::Json => Format::Json,
        };
        let folder = self.exports.clone();
        let path = self.ask(move |archive| archive.write_export(&folder, &id, format)).await?;
        Ok(path.display().to_string())
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Archive) -> Result<T, ArchiveError> + Send + 'static,
    ) -> Result<T, Problem> {
        let archive = self.archive.clone().ok_or_else(no_history)?;
        beside(move || question(&archive).map_err(|error| of_archive(&error))).await
    }

    /// What the built-in brain remembers: what fits these words, or the latest.
    pub(crate) async fn memories(&self, query: String, offset: u32) -> Result<MemoryPage, Problem> {
        let (items, total) = self.remembered(move |kept| kept.find(&query, offset.into(), PAGE)).await?;
        let items = items.into_iter().map(|memory| MemoryItem {
            id: memory.id,
            text: memory.text,
            at_ms: memory.at_ms,
        });
        Ok(MemoryPage { items: items.collect(), total })
    }

    /// Puts other words in the place of what is remembered.
    pub(crate) async fn edit_memory(&self, id: String, text: String) -> Result<(), Problem> {
        let edited = self.remembered(move |kept| kept.edit(&id, &text)).await?;
        edited.map(|_| ()).ok_or_else(forgotten)
    }

    /// Forgets something. It is no problem if it is forgotten already.
    pub(crate) async fn forget_memory(&self, id: String) -> Result<(), Problem> {
        self.remembered(move |kept| kept.forget(&id)).await.map(|_| ())
    }

    async fn remembered<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Memories) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, Problem> {
        let memories = self.memories.clone().ok_or_else(no_memory)?;
        beside(move || {
            let memories = memories.lock().unwrap_or_else(PoisonError::into_inner);
            question(&memories).map_err(|error| of_memory(&error))
        })
        .await
    }
}

async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "looking back broke down");
        Err(Problem::new("history.failed", "Looking into the history failed.", "Try again.", &[]))
    })
}

fn entry(found: Summary) -> HistoryEntry {
    let words: String = found.snippet.into_iter().map(|piece| piece.text).collect();
    HistoryEntry {
        id: found.id,
        title: found.title,
        named: found.named,
        started_ms: found.started_ms,
        last_ms: found.last_ms,
        turns: found.turns,
        found: (!words.is_empty()).then_some(words),
    }
}

/// Opens what the built-in brain remembers.
pub(crate) fn open_memories(path: &Path) -> Result<(Memories, Option<store::SetAside>), Problem> {
    Memories::open(path).map_err(|error| {
        tracing::warn!(%error, "the memory cannot be opened");
        of_memory(&error)
    })
}

/// A memory that was broken.
pub(crate) fn were_broken(aside: &store::SetAside) -> Problem {
    Problem::new(
        "memory.set_aside",
        format!("The built-in brain's memory could not be read ({}) and starts afresh.", aside.reason),
        format!("The broken file is kept as {}.", aside.kept_as.display()),
        &[],
    )
}

fn of_archive(error: &ArchiveError) -> Problem {
    let next = match error {
        ArchiveError::NotThere => "Look for it again; it may have been deleted meanwhile.",
        ArchiveError::Write { .. } => "Free some space or make the folder writable, then try again.",
        ArchiveError::Database(_) => "Close other windows of this program, then try again.",
    };
    Problem::new(error.code(), sentence(error), next, &[])
}

fn of_memory(error: &MemoryError) -> Problem {
    let next = match error {
        MemoryError::Empty => "Write something, or forget it.",
        MemoryError::TooLong { .. } => "Write less.",
        MemoryError::Database(_) => "Close other windows of this program, then start it again.",
    };
    Problem::new(error.code(), sentence(error), next, &[])
}

/// What an error says, with a capital letter and a full stop.
fn sentence(error: &dyn std::error::Error) -> String {
    let words = error.to_string();
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}

fn no_history() -> Problem {
    Problem::new(
        "history.none",
        "This run of MYCA Voice keeps no history.",
        "Start it without that choice.",
        &[],
    )
}

fn no_memory() -> Problem {
    Problem::new(
        "memory.none",
        "The built-in brain's memory cannot be used.",
        "Start MYCA Voice again; its log says what is wrong.",
        &[],
    )
}

fn forgotten() -> Problem {
    Problem::new("memory.not_there", "This was forgotten meanwhile.", "Look for it again.", &[])
}
