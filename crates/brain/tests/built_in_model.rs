//! The built-in brain with a language model, against a server that does everything that such servers do.
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
    Brain, BuiltIn, Came, MemoryUse, Outcome, Role, Said, ToolState, Turn, What,
    bounded::REPLY,
    built_in::{ModelAddress, ModelOptions, Options},
};
use net::Token;
use serde_json::{Value, json};
use stand_in::{Piece, Reply, StandIn};
use store::Memories;
use tokio::net::TcpListener;
use told::{Person, Told, all_with, next};

const MODELS: &str = "/v1/models";
const CHAT: &str = "/v1/chat/completions";

/// A piece of a streamed answer.
fn delta(delta: &Value) -> Piece {
    let choice = json!({ "index": 0, "delta": delta, "finish_reason": null });
    Piece::data(&json!({ "id": "c", "object": "chat.completion.chunk", "choices": [choice] }))
}

fn words(text: &str) -> Piece {
    delta(&json!({ "role": "assistant", "content": text }))
}

fn calls(calls: &Value) -> Piece {
    delta(&json!({ "tool_calls": calls }))
}

fn ends(reason: &str) -> Piece {
    Piece::data(&json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] }))
}

/// The end as OpenAI's own server says it: a reason, a count of words, a sign.
fn end(reason: &str) -> [Piece; 3] {
    let usage = json!({ "choices": [], "usage": { "total_tokens": 9 } });
    [ends(reason), Piece::data(&usage), Piece::text("data: [DONE]\n\n")]
}

fn says(texts: &[&str]) -> Reply {
    Reply::events(texts.iter().map(|text| words(text)).chain(end("stop")).collect())
}

/// An answer that calls tools: names and arguments.
fn wants(tools: &[(&str, &str)]) -> Reply {
    let pieces = tools.iter().enumerate().map(|(index, (name, arguments))| {
        let function = json!({ "name": name, "arguments": arguments });
        calls(&json!([{ "index": index, "id": format!("id-{index}"), "type": "function", "function": function }]))
    });
    Reply::events(pieces.chain(end("tool_calls")).collect())
}

fn refuses(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "message": message, "type": "x", "code": null } }))
}

struct House {
    _folder: tempfile::TempDir,
    memories: Arc<Mutex<Memories>>,
    server: StandIn,
    brain: BuiltIn,
}

async fn house_with(options: impl FnOnce(ModelAddress) -> ModelOptions) -> House {
    let folder = tempfile::tempdir().unwrap();
    let memories = Memories::open(&folder.path().join("memories.sqlite3")).unwrap().0;
    let memories = Arc::new(Mutex::new(memories));
    let server = StandIn::start().await;
    let model = options(ModelAddress::parse(&server.address()).unwrap());
    let brain = BuiltIn::new(Options {
        memories: Some(Arc::clone(&memories)),
        model: Some(model),
        tools: Vec::new(),
    });
    House { _folder: folder, memories, server, brain }
}

/// With a model called "small".
async fn house() -> House {
    house_with(|address| ModelOptions { address: Some(address), name: Some("small".into()), key: None }).await
}

impl House {
    async fn ask(&self, text: &str, person: Person) -> Told {
        all_with(self.brain.begin(turn(text)), person).await
    }

    fn remembered(&self) -> Vec<String> {
        let (memories, _) = self.memories.lock().unwrap().find("", 0, 100).unwrap();
        memories.into_iter().map(|memory| memory.text).collect()
    }

    /// What the model was given in the last request.
    fn messages(&self) -> Vec<Value> {
        self.server.requests().last().unwrap().body["messages"].as_array().unwrap().clone()
    }
}

fn turn(text: &str) -> Turn {
    Turn::new("conversation-1", "ada", text, Came::Typed).unwrap()
}

