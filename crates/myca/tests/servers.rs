//! `myca host`, `myca echo` and `myca model` as the programs that they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[path = "../../engine/tests/client/mod.rs"]
mod client;
mod program;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use client::{Client, Heard, correlation, http, sweep};
use wire::{Frame, close};

const PROGRAM: &str = env!("CARGO_BIN_EXE_myca");

/// Longer than anything takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at something that has no way to wake us.
const POLL: Duration = Duration::from_millis(10);

/// A server that runs as a process, until it is dropped.
struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Kept open, so that it can print.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "read by a test for Linux alone"))]
    stdout: BufReader<ChildStdout>,
    port: u16,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).args(["--port", "0", "--json"]);
        Self::from(command)
    }

    /// Starts a command that prints the ready line.
    fn from(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str::<serde_json::Value>(&line) else {
            let mut sentence = String::new();
            child.stderr.take().unwrap().read_to_string(&mut sentence).unwrap();
            panic!("{line:?} {sentence}");
        };
        let port = u16::try_from(ready["port"].as_u64().unwrap()).unwrap();
        let url = format!("ws://127.0.0.1:{port}/api/chat");
        let expected =
            serde_json::json!({ "event": "ready", "address": "127.0.0.1", "port": port, "url": url });
        assert_eq!(ready, expected);
        Self { child, stdin, stdout, port }
    }

    /// Waits for the process to end by itself.
    #[track_caller]
    fn ended(&mut self) -> std::process::ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn finished(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn tiny() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let written = finished(&["model", "tiny", folder.path().to_str().unwrap()]);
    assert!(written.status.success(), "{written:?}");
    assert_eq!(String::from_utf8(written.stdout).unwrap().lines().count(), 5);
    folder
}

/// A caller who is let in, once the host is free.
async fn enter(port: u16) -> Client {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut client = Client::connect(port, "").await;
        if client.handshake().await.is_ok() {
            return client;
        }
        assert!(Instant::now() < deadline, "the host never gets free");
    }
}

#[tokio::test]
async fn an_echo_is_heard_and_tells_others_that_it_is_busy() {
    let host = Running::start(&["echo"]);
    let mut client = enter(host.port).await;
    let mut second = Client::connect(host.port, "").await;
    assert!(matches!(second.frame().await, Frame::Error(_)));
    assert_eq!(second.closed().await, Some(close::BUSY));
    let sent = sweep(24_000 * 2);
    client.say(&sent).await;
    let mut heard = Heard::default();
    while heard.pcm.len() < sent.len() {
        heard.frame(&client.frame().await, &mut None);
    }
    let alike = correlation(&sent, &heard.pcm, 120);
    assert!(alike > 0.9, "{alike}");
    client.reset();
    enter(host.port).await;
}

#[tokio::test]
async fn a_tiny_model_answers() {
    let folder = tiny();
    let host = Running::start(&["host", "--greedy", "--model", folder.path().to_str().unwrap()]);
    let (code, health) = http(host.port, "GET /health", "").await;
    assert_eq!((code, health.contains("\"server\":\"myca host\"")), (200, true), "{health}");
    let (code, _) = http(host.port, "GET /health", "Origin: https://evil.example\r\n").await;
    assert_eq!(code, 403);
    let mut client = enter(host.port).await;
    let (mut heard, mut timing) = (Heard::default(), None);
    for (frame, pcm) in sweep(30 * 1920).chunks_exact(1920).enumerate() {
        client.say(pcm).await;
        while heard.pcm.len() < frame * 1920 {
            heard.frame(&client.frame().await, &mut timing);
        }
    }
    assert!(heard.pcm.iter().any(|sample| sample.abs() > 0.05), "sound");
    let text = String::from_utf8(heard.text).unwrap();
    assert!(text.split_whitespace().count() > 5, "words: {text:?}");
}

