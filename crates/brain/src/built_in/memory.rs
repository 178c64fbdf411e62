//! What is remembered, for tools and turns.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use store::{Memories, Memory, MemoryError};
use tokio::task::spawn_blocking;

use super::words::Words;

/// As many memories with the same words are compared with a text.
const ALIKE: u64 = 50;
/// Words that say nothing about what is looked for.
const COMMON: [&str; 50] = [
    "a", "about", "am", "an", "and", "are", "as", "at", "be", "can", "could", "did", "do", "does", "for",
    "from", "have", "he", "her", "his", "how", "i", "in", "is", "it", "me", "my", "of", "on", "or", "our",
    "please", "she", "tell", "that", "the", "this", "to", "was", "we", "what", "when", "where", "which",
    "who", "why", "will", "with", "you", "your",
];

/// The memories. SQLite waits for the disk, so everything runs on a thread that may wait.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    memories: Arc<Mutex<Memories>>,
}

/// What was found, best first.
#[derive(Debug)]
pub(super) struct Hits {
    pub(super) memories: Vec<Memory>,
    /// How many there are, those that are not given out included.
    pub(super) total: u64,
}

impl Kept {
    pub(super) fn new(memories: Arc<Mutex<Memories>>) -> Self {
        Self { memories }
    }

    /// Finds what has all these words; where nothing has, what has to do with them. Without a word: the latest.
    pub(super) async fn find(&self, query: &str, most: u64) -> Result<Hits, String> {
        let query = query.to_owned();
        let found = self.with(move |memories| {
            let (found, total) = memories.find(&query, 0, most)?;
            Ok(if found.is_empty() { Err(query) } else { Ok(Hits { memories: found, total }) })
        });
        match found.await? {
            Ok(hits) => Ok(hits),
            Err(query) => {
                let memories = self.related(&query, most).await?;
                Ok(Hits { total: memories.len() as u64, memories })
            }
        }
    }

    /// Finds what has to do with a text.
    pub(super) async fn related(&self, text: &str, most: u64) -> Result<Vec<Memory>, String> {
        let words = Words::of(text);
        let telling: Vec<&str> = words.plain().into_iter().filter(|word| !COMMON.contains(word)).collect();
        let query = telling.join(" ");
        self.with(move |memories| memories.related(&query, most)).await
    }

    /// Finds what reads exactly so, upper and lower case aside.
    async fn exact(&self, text: &str) -> Result<Vec<Memory>, String> {
        let wanted = text.trim().to_lowercase();
        let query = text.to_owned();
        self.with(move |memories| {
            let (mut found, _) = memories.find(&query, 0, ALIKE)?;
            found.retain(|memory| memory.text.to_lowercase() == wanted);
            Ok(found)
        })
        .await
    }

    /// Keeps something. Whether it is new.
    pub(super) async fn remember(&self, text: &str) -> Result<bool, String> {
        if !self.exact(text).await?.is_empty() {
            return Ok(false);
        }
        let text = text.to_owned();
        self.with(move |memories| memories.remember(&text, None, now_ms()).map(|_| true)).await
    }

    /// Forgets what reads exactly so. How many there were of it.
    pub(super) async fn forget(&self, text: &str) -> Result<usize, String> {
        let found = self.exact(text).await?;
        self.with(move |memories| {
            found.iter().try_for_each(|memory| memories.forget(&memory.id).map(drop))?;
            Ok(found.len())
        })
        .await
    }

    async fn with<R, F>(&self, act: F) -> Result<R, String>
    where
        R: Send + 'static,
        F: FnOnce(&Memories) -> Result<R, MemoryError> + Send + 'static,
    {
        let memories = Arc::clone(&self.memories);
        let done =
            spawn_blocking(move || act(&memories.lock().unwrap_or_else(PoisonError::into_inner))).await;
        match done {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(sentence(&error)),
            Err(error) => {
                tracing::error!(%error, "a look into the memories broke down");
                Err("Memory cannot be used just now.".to_owned())
            }
        }
    }
}

fn sentence(error: &MemoryError) -> String {
    let mut sentence = error.to_string();
    if let Some(first) = sentence.get(..1).map(str::to_uppercase) {
        sentence.replace_range(..1, &first);
    }
    sentence.push('.');
    sentence
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
