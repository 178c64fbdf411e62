//! Answers without a language model.

use serde_json::{Value, json};
use store::Memory as Known;

use super::{
    calling::{Asking, Called},
    course::{Course, Stop},
    grammar::{Intent, understand},
};
use crate::{Memory, MemoryUse, Outcome, What, bounded::cut, interface::Gone};

/// Who answers then, as [`crate::Reply::provider`] says.
const NAME: &str = "built-in";
/// As many memories are offered, and this much of each.
const OFFERED: (u64, usize) = (3, 300);
/// As much of a request is repeated.
const REPEATED: usize = 200;

/// What can be said, for each tool by its name. The order is that of the help.
const EXAMPLES: [(&str, &str); 17] = [
    ("remember", "remember that my cat's name is Miso"),
    ("recall", "what do you remember about my cat?"),
    ("forget", "forget my cat's name"),
    ("now", "what time is it?"),
    ("search_conversations", "find bread in our conversations"),
    ("open_settings", "open the audio settings"),
    ("change_setting", "switch to dark mode"),
    ("start_call", "call, and: hang up"),
    ("mute", "mute, and: unmute"),
    ("new_conversation", "new conversation"),
    ("diagnose", "what can this computer run?"),
    ("list_hosts", "list the hosts"),
    ("test_host", "test the host"),
    ("use_host", "use host gpu.example"),
    ("start_moshi", "start Moshi, and: stop Moshi"),
    ("list_models", "list the models"),
    ("download_model", "download moshiko"),
];

const CONNECT: &str = "For a free conversation connect a language model: start Ollama on this computer, or enter the \
    address of an OpenAI-compatible server in Settings > Brain.";

