//! Looking into past conversations.

use std::sync::Arc;

use serde_json::Value;
use store::{Archive, Found, Speaker};

use super::own_tools::one_text;
use crate::{Memory, MemoryUse, Tool, ToolAnswer, bounded::cut, tool::Calling};

/// Turns that a search brings.
const FOUND: u64 = 8;
/// As much of each as is told, in bytes.
const SHOWN: usize = 400;

/// The tool `search_conversations`, for whoever keeps a history.
#[must_use]
pub fn search_conversations(archive: Archive) -> Arc<dyn Tool> {
    Arc::new(Search(archive))
}

struct Search(Archive);

impl Tool for Search {
    fn name(&self) -> &str {
        "search_conversations"
    }

    fn description(&self) -> &str {
        "Searches all past conversations for words."
    }

    fn parameters(&self) -> Value {
        one_text("query", "The words, as few as possible.")
    }

    fn call(&self, arguments: Value) -> Calling {
        let archive = self.0.clone();
        Box::pin(async move {
            let query = arguments["query"].as_str().unwrap_or_default().to_owned();
            let found = tokio::task::spawn_blocking(move || archive.find_turns(&query, FOUND)).await;
            let found = match found {
                Ok(Ok(found)) => found,
                Ok(Err(error)) => return Err(format!("The history cannot be searched: {error}.")),
                Err(_) => return Err("The history cannot be searched.".to_owned()),
            };
            let lines: Vec<String> = found.iter().map(line).collect();
            let count = lines.len() as u64;
            let text = if lines.is_empty() { "Nothing was found.".to_owned() } else { lines.join("\n") };
            let memory = Memory { used: MemoryUse::Read, kind: "conversations".into(), count, said: None };
            Ok(ToolAnswer { text, memory: Some(memory) })
        })
    }
}

fn line(found: &Found) -> String {
    let who = match found.turn.speaker {
        Speaker::Person => "you",
        Speaker::Moshi => "Moshi",
        Speaker::Brain => "MYCA",
    };
    format!("\u{201c}{}\u{201d}, {who}: {}", found.title, cut(&found.turn.text, SHOWN))
}
