//! The built-in brain without a language model: real memories, and tools that were handed in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod stand_in;
mod told;

use std::sync::{Arc, Mutex};

use brain::{
    Brain, BuiltIn, Came, Canned, MemoryUse, Outcome, Tool, ToolState, Turn, What,
    built_in::{Options, search_conversations},
    tool::Calling,
};
use serde_json::{Value, json};
use store::{Archive, Conversation, History, Memories, Source, Speaker};
use told::{Person, Told, all_with, next};

/// A window that notes what it is asked to do.
#[derive(Debug, Clone)]
struct Act {
    name: &'static str,
    question: Option<&'static str>,
    acts: Arc<Mutex<Vec<(&'static str, Value)>>>,
}

impl Tool for Act {
    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> &str {
        "Does something in the window."
    }

    fn parameters(&self) -> Value {
        json!({ "type": "object" })
    }

    fn question(&self, _: &Value) -> Option<String> {
        self.question.map(str::to_owned)
    }

    fn call(&self, arguments: Value) -> Calling {
        let (name, acts) = (self.name, Arc::clone(&self.acts));
        Box::pin(async move {
            if arguments["query"] == "never" {
                std::future::pending::<()>().await;
            }
            if arguments["query"] == "broken" {
                return Err("The history cannot be read.".to_owned());
            }
            acts.lock().unwrap().push((name, arguments));
            Ok("The window did it.".into())
        })
    }
}

struct House {
    _folder: tempfile::TempDir,
    memories: Arc<Mutex<Memories>>,
    acts: Arc<Mutex<Vec<(&'static str, Value)>>>,
    brain: BuiltIn,
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(&folder.path().join("memories.sqlite3")).unwrap().0;
    let (memories, acts) = (Arc::new(Mutex::new(memories)), Arc::<Mutex<Vec<_>>>::default());
    let act = |name, question| Arc::new(Act { name, question, acts: Arc::clone(&acts) }) as Arc<dyn Tool>;
    let tools = vec![
        act("search_conversations", None),
        act("open_settings", None),
        act("change_setting", Some("Change the theme?")),
        act("start_call", None),
        act("end_call", None),
        act("mute", None),
        act("new_conversation", None),
    ];
    let brain = BuiltIn::new(Options { memories: Some(Arc::clone(&memories)), tools, model: None });
    House { _folder: folder, memories, acts, brain }
}

impl House {
    async fn ask(&self, text: &str, person: Person) -> Told {
        all_with(self.brain.begin(turn(text, Came::Typed)), person).await
    }

    async fn says(&self, text: &str) -> String {
        self.ask(text, Person::Rests).await.answered().text.clone()
    }