impl Course<'_> {
    /// Answers by the grammar.
    pub(super) async fn plainly(&mut self) -> Result<Outcome, Stop> {
        self.teller.tell(What::Thinking { asks: NAME.to_owned() }).await?;
        self.provider = Some(NAME.to_owned());
        let answer = self.obey(understand(self.turn.text())).await?;
        self.words(&answer).await?;
        self.reply(true).await?;
        Ok(Outcome::Answered)
    }

    async fn obey(&mut self, intent: Intent) -> Result<String, Gone> {
        match intent {
            Intent::Remember(text) => self.act("remember", json!({ "text": text }), Asking::NotNeeded).await,
            Intent::Recall(query) => self.act("recall", json!({ "query": query }), Asking::Needed).await,
            Intent::Wonder(query) => self.wonder(query).await,
            Intent::Forget(what) => self.forget(&what).await,
            Intent::Now => self.act("now", json!({}), Asking::Needed).await,
            Intent::Search(query) => {
                self.act("search_conversations", json!({ "query": query }), Asking::Needed).await
            }
            Intent::OpenSettings(None) => self.act("open_settings", json!({}), Asking::Needed).await,
            Intent::OpenSettings(Some(section)) => {
                self.act("open_settings", json!({ "section": section }), Asking::Needed).await
            }
            Intent::ChangeSetting { name, value } => {
                let arguments = json!({ "name": name, "value": value });
                self.act("change_setting", arguments, Asking::Needed).await
            }
            Intent::Use { tool, what } => {
                let arguments = what.map_or_else(|| json!({}), |(name, value)| json!({ name: value }));
                self.act(tool, arguments, Asking::Needed).await
            }
            Intent::StartCall => self.act("start_call", json!({}), Asking::Needed).await,
            Intent::EndCall => self.act("end_call", json!({}), Asking::Needed).await,
            Intent::Mute(muted) => self.act("mute", json!({ "muted": muted }), Asking::Needed).await,
            Intent::NewConversation => self.act("new_conversation", json!({}), Asking::Needed).await,
            Intent::Fact(_) if self.brain.kept.is_some() => {
                Ok("I can keep that for later: say it again with \"remember that\" in front.".to_owned())
            }
            Intent::Help => Ok(format!("You can say, for example:\n{}\n{CONNECT}", self.examples())),
            Intent::About => Ok(self.about()),
            Intent::Hello => Ok("Hello. Ask \"what can you do?\" to see what I understand.".to_owned()),
            Intent::Thanks => Ok("You are welcome.".to_owned()),
            Intent::Fact(_) | Intent::Unknown => self.at_a_loss().await,
        }
    }

    /// Calls a tool that the person asked for, and says what came of it.
    async fn act(&mut self, name: &str, arguments: Value, asking: Asking) -> Result<String, Gone> {
        let Some(tool) = self.brain.tools.named(name) else {
            return Ok(match name {
                "remember" | "recall" | "forget" => {
                    "I cannot do that: what I remember cannot be opened on this computer.".to_owned()
                }
                _ => "I understand, but it cannot be done from here: it needs the app's window.".to_owned(),
            });
        };
        let id = self.announce(name, &arguments.to_string(), None).await?;
        Ok(match self.call(id, tool.as_ref(), arguments, asking).await? {
            Called::Well(answer) => answer.text,
            Called::Badly(why) => format!("That did not work. {why}"),
            Called::Refused => "I left it as it was.".to_owned(),
        })
    }

    /// Recalls what may be the answer, if there is anything.
    async fn wonder(&mut self, query: String) -> Result<String, Gone> {
        let found = match &self.brain.kept {
            Some(kept) => kept.find(&query, 1).await.is_ok_and(|hits| !hits.memories.is_empty()),
            None => false,
        };
        if found {
            self.act("recall", json!({ "query": query }), Asking::Needed).await
        } else {
            self.at_a_loss().await
        }
    }

    /// Forgets the one memory that is meant, or asks which.
    async fn forget(&mut self, what: &str) -> Result<String, Gone> {
        let Some(kept) = &self.brain.kept else { return self.act("forget", json!({}), Asking::Needed).await };
        let found = match kept.find(what, OFFERED.0 + 1).await {
            Ok(hits) => hits.memories,
            Err(why) => return Ok(format!("That did not work. {why}")),
        };
        self.looked_into_memory(found.len()).await?;
        match found.as_slice() {
            [] => Ok(format!("I remember nothing about \"{}\".", cut(what, REPEATED))),
            [one] => self.act("forget", json!({ "text": one.text }), Asking::Needed).await,
            several => match several.iter().find(|memory| memory.text.eq_ignore_ascii_case(what)) {
                Some(one) => self.act("forget", json!({ "text": one.text }), Asking::Needed).await,
                None => Ok(format!(
                    "I remember several such things. Say \"forget\" and one of them:{}",
                    list(several)
                )),
            },
        }
    }

    /// Says that it did not understand, and what it can do.
    async fn at_a_loss(&mut self) -> Result<String, Gone> {
        let mut found = Vec::new();
        if let Some(kept) = &self.brain.kept {
            match kept.related(self.turn.text(), OFFERED.0).await {
                Ok(memories) => found = memories,
                Err(error) => tracing::debug!(error, "no memories can be offered"),
            }
        }
        let mut answer =
            "No language model is connected, so I understand only plain requests, and this is none that \
            I know."
                .to_owned();
        if !found.is_empty() {
            self.looked_into_memory(found.len()).await?;
            answer.push_str(" I remember something that may belong to it:");
            answer.push_str(&list(&found));
            answer.push('\n');
        }
        Ok(format!("{answer} You can say, for example:\n{}\n{CONNECT}", self.examples()))
    }

    fn about(&self) -> String {
        format!(
            "I am the built-in brain of MYCA Voice {}, an app for talking with Moshi or PersonaPlex, both sides at once, \
             and for typing. No language model is connected: I remember what you ask me to, on this computer, and \
             understand plain requests. Ask \"what can you do?\" to see them.",
            env!("CARGO_PKG_VERSION")
        )
    }

    /// What can be said here, a line each.
    fn examples(&self) -> String {
        let known = EXAMPLES.iter().filter(|(name, _)| self.brain.tools.named(name).is_some());
        known.map(|(_, example)| format!("- {example}")).collect::<Vec<_>>().join("\n")
    }

    pub(super) async fn looked_into_memory(&mut self, count: usize) -> Result<(), Gone> {
        let memory =
            Memory { used: MemoryUse::Read, kind: "memories".to_owned(), count: count as u64, said: None };
        self.teller.tell(What::Memory(memory)).await
    }
}

/// Memories, a line each.
fn list(memories: &[Known]) -> String {
    memories.iter().map(|memory| format!("\n- {}", cut(&memory.text, OFFERED.1))).collect()
}
