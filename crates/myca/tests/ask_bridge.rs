//! `myca ask --brain bridge` as the program that it is, against a bridge on a real socket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[path = "../../brain/tests/bridge_stand_in/mod.rs"]
mod bridge_stand_in;

use std::process::{Command, Output, Stdio};

use bridge_stand_in::{Build, Moshi, StandIn};
use serde_json::Value;
use tokio::task::spawn_blocking;

async fn ask(server: &StandIn, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_myca"));
    command.args(["ask", "--brain", "bridge", "--address", &server.address()]).args(arguments);
    command.env_remove("MYCA_LOG").stdin(Stdio::null());
    spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_turn_goes_through_the_bridge_which_is_then_left_properly() {
    for build in [Build::B1, Build::B2, Build::B3] {
        let server = StandIn::start(build, Moshi::Up).await;
        server.says("Hello from MAS.");
        let output = ask(&server, &["Good morning", "--conversation", "mine", "--user", "ada"]).await;
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "Hello from MAS.\n"), "{build:?}");
        assert!(text(&output.stderr).contains("[Tool mas_brain_query has run.]"), "{}", text(&output.stderr));
        server.until(|server| server.closes() == [Some(1000)]).await;
        let session = &server.requests()[0].body;
        assert_eq!(
            (&session["conversation_id"], &session["user_id"]),
            (&Value::from("mine"), &Value::from("ada"))
        );
        assert_eq!((server.kept(), server.model_calls()), (vec!["Good morning".to_owned()], 1));
    }
}

#[tokio::test]
async fn a_bridge_without_moshi_is_said_to_have_none() {
    for build in [Build::B1, Build::B3] {
        let server = StandIn::start(build, Moshi::Down).await;
        let output = ask(&server, &["Hello"]).await;
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
        let said = text(&output.stderr);
        assert!(
            said.contains("has no Moshi") && said.contains("It said: ") && said.contains("8998"),
            "{said}"
        );
        assert_eq!(server.model_calls(), 0);
    }
}

#[tokio::test]
async fn where_the_build_allows_it_no_moshi_is_needed() {
    let server = StandIn::start(Build::B3, Moshi::Loading).await;
    server.says("Without Moshi.");
    let output = ask(&server, &["--json", "Hello"]).await;
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let events: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reply = events.iter().find(|event| event["event"] == "reply").unwrap();
    assert_eq!((&reply["text"], &reply["canned"]), (&Value::from("Without Moshi."), &Value::from("no")));
    assert!(events.iter().any(|event| event["code"] == "bridge.prepared_reply"));
}

#[tokio::test]
async fn an_address_with_a_secret_is_refused_and_not_repeated() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_myca"));
    command.args(["ask", "--brain", "bridge", "--address", "ws://127.0.0.1:1?token=hush", "Hi"]);
    let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stderr).contains("hush") && text(&output.stderr).contains("ws://127.0.0.1:8999"));
}
