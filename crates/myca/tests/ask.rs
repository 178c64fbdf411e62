//! `myca ask` as the program that it is, against a MAS on a real socket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[path = "../../brain/tests/stand_in/mod.rs"]
mod stand_in;

use std::{
    io::Read,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use stand_in::{CHAT, ORCHESTRATOR, Piece, Reply, Request, STREAM, StandIn};
use store::{Conversation, History, Paths, Source, Speaker, Turn};
use tokio::task::spawn_blocking;

const PROGRAM: &str = env!("CARGO_BIN_EXE_myca");

fn command(server: &StandIn, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["ask", "--address", &server.address()]).args(arguments);
    command.env_remove("MYCA_MAS_TOKEN").env_remove("MYCA_LOG").stdin(Stdio::null());
    command
}

async fn output(mut command: Command) -> Output {
    spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn ask(server: &StandIn, arguments: &[&str]) -> Output {
    output(command(server, arguments)).await
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The requests of turns. MAS is told of the conversation, and asked about a streamed turn, beside them.
fn requests(server: &StandIn) -> Vec<Request> {
    let turns = |request: &Request| [STREAM, CHAT, ORCHESTRATOR].contains(&request.path());
    server.requests().into_iter().filter(turns).collect()
}

/// Starts it, and reads as much of its output as these words are long.
async fn started(mut command: Command, words: &'static str) -> Child {
    spawn_blocking(move || {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut read = vec![0; words.len()];
        child.stdout.as_mut().unwrap().read_exact(&mut read).unwrap();
        assert_eq!(read, words.as_bytes());
        child
    })
    .await
    .unwrap()
}

async fn ended(child: Child) -> Output {
    spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn words_are_printed_as_they_come() {
    let server = StandIn::start().await;
    let rest =
        vec![Piece::token("Hel"), Piece::Hold, Piece::token("lo"), Piece::data(&json!({ "done": true }))];
    server.reply(STREAM, Reply::events(rest));
    let child = started(command(&server, &["Hi", "--conversation", "mine"]), "Hel").await;
    server.release();
    let output = ended(child).await;
    assert_eq!((output.status.code(), stdout(&output), stderr(&output)), (Some(0), "lo\n", ""));
    assert_eq!(requests(&server)[0].body["conversation_id"], "mine");
    assert_eq!(requests(&server)[0].body["message"], "Hi");
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn what_is_no_reply_goes_to_standard_error() {
    let server = StandIn::start().await;
    let answer = json!({
        "response_text": "Two\nlines \u{1b}[2J", "agent_name": "MYCA",
        "matched_agents": [{ "agent_id": "lab", "display_name": "Lab\u{1b}]0;x\u{7}" }],
        "tool_calls": [{ "tool": "search", "status": "success" }], "memory_stats": { "reads": 2 },
    });
    server.reply(ORCHESTRATOR, Reply::json(200, &answer));
    let output = ask(&server, &["Hi"]).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), "Two\nlines \u{fffd}[2J\n"));
    let notes = stderr(&output);
    for note in [
        "[Agent Lab\u{fffd}]0;x\u{fffd} ",
        "[Tool search has run.]",
        "[Memory read: session (2).]",
        "prepared",
    ] {
        assert!(notes.contains(note), "{note}: {notes}");
    }
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn json_has_every_event_in_a_line() {
    let server = StandIn::start().await;
    let answer = json!({ "response": "Hello.", "provider": "gemini", "actions_taken": [{ "type": "turn_persisted" }] });
    server.reply(CHAT, Reply::json(200, &answer));
    let output = ask(&server, &["--json", "--brain", "mas", "--user", "ada", "Hi"]).await;
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    let events: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thinking", "thinking", "memory", "token", "reply", "done"]);
    assert!(events.iter().all(|event| event["turn"] == events[0]["turn"] && event["at_ms"].is_u64()));
    assert_eq!((&events[4]["text"], &events[4]["provider"]), (&json!("Hello."), &json!("gemini")));
    assert!(events[4]["latency_ms"].is_f64());
    assert_eq!(events[5]["outcome"], "answered");
    assert_eq!(requests(&server)[1].body["user_id"], "ada");
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn a_failure_is_said_and_counts() {
    let server = StandIn::start().await;
    let output = ask(&server, &["Hi"]).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    assert!(stderr(&output).contains("none of the interfaces"), "{}", stderr(&output));
    server.reply(
        STREAM,
        Reply::events(vec![Piece::token("Half"), Piece::data(&json!({ "error": "boom\u{1b}[2J" }))]),
    );
    let output = ask(&server, &["Hi"]).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), "Half\n"));
    assert!(stderr(&output).contains("It said: boom\u{fffd}[2J"), "{}", stderr(&output));
    let output = ask(&server, &["--json", "Hi"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("\"code\":\"mas.failed_later\""), "{}", stdout(&output));
    assert_eq!(server.model_calls(), 2);
}

#[tokio::test]
async fn the_token_comes_from_the_environment_and_is_never_printed() {
    let server = StandIn::start().await;
    server.reply(STREAM, Reply::json(403, &json!({ "detail": "no" })));
    let mut asking = command(&server, &["--json", "Hi"]);
    asking.env("MYCA_MAS_TOKEN", "hush-hush").env("MYCA_LOG", "trace");
    let output = output(asking).await;
    assert_eq!(requests(&server)[0].header("x-myca-service-token"), Some("hush-hush"));
    assert!(!stdout(&output).contains("hush") && !stderr(&output).contains("hush"));
    assert!(stdout(&output).contains("mas.unauthorised"));
    let mut asking = command(&server, &["Hi"]);
    asking.env("MYCA_MAS_TOKEN", "two words");
    let output = self::output(asking).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("MYCA_MAS_TOKEN") && !stderr(&output).contains("two words"));
    assert_eq!(requests(&server).len(), 1);
    assert_eq!(server.model_calls(), 0);
}

