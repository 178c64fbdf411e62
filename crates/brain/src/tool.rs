//! What a brain may do beside talking.
//!
//! Whoever owns a thing hands in the tools that act on it. A brain knows their names and shapes, asks the person where a
//! tool wants that, and tells of each call.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use crate::{Memory, bounded};

/// How long a call may take, waiting for a person not counted.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A call under way. It is dropped where the turn is cancelled, or when it takes longer than [`LIMIT`].
pub type Calling = Pin<Box<dyn Future<Output = Result<ToolAnswer, String>> + Send>>;

/// Something that can be done.
pub trait Tool: Send + Sync {
    /// Its name: lower case, words joined by underscores.
    fn name(&self) -> &str;

    /// What it does, one sentence, for a language model and for people.
    fn description(&self) -> &str;

    /// The JSON schema of its arguments, an object.
    fn parameters(&self) -> Value;

    /// What the person is asked before it is called so; none where nothing needs to be asked.
    fn question(&self, arguments: &Value) -> Option<String> {
        let _ = arguments;
        None
    }

    /// Calls it. The arguments come from a language model and may be anything. An error is a sentence.
    fn call(&self, arguments: Value) -> Calling;
}

/// What came of a call that ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolAnswer {
    /// A sentence or more: a language model reads it, and without one the person does.
    pub text: String,
    /// What it did with memory.
    pub memory: Option<Memory>,
}

impl From<String> for ToolAnswer {
    fn from(text: String) -> Self {
        Self { text, memory: None }
    }
}

impl From<&str> for ToolAnswer {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// The tools of a brain. Where two have the same name, the one that came first counts.
#[derive(Clone, Default)]
pub(crate) struct Tools(Vec<Arc<dyn Tool>>);

impl Tools {
    pub(crate) fn new(tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        let mut kept: Vec<Arc<dyn Tool>> = Vec::new();
        for tool in tools {
            if kept.iter().any(|known| known.name() == tool.name()) {
                tracing::warn!(name = tool.name(), "a tool's name is taken already");
            } else {
                kept.push(tool);
            }
        }
        Self(kept)
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.0.iter().find(|tool| tool.name() == name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn Tool> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Tool::name)).finish()
    }
}

/// Calls a tool and waits for what comes of it, which is bounded. In a task of its own: a tool that panics is an error and
/// not the end of the turn.
pub(crate) async fn call(tool: &dyn Tool, arguments: Value, limit: Duration) -> Result<ToolAnswer, String> {
    let task = AbortOnDropHandle::new(tokio::spawn(tool.call(arguments)));
    let answer = match tokio::time::timeout(limit, task).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::error!(%error, name = tool.name(), "a tool broke down");
            Err("It broke down inside.".to_owned())
        }
        Err(_) => Err(format!("It did not end within {} s.", limit.as_secs())),
    };
    let cut = |text: String| bounded::cut(&text, bounded::TEXT);
    answer.map(|answer| ToolAnswer { text: cut(answer.text), ..answer }).map_err(cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A tool that does what its argument says.
    struct Does;

    impl Tool for Does {
        fn name(&self) -> &str {
            "does"
        }

        fn description(&self) -> &str {
            "Does it."
        }

        fn parameters(&self) -> Value {
            json!({ "type": "object" })
        }

        fn call(&self, arguments: Value) -> Calling {
            Box::pin(async move {
                match arguments["do"].as_str().unwrap() {
                    "answer" => Ok("x".repeat(2 * bounded::TEXT).into()),
                    "err" => Err("It will not.".to_owned()),
                    "wait" => std::future::pending().await,
                    other => unreachable!("{other}"),
                }
            })
        }
    }

    async fn does(what: &str) -> Result<ToolAnswer, String> {
        call(&Does, json!({ "do": what }), LIMIT).await
    }

    #[tokio::test]
    async fn whatever_a_tool_does_a_bounded_sentence_comes_of_it() {
        assert_eq!(does("answer").await.unwrap().text.len(), bounded::TEXT);
        assert_eq!(does("err").await, Err("It will not.".into()));
        assert_eq!(does("panic").await, Err("It broke down inside.".into()));
        let waits = call(&Does, json!({ "do": "wait" }), Duration::ZERO).await;
        assert_eq!(waits, Err("It did not end within 0 s.".into()));
    }

    #[test]
    fn a_name_is_taken_once() {
        let tools = Tools::new([Arc::new(Does) as Arc<dyn Tool>, Arc::new(Does)]);
        assert_eq!(format!("{tools:?}"), "[\"does\"]");
        assert!(tools.named("does").is_some() && tools.named("other").is_none());
    }
}