    fn remembered(&self) -> Vec<String> {
        let (memories, _) = self.memories.lock().unwrap().find("", 0, 100).unwrap();
        memories.into_iter().map(|memory| memory.text).collect()
    }
}

fn turn(text: &str, came: Came) -> Turn {
    Turn::new("conversation-1", "ada", text, came).unwrap()
}

#[tokio::test]
async fn what_it_is_told_to_remember_it_recalls() {
    let house = house();
    let told = house.ask("Please remember that my cat's name is Miso.", Person::Rests).await;
    assert_eq!(told.answered().text, "Remembered: \"my cat's name is Miso\".");
    assert_eq!((told.asks(), told.memory()), (vec!["built-in"], vec![(MemoryUse::Write, "memories", 1)]));
    let calls = told.tools().map(|call| (&*call.name, call.state, call.arguments.as_deref().unwrap()));
    let arguments = r#"{"text":"my cat's name is Miso"}"#;
    let expected = [ToolState::Pending, ToolState::Running, ToolState::Success];
    assert_eq!(calls.collect::<Vec<_>>(), expected.map(|state| ("remember", state, arguments)));
    let reply = told.answered();
    assert_eq!((reply.provider.as_deref(), reply.canned, reply.whole), (Some("built-in"), Canned::No, true));
    assert!(reply.first_token.unwrap() <= reply.latency);

    assert!(house.says("remember that my cat's name is MISO").await.contains("already"));
    assert_eq!(house.remembered(), ["my cat's name is Miso"]);
    let told = house.ask("What's my cat's name?", Person::Rests).await;
    assert_eq!(told.answered().text, "This is remembered:\n- my cat's name is Miso");
    assert_eq!(told.memory(), [(MemoryUse::Read, "memories", 1)]);
    assert_eq!(
        house.says("What do you remember about my dog?").await,
        "Nothing is remembered about \"dog\"."
    );
}

#[tokio::test]
async fn it_asks_before_it_forgets() {
    let house = house();
    house.says("remember that the cat is called Miso").await;
    let told = house.ask("forget the cat", Person::Refuses).await;
    assert_eq!(told.questions(), ["Forget \"the cat is called Miso\"?"]);
    assert_eq!(told.answered().text, "I left it as it was.");
    assert_eq!(told.ended(), [("forget", ToolState::Error, "The person did not allow it.")]);
    assert_eq!(house.remembered().len(), 1);
    let told = house.ask("forget the cat", Person::Allows).await;
    assert_eq!(told.answered().text, "Forgotten: \"the cat is called Miso\".");
    assert_eq!(told.memory(), [(MemoryUse::Read, "memories", 1), (MemoryUse::Write, "memories", 1)]);
    assert_eq!(house.remembered(), Vec::<String>::new());
    assert_eq!(house.says("forget the cat").await, "I remember nothing about \"the cat\".");
}

#[tokio::test]
async fn it_does_not_guess_which_of_several_is_to_be_forgotten() {
    let house = house();
    house.says("remember that the cat is called Miso").await;
    house.says("remember that the cat eats fish").await;
    let says = house.says("forget the cat").await;
    assert!(says.contains("\n- the cat is called Miso") && says.contains("\n- the cat eats fish"), "{says}");
    house.ask("forget the cat eats fish", Person::Allows).await;
    assert_eq!(house.remembered(), ["the cat is called Miso"]);
}

#[tokio::test]
async fn it_acts_with_the_tools_that_it_was_handed() {
    let house = house();
    for request in [
        "find bread in our conversations",
        "open the audio settings",
        "open settings",
        "call",
        "hang up",
        "mute",
        "unmute",
        "new conversation",
    ] {
        assert_eq!(house.says(request).await, "The window did it.", "{request}");
    }
    let told = house.ask("switch to dark mode", Person::Allows).await;
    assert_eq!(told.questions(), ["Change the theme?"]);
    let acts = house.acts.lock().unwrap().clone();
    let expected = [
        ("search_conversations", json!({ "query": "bread" })),
        ("open_settings", json!({ "section": "audio" })),
        ("open_settings", json!({})),
        ("start_call", json!({})),
        ("end_call", json!({})),
        ("mute", json!({ "muted": true })),
        ("mute", json!({ "muted": false })),
        ("new_conversation", json!({})),
        ("change_setting", json!({ "name": "theme", "value": "dark" })),
    ];
    assert_eq!(acts, expected);
    let told = house.ask("search for broken", Person::Rests).await;
    assert_eq!(told.answered().text, "That did not work. The history cannot be read.");
    assert_eq!(told.ended(), [("search_conversations", ToolState::Error, "The history cannot be read.")]);
}

#[tokio::test]
async fn past_conversations_are_searched_where_they_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite3");
    let tools = vec![search_conversations(Archive::at(&path))];
    let brain = BuiltIn::new(Options { tools, ..Options::default() });
    let ask = || async {
        all_with(brain.begin(turn("find bread in our conversations", Came::Typed)), Person::Rests).await
    };
    assert_eq!(ask().await.answered().text, "Nothing was found.");
    let (mut history, _) = History::open(&path).unwrap();
    let said = store::Turn {
        number: 0,
        speaker: Speaker::Moshi,
        source: Source::Spoken,
        text: format!("The bread is in the oven. {}", "x".repeat(1_000)),
        at_ms: 1,
        open: false,
        delivery: None,
        note: None,
    };
    history.put(&Conversation { id: "kitchen".into(), started_ms: 1 }, &[said]).unwrap();
    let told = ask().await;
    let text = &told.answered().text;
    assert!(text.contains(", Moshi: The bread is in the oven. x") && text.len() < 600, "{text}");
    assert_eq!(told.memory(), [(MemoryUse::Read, "conversations", 1)]);
}

#[tokio::test]
async fn what_it_cannot_do_it_says() {
    let bare = BuiltIn::new(Options::default());
    let says = async |text| {
        all_with(bare.begin(turn(text, Came::Typed)), Person::Rests).await.answered().text.clone()
    };
    assert!(says("switch to dark mode").await.contains("needs the app's window"));
    assert!(says("remember that it rains").await.contains("cannot"));
    assert!(says("forget the rain").await.contains("cannot"));
    let help = says("what can you do?").await;
    assert!(help.contains("what time is it?") && !help.contains("dark mode"), "only what works: {help}");
    assert!(says("what time is it?").await.starts_with("It is "));
}

#[tokio::test]
async fn of_anything_else_it_says_that_there_is_no_model_and_offers_what_it_remembers() {
    let house = house();
    house.says("remember that the train to Graz leaves at nine").await;
    let told = house.ask("Why is the train always late?", Person::Rests).await;
    let says = &told.answered().text;
    assert!(says.starts_with("No language model is connected"), "{says}");
    assert!(
        says.contains("\n- the train to Graz leaves at nine\n") && says.contains("Settings > Brain"),
        "{says}"
    );
    assert_eq!(told.memory(), [(MemoryUse::Read, "memories", 1)]);
    let told = house.ask("Why is the sky blue?", Person::Rests).await;
    assert!(!told.answered().text.contains("Graz"));
    assert_eq!(told.memory(), []);
}

#[tokio::test]
async fn what_moshi_says_is_not_answered() {
    let told =
        all_with(house().brain.begin(turn("remember that I am Moshi", Came::Spoken)), Person::Rests).await;
    assert_eq!(told.told, [What::Done { outcome: Outcome::Remembered, left_out: 0 }]);
}

#[tokio::test]
async fn a_turn_that_waits_for_a_person_or_a_tool_can_be_cancelled() {
    let house = house();
    for (text, waits) in
        [("switch to dark mode", ToolState::Pending), ("search for never", ToolState::Running)]
    {
        let mut answer = house.brain.begin(turn(text, Came::Typed));
        let mut told = Vec::new();
        loop {
            let event = next(&mut answer).await.unwrap();
            let there = matches!(&event.what, What::Tool(call) if call.state == waits && (call.question.is_some() || waits == ToolState::Running));
            told.push(event.what);
            if there {
                break;
            }
        }
        answer.reins().cancel();
        while let Some(event) = next(&mut answer).await {
            told.push(event.what);
        }
        let told = Told { told };
        assert_eq!(told.outcome(), Outcome::Cancelled);
        assert_eq!(told.ended()[0].1, ToolState::Error, "no call stays open: {told:?}");
    }
    assert_eq!(house.acts.lock().unwrap().len(), 0);
}
