//! What the built-in brain may do with the app.
//!
//! Reading and what is undone with one click is done at once. What opens the microphone or changes what is kept asks the
//! person first.

use std::sync::Arc;

use brain::{Tool, ToolAnswer, bounded::cut, built_in::search_conversations, tool::Calling};
use conversation::Problem;
use serde_json::{Map, Value, json};
use store::Archive;

mod places;

use crate::{settings::SettingsPatch, view::Section, wish::WishSender};

/// As much of a value as a question shows, in bytes.
const SHOWN: usize = 400;

struct AppTool {
    name: &'static str,
    description: &'static str,
    parameters: Value,
    question: fn(&Value) -> Option<String>,
    call: Box<dyn Fn(Value) -> Calling + Send + Sync>,
}

impl Tool for AppTool {
    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> &str {
        self.description
    }

    fn parameters(&self) -> Value {
        self.parameters.clone()
    }

    fn question(&self, arguments: &Value) -> Option<String> {
        (self.question)(arguments)
    }

    fn call(&self, arguments: Value) -> Calling {
        (self.call)(arguments)
    }
}

/// All of them. `archive`: the history, where one is kept.
pub(crate) fn all(wishes: &WishSender, archive: Option<Archive>) -> Vec<Arc<dyn Tool>> {
    let tools = vec![
        tool(
            "start_call",
            "Starts a voice call with the Moshi host.",
            json!({}),
            wishes,
            |wishes, _| async move {
                wishes.talk().await?;
                Ok("The call begins.".into())
            },
        )
        .asking(|_| Some("Start a call? It opens the microphone.".into())),
        tool("end_call", "Ends the voice call.", json!({}), wishes, |wishes, _| async move {
            wishes.stop().await?;
            Ok("The call has ended.".into())
        }),
        tool(
            "mute",
            "Mutes or unmutes the microphone.",
            json!({ "muted": { "type": "boolean" } }),
            wishes,
            |wishes, arguments| async move {
                let muted = arguments["muted"].as_bool().unwrap_or(true);
                wishes.mute(muted).await?;
                Ok(if muted { "The microphone is muted." } else { "The microphone is open." }.into())
            },
        ),
        tool(
            "new_conversation",
            "Begins a new conversation once this answer has ended.",
            json!({}),
            wishes,
            |wishes, _| async move {
                wishes.new_conversation_next().await?;
                Ok("A new conversation begins.".into())
            },
        ),
        tool(
            "open_settings",
            "Shows the settings to the person.",
            json!({ "section": { "type": "string", "enum": Section::NAMES } }),
            wishes,
            |wishes, arguments| async move {
                let section = arguments["section"].as_str().map_or(Some(Section::Host), Section::named);
                wishes
                    .open(section.ok_or_else(|| format!("There are {}.", Section::NAMES.join(", ")))?)
                    .await?;
                Ok("The settings are open.".into())
            },
        ),
        tool(
            "change_setting",
            "Changes a setting of the app.",
            json!({
                "name": { "type": "string", "enum": ["theme", "persona", "voice", "handshakeLimitS",
                                                     "masAddress", "modelAddress", "model", "person"] },
                "value": { "type": "string", "description": "theme: system, light or dark" },
            }),
            wishes,
            |wishes, arguments| async move {
                let patch = patch(&arguments)?;
                wishes.change(patch).await?;
                Ok("It is changed.".into())
            },
        )
        .asking(|arguments| {
            let value =
                arguments["value"].as_str().map_or_else(|| arguments["value"].to_string(), str::to_owned);
            Some(format!("Set {} to \"{}\"?", arguments["name"].as_str()?, cut(&value, SHOWN)))
        }),
    ];
    let acting = tools.into_iter().chain(places::all(wishes)).map(|tool| Arc::new(tool) as Arc<dyn Tool>);
    acting.chain(archive.map(search_conversations)).collect()
}

impl AppTool {
    fn asking(self, question: fn(&Value) -> Option<String>) -> Self {
        Self { question, ..self }
    }
}

fn tool<F>(
    name: &'static str,
    description: &'static str,
    properties: Value,
    wishes: &WishSender,
    act: impl Fn(WishSender, Value) -> F + Clone + Send + Sync + 'static,
) -> AppTool
where
    F: Future<Output = Result<ToolAnswer, Refusal>> + Send + 'static,
{
    let wishes = wishes.clone();
    AppTool {
        name,
        description,
        parameters: json!({ "type": "object", "properties": properties }),
        question: |_| None,
        call: Box::new(move |arguments| {
            let acting = act(wishes.clone(), arguments);
            Box::pin(async move { acting.await.map_err(|Refusal(sentence)| sentence) })
        }),
    }
}

/// Why something was not done, as a sentence.
pub(crate) struct Refusal(String);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(format!("{} {}", problem.what, problem.next))
    }
}

impl From<crate::view::Problem> for Refusal {
    fn from(problem: crate::view::Problem) -> Self {
        Self(format!("{} {}", problem.what, problem.next))
    }
}

impl From<String> for Refusal {
    fn from(sentence: String) -> Self {
        Self(sentence)
    }
}

/// The change that is asked for. A model may write a number as a text.
fn patch(arguments: &Value) -> Result<SettingsPatch, Refusal> {
    let name = arguments["name"].as_str().unwrap_or_default();
    let mut value = arguments["value"].clone();
    if name == "handshakeLimitS"
        && let Some(seconds) = value.as_str().and_then(|text| text.trim().parse::<u32>().ok())
    {
        value = seconds.into();
    }
    let patch = Map::from_iter([(name.to_owned(), value)]);
    serde_json::from_value(patch.into())
        .map_err(|error| Refusal(format!("That is no such setting ({error}).")))
}