#[tokio::test]
async fn what_cannot_be_sent_is_not_sent() {
    let server = StandIn::start().await;
    for (arguments, code) in
        [(&["  "][..], 1), (&["--user", "", "Hi"], 1), (&["--brain", "nobody", "Hi"], 2), (&[], 2)]
    {
        assert_eq!(ask(&server, arguments).await.status.code(), Some(code), "{arguments:?}");
    }
    let mut secret = Command::new(PROGRAM);
    secret.args(["ask", "--address", "http://me:hush@127.0.0.1:1", "Hi"]);
    let output = output(secret).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(!stderr(&output).contains("hush"));
    assert_eq!(server.requests().len(), 0);
}

/// The built-in brain, with a folder for what it remembers.
fn built_in(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    // An Ollama that may run here is none of this test's business: nothing listens on port 9.
    command.args(["ask", "--model-address", "127.0.0.1:9"]).args(arguments);
    command.env("MYCA_HOME", home).env_remove("MYCA_MODEL_KEY").env_remove("MYCA_LOG").stdin(Stdio::null());
    command
}

#[tokio::test]
async fn without_an_address_the_built_in_brain_answers_and_remembers() {
    let home = tempfile::tempdir().unwrap();
    let asked = output(built_in(home.path(), &["remember that the cat is called Miso"])).await;
    assert_eq!((asked.status.code(), stdout(&asked)), (Some(0), "Remembered: \"the cat is called Miso\".\n"));
    let notes = stderr(&asked);
    assert!(
        notes.contains("[Tool remember has run.]") && notes.contains("[Memory written: memories (1).]"),
        "{notes}"
    );
    assert!(notes.contains("without a language model"), "{notes}");
    let asked = output(built_in(home.path(), &["--brain", "built-in", "what do you remember?"])).await;
    assert_eq!(stdout(&asked), "This is remembered:\n- the cat is called Miso\n");
}