#[tokio::test]
async fn a_model_is_named_by_its_id_and_stays_while_it_is_in_use() {
    let home = program::Home::new();
    let folder = home.tiny(false);
    home.prints(&["model", "import", folder.to_str().unwrap()]);
    let mut command = home.command(&["host", "--model", "local-tiny", "--port", "0", "--json"]);
    command.current_dir(home.path().join("data"));
    let host = Running::from(command);
    let (code, health) = http(host.port, "GET /health", "").await;
    assert_eq!((code, health.contains("\"model\":\"tiny\"")), (200, true), "{health}");
    home.refuses(&["model", "delete", "local-tiny", "--yes"], 1, "local-tiny is in use");
    drop(host);
    home.prints(&["model", "delete", "local-tiny", "--yes"]);
    let missing = "moshiko-candle-q8 is not on this computer. Get it with `myca model download";
    home.refuses(&["host", "--model", "moshiko-candle-q8"], 4, missing);
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_it_and_its_caller_is_told() {
    let mut host = Running::start(&["echo"]);
    let mut client = enter(host.port).await;
    let killed = Command::new("kill").args(["-TERM", &host.child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(client.closed().await, Some(close::GOING_AWAY));
    assert!(host.ended().success());
}

#[tokio::test]
async fn the_end_of_its_input_ends_it() {
    let folder = tiny();
    for command in [vec!["echo"], vec!["host", "--model", folder.path().to_str().unwrap()]] {
        let mut host = Running::start(&[command.as_slice(), &["--end-with-parent"]].concat());
        let mut client = enter(host.port).await;
        drop(host.stdin.take());
        assert_eq!(client.closed().await, Some(close::GOING_AWAY));
        assert!(host.ended().success(), "{command:?}");
    }
}

#[tokio::test]
async fn its_input_does_not_matter_unless_it_was_told_so() {
    let mut host = Running::start(&["echo"]);
    drop(host.stdin.take());
    drop(enter(host.port).await);
    assert!(host.child.try_wait().unwrap().is_none());
}

/// The shell that started it is killed while somebody else still holds its standard input open.
#[cfg(target_os = "linux")]
#[test]
fn it_ends_with_its_parent() {
    let mut shell = Command::new("sh");
    // Without the copy, the shell would give it an empty standard input.
    shell.args(["-c", "exec 3<&0; \"$0\" echo --port 0 --json --end-with-parent <&3 & wait", PROGRAM]);
    let mut host = Running::from(shell);
    host.child.kill().unwrap();
    // The pipe ends when the last process that could write into it is gone.
    let mut rest = String::new();
    let ended = std::thread::scope(|scope| {
        let reading = scope.spawn(|| host.stdout.read_to_string(&mut rest));
        let deadline = Instant::now() + PATIENCE;
        while !reading.is_finished() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        let ended = reading.is_finished();
        // Lets the test end where it fails.
        drop(host.stdin.take());
        reading.join().unwrap().unwrap();
        ended
    });
    assert!(ended, "it outlived its parent");
}

/// The kernel's signal comes for every thread that started a process; that is not the end of the parent.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_outlives_the_thread_that_started_it() {
    let started = std::thread::spawn(|| Running::start(&["echo", "--end-with-parent"]));
    let mut host = started.join().unwrap();
    let mut client = enter(host.port).await;
    client.say(&sweep(1920 * 5)).await;
    assert!(matches!(client.sound().await, Frame::Audio(_)));
    assert!(host.child.try_wait().unwrap().is_none());
}

#[test]
fn what_goes_wrong_is_said_in_a_sentence_and_by_the_exit_code() {
    let said = |arguments: &[&str], code: i32, words: &str| {
        let output = finished(arguments);
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {sentence}");
        assert!(sentence.contains(words), "{arguments:?}: {sentence}");
        assert!(output.stdout.is_empty(), "standard output is for what worked");
    };
    said(&["host", "--model", "/nowhere", "--port", "0"], 4, "/nowhere is missing. Download");
    let empty = tempfile::tempdir().unwrap();
    said(
        &["host", "--model", empty.path().to_str().unwrap(), "--port", "0"],
        4,
        "model.safetensors is missing",
    );
    said(&["host"], 2, "--model");
    let host = Running::start(&["echo"]);
    let port = host.port.to_string();
    said(&["echo", "--port", &port], 3, "Name another port");
    said(&["host", "--model", "/nowhere", "--port", &port], 3, "Name another port");
    let folder = tiny();
    said(&["model", "tiny", folder.path().to_str().unwrap()], 1, "is there already");
}

#[test]
fn an_address_that_is_open_to_the_network_is_warned_of() {
    let mut command = Command::new(PROGRAM);
    command.args(["echo", "--address", "0.0.0.0", "--port", "0"]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let mut warning = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut warning).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ready.starts_with("Ready. Talk with it at ws://127.0.0.1:"), "{ready}");
    assert!(warning.starts_with("Warning: everybody who can reach 0.0.0.0"), "{warning}");
}