#[tokio::test]
async fn words_are_told_as_they_come_and_thoughts_are_not() {
    let house = house().await;
    let mut pieces = vec![
        delta(&json!({ "role": "assistant", "content": "", "reasoning_content": "The person greets." })),
        delta(&json!({ "reasoning": "So do I." })),
        words("<thi"),
        words("nk>Hm.</think>\n\n"),
        words("Hel"),
        Piece::Hold,
        words("lo."),
    ];
    pieces.extend(end("stop"));
    house.server.reply(CHAT, Reply::events(pieces));
    let mut answer = house.brain.begin(turn("Tell me a story about Hi."));
    let mut told = Vec::new();
    while let Some(event) = next(&mut answer).await {
        if matches!(&event.what, What::Token { text } if text == "Hel") {
            house.server.release();
        }
        told.push(event.what);
    }
    let told = Told { told };
    let reply = told.answered();
    assert_eq!((&*reply.text, reply.provider.as_deref(), reply.whole), ("Hello.", Some("small"), true));
    assert_eq!((told.asks(), told.notice_codes().len()), (vec!["small"], 0));
    assert!(reply.first_token.unwrap() <= reply.latency);
    let request = &house.server.requests()[0];
    assert_eq!((&request.body["model"], &request.body["stream"]), (&json!("small"), &json!(true)));
    assert_eq!(request.header("authorization"), None);
    let offered: Vec<_> = request.body["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(offered, ["now", "remember", "recall", "forget"]);
    assert_eq!(house.server.asked(), [CHAT], "a model that is named is not looked for");
}

#[tokio::test]
async fn a_stream_may_be_cut_anywhere() {
    let house = house().await;
    let call = json!([{ "index": 0, "id": "a", "function": { "name": "now", "arguments": "{}" } }]);
    let data =
        |delta: Value| format!("data: {}\r\n\r\n", json!({ "choices": [{ "index": 0, "delta": delta }] }));
    let bytes = |text: String| text.into_bytes().chunks(1).map(|byte| Piece::Bytes(byte.to_vec())).collect();
    let first = data(json!({ "content": "Moment, naïve 🦀" }))
        + &data(json!({ "tool_calls": call }))
        + "data: [DONE]\n\n";
    house.server.reply(CHAT, Reply::events(bytes(first)));
    // The last event lacks its empty line.
    let second = data(json!({ "content": "Später." }))
        + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}";
    house.server.reply(CHAT, Reply::events(bytes(second)));
    let told = house.ask("Wie spät wird es?", Person::Rests).await;
    assert_eq!((&*told.answered().text, told.answered().whole), ("Moment, naïve 🦀\n\nSpäter.", true));
    assert_eq!(told.notice_codes(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_model_uses_tools_and_asks_before_it_changes_something() {
    let house = house().await;
    let id = json!([{ "index": 0, "id": "id-0", "type": "function", "function": { "name": "remember", "arguments": "" } }]);
    let mut pieces = vec![words("I will note it."), calls(&id)];
    for part in ["{\"te", "xt\": \"Miso", " is a cat\"}"] {
        pieces.push(calls(&json!([{ "index": 0, "function": { "arguments": part } }])));
    }
    pieces.extend(end("tool_calls"));
    house.server.reply(CHAT, Reply::events(pieces));
    house.server.reply(CHAT, says(&["Do", "ne."]));
    let told = house.ask("Miso is my cat, note it somewhere", Person::Allows).await;
    assert_eq!(told.answered().text, "I will note it.\n\nDone.");
    assert_eq!(told.questions(), ["Remember \"Miso is a cat\"?"]);
    assert_eq!(told.ended(), [("remember", ToolState::Success, "Remembered: \"Miso is a cat\".")]);
    assert_eq!(told.memory(), [(MemoryUse::Write, "memories", 1)]);
    assert_eq!(told.tools().next().unwrap().their_id.as_deref(), Some("id-0"));
    assert_eq!(house.remembered(), ["Miso is a cat"]);
    let messages = house.messages();
    let call = json!({
        "id": "id-0", "type": "function",
        "function": { "name": "remember", "arguments": "{\"text\": \"Miso is a cat\"}" },
    });
    let last = &messages[messages.len() - 2..];
    assert_eq!(last[0], json!({ "role": "assistant", "content": "I will note it.", "tool_calls": [call] }));
    assert_eq!(
        last[1],
        json!({ "role": "tool", "tool_call_id": "id-0", "content": "Remembered: \"Miso is a cat\"." })
    );
}

#[tokio::test]
async fn a_model_is_told_that_the_person_did_not_want_it() {
    let house = house().await;
    house.memories.lock().unwrap().remember("the cat is called Miso", None, 0).unwrap();
    house.server.reply(CHAT, wants(&[("forget", r#"{"text":"The cat is called Miso"}"#)]));
    house.server.reply(CHAT, says(&["As you like."]));
    let told = house.ask("What should vanish?", Person::Refuses).await;
    assert_eq!(told.answered().text, "As you like.");
    assert_eq!(told.ended(), [("forget", ToolState::Error, "The person did not allow it.")]);
    assert_eq!(house.remembered().len(), 1);
    assert_eq!(house.messages().last().unwrap()["content"], "The person did not allow it.");
}

#[tokio::test]
async fn calls_that_make_no_sense_go_back_to_the_model() {
    let house = house().await;
    house
        .server
        .reply(CHAT, wants(&[("fly", "{}"), ("recall", "{\"query\""), ("remember", "[]"), ("now", "")]));
    house.server.reply(CHAT, says(&["Well."]));
    let told = house.ask("Surprise me", Person::Rests).await;
    assert_eq!(told.answered().text, "Well.");
    let ended = told.ended();
    let expected = [
        ("fly", ToolState::Error, "There is no tool of this name."),
        ("recall", ToolState::Error, "The arguments are no JSON object."),
        ("remember", ToolState::Error, "The arguments are no JSON object."),
    ];
    assert_eq!(ended[..3], expected);
    assert!(ended[3].0 == "now" && ended[3].1 == ToolState::Success && ended[3].2.starts_with("It is "));
    let results = house.messages().iter().filter(|message| message["role"] == "tool").count();
    assert_eq!(results, 4, "each call has its result");
}

#[tokio::test]
async fn two_calls_at_once_without_ids_are_two() {
    let house = house().await;
    let call = |query: &str| json!({ "function": { "name": "recall", "arguments": { "query": query } } });
    let whole = json!({ "choices": [{ "message": { "role": "assistant", "content": null, "tool_calls": [call("cat"), call("dog")] }, "finish_reason": "tool_calls" }] });
    house.server.reply(CHAT, Reply::json(200, &whole));
    let answer = json!({ "choices": [{ "message": { "role": "assistant", "content": "No pets." }, "finish_reason": "stop" }] });
    house.server.reply(CHAT, Reply::json(200, &answer));
    let told = house.ask("Which pets?", Person::Rests).await;
    assert_eq!(told.answered().text, "No pets.", "an answer that comes at once is one");
    let ended: Vec<_> = told.ended().into_iter().map(|(_, _, result)| result).collect();
    assert_eq!(ended, ["Nothing is remembered about \"cat\".", "Nothing is remembered about \"dog\"."]);
    let ids: Vec<_> =
        house.messages().iter().filter_map(|m| Some(m["tool_call_id"].as_str()?.to_owned())).collect();
    assert_eq!(ids, ["call_0", "call_1"]);
}

#[tokio::test]
async fn a_model_that_calls_tools_without_end_has_to_answer() {
    let house = house().await;
    house.server.reply(CHAT, wants(&[("now", "{}")]));
    let told = house.ask("Loop", Person::Rests).await;
    assert_eq!(told.failed().code, "model.nothing", "it has said nothing");
    let requests = house.server.requests();
    assert_eq!(requests.len(), 7);
    assert!(requests[..6].iter().all(|request| request.body.get("tools").is_some()));
    assert_eq!(requests[6].body.get("tools"), None);
}

#[tokio::test]
async fn what_was_said_and_what_is_remembered_go_along() {
    let house = house().await;
    house.memories.lock().unwrap().remember("the train to Graz leaves at nine", None, 0).unwrap();
    house.server.reply(CHAT, says(&["At nine."]));
    let said = [
        Said { role: Role::Person, text: "Hello".into() },
        Said { role: Role::Moshi, text: "Hi there.".into() },
    ];
    let told =
        all_with(house.brain.begin(turn("When does the train leave?").after(said)), Person::Rests).await;
    assert_eq!((&*told.answered().text, told.memory()), ("At nine.", vec![(MemoryUse::Read, "memories", 1)]));
    let messages = house.messages();
    let roles: Vec<_> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
    assert!(messages[0]["content"].as_str().unwrap().contains("the train to Graz leaves at nine"));
    assert_eq!(messages[3]["content"], "When does the train leave?");
}

#[tokio::test]
async fn a_model_without_tools_talks_and_plain_requests_still_act() {
    for (status, words) in [
        (400, "registry.example/library/small does not support tools"),
        (500, "tools param requires --jinja flag"),
        (400, "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"),
    ] {
        let house = house().await;
        house.server.reply(CHAT, refuses(status, words));
        house.server.reply(CHAT, says(&["Blue."]));
        let told = house.ask("Which colour has the sky?", Person::Rests).await;
        assert_eq!(
            (&*told.answered().text, told.notice_codes()),
            ("Blue.", vec!["model.no_tools"]),
            "{words}"
        );
        let told = house.ask("And the sea?", Person::Rests).await;
        assert_eq!(told.notice_codes(), Vec::<&str>::new(), "it is said once");
        let offers: Vec<_> = house.server.requests().iter().map(|r| r.body.get("tools").is_some()).collect();
        assert_eq!(offers, [true, false, false]);
        let told = house.ask("remember that the sea is green", Person::Rests).await;
        assert_eq!(told.answered().provider.as_deref(), Some("built-in"));
        assert_eq!(house.remembered(), ["the sea is green"]);
    }
}

#[tokio::test]
async fn the_first_model_that_can_talk_is_taken_and_known_from_then_on() {
    let house =
        house_with(|address| ModelOptions { address: Some(address), ..ModelOptions::default() }).await;
    let models = json!({ "object": "list", "data": [{ "id": "nomic-embed-text:latest" }, { "id": "llama:8b" }, { "id": "x" }] });
    house.server.reply(MODELS, Reply::json(200, &models)).reply(CHAT, says(&["Hi."]));
    for _ in 0..2 {
        let told = house.ask("Sing", Person::Rests).await;
        assert_eq!(told.answered().provider.as_deref(), Some("llama:8b"));
    }
    assert_eq!(house.server.asked(), [MODELS, CHAT, CHAT]);
    // A model that is gone is looked for again.
    house.server.forget(CHAT);
    house.server.reply(CHAT, refuses(404, "model \"llama:8b\" not found, try pulling it first"));
    let told = house.ask("Sing", Person::Rests).await;
    assert_eq!(told.failed().code, "model.no_such_model");
    assert!(told.failed().what.contains("no model called llama:8b"));
    assert!(told.failed().said.as_ref().unwrap().contains("try pulling"));
    house.ask("Sing", Person::Rests).await;
    assert_eq!(house.server.asked()[4..], [MODELS, CHAT]);
}

#[tokio::test]
async fn a_server_that_was_set_up_and_cannot_be_asked_is_missed_and_the_grammar_answers() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = ModelAddress::parse(&free.local_addr().unwrap().to_string()).unwrap();
    drop(free);
    for name in [None, Some("small".to_owned())] {
        let model = ModelOptions { address: Some(address.clone()), name, key: None };
        let brain = BuiltIn::new(Options { model: Some(model), ..Options::default() });
        let told = all_with(brain.begin(turn("what time is it?")), Person::Rests).await;
        assert_eq!(told.notice_codes(), ["model.refused"]);
        assert!(told.answered().text.starts_with("It is "));
        assert_eq!(told.answered().provider.as_deref(), Some("built-in"));
    }
    // One that has no model, no list, or is something else.
    for (reply, code) in [
        (Reply::json(200, &json!({ "data": [] })), "model.none"),
        (Reply::missing(), "model.no_list"),
        (Reply::of(200, "text/html", vec![Piece::text("<html>")]), "model.not_model"),
        (Reply::json(200, &json!([1])), "model.not_model"),
        (refuses(401, "no key"), "model.unauthorised"),
    ] {
        let house =
            house_with(|address| ModelOptions { address: Some(address), ..ModelOptions::default() }).await;
        house.server.reply(MODELS, reply);
        let told = house.ask("hello", Person::Rests).await;
        assert_eq!((told.notice_codes(), told.outcome()), (vec![code], Outcome::Answered));
    }
}

#[tokio::test]
async fn each_failure_has_its_name() {
    let page = || vec![Piece::text("<html>Router")];
    for (reply, code) in [
        (refuses(401, "bad key"), "model.unauthorised"),
        (refuses(404, "model 'small' not found"), "model.no_such_model"),
        (Reply::missing(), "model.no_interface"),
        (refuses(429, "slow down").with("retry-after", "7"), "model.limited"),
        (refuses(400, "the context is full"), "model.rejected"),
        (refuses(503, "Loading"), "model.failed"),
        (Reply::of(502, "text/html", page()), "model.failed"),
        (Reply::of(200, "text/html", page()), "model.not_model"),
        (
            Reply::of(307, "text/plain", Vec::new()).with("location", "http://127.0.0.1:1/"),
            "model.redirected",
        ),
        (Reply::raw(b"hello?\r\n\r\n"), "model.not_model"),
        (Reply::raw(b""), "model.broken"),
        (Reply::events(end("stop").into()), "model.nothing"),
        (says(&["<think>and nothing else"]), "model.nothing"),
        (Reply::events(vec![Piece::HangUp]), "model.broken"),
        (Reply::json(200, &json!({ "choices": [] })), "model.nothing"),
        (Reply::of(200, "application/json", page()), "model.not_model"),
    ] {
        let house = house().await;
        house.server.reply(CHAT, reply);
        let told = house.ask("Sing", Person::Rests).await;
        let failure = told.failed();
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(failure.what.ends_with('.') && failure.next.ends_with('.') && !failure.what.contains("  "));
        assert_eq!(house.server.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_came_before_a_failure_stays() {
    let house = house().await;
    let boom = Piece::data(&json!({ "error": { "message": "out of memory" } }));
    house.server.reply(CHAT, Reply::events(vec![words("Half"), boom]));
    let told = house.ask("Sing", Person::Rests).await;
    assert_eq!(
        (told.failed().code, told.failed().said.as_deref()),
        ("model.failed_later", Some("out of memory"))
    );
    assert_eq!((&*told.reply().unwrap().text, told.reply().unwrap().whole), ("Half", false));
}

#[tokio::test]
async fn an_end_that_is_none_is_said() {
    for (last, code) in [(vec![], "model.no_end"), (end("length").into(), "model.long_reply")] {
        let house = house().await;
        house.server.reply(CHAT, Reply::events([vec![words("Half")], last].concat()));
        let told = house.ask("Sing", Person::Rests).await;
        assert_eq!((told.notice_codes(), told.answered().whole), (vec![code], false));
    }
    let house = house().await;
    let flood =
        format!("data: {}\n\n", json!({ "choices": [{ "delta": { "content": "la ".repeat(1_000) } }] }));
    house.server.reply(CHAT, Reply::events(vec![Piece::Forever(flood.into_bytes())]));
    let told = house.ask("Sing", Person::Rests).await;
    assert_eq!((told.notice_codes(), told.answered().whole), (vec!["model.long_reply"], false));
    assert!(told.answered().text.len() <= REPLY);
    house.server.connection_ended().await;
}

#[tokio::test]
async fn a_silent_model_can_be_left() {
    let house = house().await;
    house.server.reply(CHAT, Reply::events(vec![words("Well"), Piece::Hold]));
    let mut answer = house.brain.begin(turn("Sing"));
    let mut told = Vec::new();
    while let Some(event) = next(&mut answer).await {
        if matches!(event.what, What::Token { .. }) {
            answer.cancel();
        }
        told.push(event.what);
    }
    let told = Told { told };
    assert_eq!((told.outcome(), &*told.reply().unwrap().text), (Outcome::Cancelled, "Well"));
    house.server.connection_ended().await;
}

#[tokio::test]
async fn a_key_goes_in_a_header_and_is_never_told() {
    let key = Token::new("hush-hush").unwrap();
    let house = house_with(|address| ModelOptions {
        address: Some(address),
        name: Some("small".into()),
        key: Some(key),
    });
    let house = house.await;
    house.server.reply(CHAT, refuses(400, "the key hush-hush may not sing"));
    let told = house.ask("Sing", Person::Rests).await;
    assert_eq!(told.failed().said.as_deref(), Some("the key [token] may not sing"));
    let request = &house.server.requests()[0];
    assert_eq!(request.header("authorization"), Some("Bearer hush-hush"));
    assert!(!format!("{told:?} {:?}", house.brain).contains("hush"));
}
