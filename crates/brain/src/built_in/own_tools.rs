//! The tools that the brain brings along: memory, and the clock.

use std::sync::Arc;

use jiff::ZonedDateTime;
use serde_json::{Value, json};

use super::memory::{Hits, Kept};
use crate::{Memory, MemoryUse, Tool, ToolAnswer, tool::Calling};

/// As many memories are recalled at once.
const RECALLED: u64 = 20;

/// All of them; those of memory only where there is one.
pub(super) fn all(kept: Option<&Kept>) -> Vec<Arc<dyn Tool>> {
    let mut tools: Vec<Arc<dyn Tool>> = vec![Arc::new(Now)];
    if let Some(kept) = kept {
        tools.push(Arc::new(Remember(kept.clone())));
        tools.push(Arc::new(Recall(kept.clone())));
        tools.push(Arc::new(Forget(kept.clone())));
    }
    tools
}

fn used(used: MemoryUse, count: u64) -> Option<Memory> {
    Some(Memory { used, kind: "memories".to_owned(), count, said: None })
}

/// An argument that is a text.
fn text<'a>(arguments: &'a Value, name: &str) -> Result<&'a str, String> {
    let text = arguments.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    text.ok_or_else(|| format!("The argument \"{name}\" is missing: it has to be a text."))
}

pub(super) fn one_text(name: &str, description: &str) -> Value {
    json!({
        "type": "object", "required": [name],
        "properties": { name: { "type": "string", "description": description } },
    })
}

/// Keeps something.
struct Remember(Kept);

impl Tool for Remember {
    fn name(&self) -> &str {
        "remember"
    }

    fn description(&self) -> &str {
        "Keeps one fact for later conversations. Only for what the person wants to be remembered."
    }

    fn parameters(&self) -> Value {
        one_text("text", "The fact, as one sentence that can be understood by itself.")
    }

    fn question(&self, arguments: &Value) -> Option<String> {
        text(arguments, "text").ok().map(|text| format!("Remember \"{text}\"?"))
    }

    fn call(&self, arguments: Value) -> Calling {
        let kept = self.0.clone();
        Box::pin(async move {
            let text = text(&arguments, "text")?;
            if !kept.remember(text).await? {
                return Ok("This is remembered already.".into());
            }
            Ok(ToolAnswer { text: format!("Remembered: \"{text}\"."), memory: used(MemoryUse::Write, 1) })
        })
    }
}

/// Looks for what was kept.
struct Recall(Kept);

impl Tool for Recall {
    fn name(&self) -> &str {
        "recall"
    }

    fn description(&self) -> &str {
        "Finds what was remembered in earlier conversations."
    }

    fn parameters(&self) -> Value {
        let query = "A few words of what is looked for. Without it, the latest memories come.";
        json!({ "type": "object", "properties": { "query": { "type": "string", "description": query } } })
    }

    fn call(&self, arguments: Value) -> Calling {
        let kept = self.0.clone();
        Box::pin(async move {
            let query = arguments.get("query").and_then(Value::as_str).unwrap_or_default();
            let hits = kept.find(query, RECALLED).await?;
            let memory = used(MemoryUse::Read, hits.memories.len() as u64);
            Ok(ToolAnswer { text: recalled(query, &hits), memory })
        })
    }
}

fn recalled(query: &str, hits: &Hits) -> String {
    match (hits.memories.as_slice(), query) {
        ([], "") => return "Nothing is remembered yet.".to_owned(),
        ([], query) => return format!("Nothing is remembered about \"{query}\"."),
        _ => {}
    }
    let mut text = "This is remembered:".to_owned();
    for memory in &hits.memories {
        text.push_str("\n- ");
        text.push_str(&memory.text);
    }
    let more = hits.total.saturating_sub(hits.memories.len() as u64);
    if more > 0 {
        text.push_str(&format!("\nThere are {more} more."));
    }
    text
}

/// Forgets something. What it forgets reads exactly as the person was shown it.
struct Forget(Kept);

impl Tool for Forget {
    fn name(&self) -> &str {
        "forget"
    }

    fn description(&self) -> &str {
        "Forgets one thing that was remembered. Call recall first: the text has to be exactly one that it returned."
    }

    fn parameters(&self) -> Value {
        one_text("text", "The memory's text, word by word.")
    }

    fn question(&self, arguments: &Value) -> Option<String> {
        text(arguments, "text").ok().map(|text| format!("Forget \"{text}\"?"))
    }

    fn call(&self, arguments: Value) -> Calling {
        let kept = self.0.clone();
        Box::pin(async move {
            let text = text(&arguments, "text")?;
            match kept.forget(text).await? {
                0 => Err("Nothing that is remembered reads exactly so.".to_owned()),
                count => {
                    let memory = used(MemoryUse::Write, count as u64);
                    Ok(ToolAnswer { text: format!("Forgotten: \"{text}\"."), memory })
                }
            }
        })
    }
}

/// Tells the time.
struct Now;

impl Tool for Now {
    fn name(&self) -> &str {
        "now"
    }

    fn description(&self) -> &str {
        "Tells the time and the date at this computer."
    }

    fn parameters(&self) -> Value {
        json!({ "type": "object", "properties": {} })
    }

    fn call(&self, _: Value) -> Calling {
        // The system's time zone is a file.
        Box::pin(async { Ok(time(&ZonedDateTime::now()).into()) })
    }
}

fn time(now: &ZonedDateTime) -> String {
    let zone = now.time_zone().iana_name().map(|name| format!("{name}, ")).unwrap_or_default();
    format!("It is {} ({zone}UTC{}).", now.strftime("%H:%M on %A, %-d %B %Y"), now.strftime("%:z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_said_with_its_zone() {
        let now: ZonedDateTime = "2026-11-05T09:05:07+01:00[Europe/Vienna]".parse().unwrap();
        assert_eq!(time(&now), "It is 09:05 on Thursday, 5 November 2026 (Europe/Vienna, UTC+01:00).");
    }
}