#[tokio::test]
async fn the_built_in_brain_finds_what_was_said_before() {
    let home = tempfile::tempdir().unwrap();
    let asked = output(built_in(home.path(), &["find bread in our conversations"])).await;
    assert_eq!((asked.status.code(), stdout(&asked)), (Some(0), "Nothing was found.\n"));
    let (mut history, _) = History::open(&Paths::below(home.path()).history()).unwrap();
    let turn = Turn {
        number: 0,
        speaker: Speaker::Moshi,
        source: Source::Spoken,
        text: "The bread is in the oven.".into(),
        at_ms: 1,
        open: false,
        delivery: None,
        note: None,
    };
    history.put(&Conversation { id: "kitchen".into(), started_ms: 1 }, &[turn]).unwrap();
    drop(history);
    let asked = output(built_in(home.path(), &["find bread in our conversations"])).await;
    assert!(stdout(&asked).ends_with(", Moshi: The bread is in the oven.\n"), "{}", stdout(&asked));
    assert!(stderr(&asked).contains("[Memory read: conversations (1).]"), "{}", stderr(&asked));
}

#[tokio::test]
async fn a_tool_that_asks_is_refused_unless_it_was_allowed() {
    let home = tempfile::tempdir().unwrap();
    output(built_in(home.path(), &["remember that the cat is called Miso"])).await;
    let asked = output(built_in(home.path(), &["forget the cat"])).await;
    assert_eq!((asked.status.code(), stdout(&asked)), (Some(0), "I left it as it was.\n"));
    let notes = stderr(&asked);
    assert!(notes.contains("[Forget \"the cat is called Miso\"? Nobody can be asked here"), "{notes}");
    let asked = output(built_in(home.path(), &["--yes", "forget the cat"])).await;
    assert_eq!(stdout(&asked), "Forgotten: \"the cat is called Miso\".\n");
}

#[tokio::test]
async fn a_language_model_is_asked_with_its_key() {
    let (home, server) = (tempfile::tempdir().unwrap(), StandIn::start().await);
    let data = json!({ "choices": [{ "delta": { "content": "Blue." }, "finish_reason": "stop" }] });
    server.reply("/v1/chat/completions", Reply::events(vec![Piece::data(&data)]));
    let mut asking = Command::new(PROGRAM);
    let address = server.address();
    asking.args([
        "ask",
        "--model-address",
        &address,
        "--model",
        "small",
        "--json",
        "Which colour has the sky?",
    ]);
    asking.env("MYCA_HOME", home.path()).env("MYCA_MODEL_KEY", "hush-hush").env("MYCA_LOG", "trace");
    let asked = output(asking).await;
    assert_eq!(asked.status.code(), Some(0), "{}", stderr(&asked));
    assert!(stdout(&asked).contains("\"text\":\"Blue.\""));
    assert!(!stdout(&asked).contains("hush") && !stderr(&asked).contains("hush"));
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer hush-hush"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_interrupt_lets_go_of_mas() {
    let server = StandIn::start().await;
    server.reply(STREAM, Reply::events(vec![Piece::token("Once"), Piece::Hold]));
    let child = started(command(&server, &["Hi"]), "Once").await;
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let output = ended(child).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(130), "\n"));
    assert!(stderr(&output).contains("may not be complete"));
    server.connection_to_ended(STREAM).await;
    assert_eq!(server.model_calls(), 1);
}

#[tokio::test]
async fn mas_is_told_when_a_conversation_begins_and_ends_if_it_listens() {
    let server = StandIn::start().await;
    server.reply(STREAM, Reply::tokens(&["Hello."]));
    assert_eq!(ask(&server, &["Hi"]).await.status.code(), Some(0));
    let told = |server: &StandIn| {
        let sessions = |request: &Request| request.path().starts_with("/api/voice/session");
        server.requests().into_iter().filter(sessions).collect::<Vec<_>>()
    };
    assert_eq!(told(&server).len(), 1, "nobody says goodbye to who did not listen");
    server.reply("/api/voice/session/create", Reply::json(200, &json!({ "is_active": true })));
    let output = ask(&server, &["Hi", "--conversation", "mine"]).await;
    assert_eq!((output.status.code(), stdout(&output), stderr(&output)), (Some(0), "Hello.\n", ""));
    let told = told(&server);
    let session = told[1].body["session_id"].as_str().unwrap();
    assert_eq!((told.len(), &told[1].body["conversation_id"]), (3, &json!("mine")));
    assert_eq!(
        told[2].path(),
        format!("/api/voice/session/{session}/end"),
        "that it has no such path is normal"
    );
    let turn = requests(&server).into_iter().last().unwrap();
    assert_eq!(turn.body["session_id"], session);
}
