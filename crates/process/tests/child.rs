//! A child, what it prints and how it ends.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{fs, process::Command, time::Duration};

use process::{Child, Exit, Guard, LogFile, Source, Spec};
use tokio::{
    io::AsyncWriteExt,
    sync::broadcast::error::{RecvError, TryRecvError},
};

fn sh(text: &str) -> Spec {
    Spec::new("sh").arguments(["-c", text])
}

fn guard() -> Guard {
    Guard::new(env!("CARGO_BIN_EXE_process-stand-in"), ["guard"])
}

#[tokio::test]
async fn a_child_says_how_it_ended_with_and_without_a_guard() {
    for (text, exit) in [
        ("exit 0", Exit::Code(0)),
        ("exit 3", Exit::Code(3)),
        ("kill -SEGV $$", Exit::Signal(11)),
        ("kill -KILL $$", Exit::Signal(9)),
    ] {
        let child = Child::start(sh(text)).await.unwrap();
        assert_eq!(child.wait().await, exit, "{text}");
        assert_eq!(child.ended(), Some(exit));
        let child = Child::start(sh(text).guarded_by(guard())).await.unwrap();
        assert_eq!(child.wait().await, exit, "{text}, guarded");
    }
}

#[tokio::test]
async fn a_program_that_is_none_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "no program").unwrap();
    for guarded in [false, true] {
        let code = async |spec: Spec| {
            let spec = if guarded { spec.guarded_by(guard()) } else { spec };
            Child::start(spec).await.err().map(|error| error.code())
        };
        assert_eq!(code(Spec::new("no-such-program")).await, Some("process.not_found"));
        assert_eq!(code(Spec::new(folder.path().join("none"))).await, Some("process.not_found"));
        assert_eq!(code(sh("").folder(folder.path().join("none"))).await, Some("process.no_folder"));
        assert_eq!(code(Spec::new("sh").set("PATH", folder.path())).await, Some("process.not_found"));
        assert_eq!(code(Spec::new(&text)).await, Some("process.not_runnable"));
    }
}

#[tokio::test]
async fn both_streams_are_read_and_followed() {
    let child = Child::start(sh("read go; echo one; echo two >&2; exit").piped()).await.unwrap();
    let (before, mut following) = child.follow();
    assert!(before.is_empty());
    child.input().unwrap().write_all(b"go\n").await.unwrap();
    assert!(child.input().is_none(), "it is there once");
    let mut lines = Vec::new();
    let end = loop {
        match following.recv().await {
            Ok(line) => lines.push((line.source, line.text)),
            Err(end) => break end,
        }
    };
    assert_eq!(end, RecvError::Closed);
    lines.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(lines, [(Source::Output, "one".to_owned()), (Source::Error, "two".to_owned())]);
    child.wait().await;
    let (before, mut following) = child.follow();
    assert_eq!((before.len(), following.try_recv()), (2, Err(TryRecvError::Closed)));
}

#[tokio::test]
async fn a_child_gets_its_environment_and_its_folder_and_its_secrets_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec::new("/bin/sh")
        .arguments(["-c", "echo $ADDED $TOKEN $PATH ${HOME-none}; pwd -P"])
        .set("ADDED", "more")
        .unset("HOME")
        .secret("TOKEN", "hush-1") // secret-scan:allow a made-up word
        .set("PATH", "/nowhere")
        .folder(folder.path());
    let child = Child::start(spec).await.unwrap();
    child.wait().await;
    let lines: Vec<String> = child.tail().into_iter().map(|line| line.text).collect();
    let real = fs::canonicalize(folder.path()).unwrap();
    assert_eq!(lines, ["more [secret] /nowhere none".to_owned(), real.display().to_string()]);
}

#[tokio::test]
async fn a_child_that_is_asked_may_say_goodbye() {
    let child = Child::start(sh("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"));
    let child = child.await.unwrap();
    wait_for_a_line(&child).await;
    assert_eq!(child.stop(Duration::from_secs(20)).await, Exit::Code(0));
    assert_eq!(child.tail().last().unwrap().text, "bye");
    assert_eq!(child.stop(Duration::ZERO).await, Exit::Code(0), "again");
}

#[tokio::test]
async fn a_child_that_waits_for_the_end_of_its_input_ends_when_it_is_stopped() {
    let spec = Spec::new("sh").arguments(["-c", "trap '' TERM; echo up; cat; exit 5"]).piped();
    for spec in [spec.clone(), spec.guarded_by(guard())] {
        let child = Child::start(spec).await.unwrap();
        wait_for_a_line(&child).await;
        assert_eq!(child.stop(Duration::from_secs(20)).await, Exit::Code(5));
    }
}

#[tokio::test]
async fn who_waits_may_be_dropped_and_a_later_stop_may_be_sooner() {
    let child = Child::start(sh("trap '' TERM; echo up; while :; do sleep 0.01; done")).await.unwrap();
    wait_for_a_line(&child).await;
    for _ in 0..3 {
        let given_up = tokio::time::timeout(Duration::from_millis(1), child.stop(Duration::from_secs(3600)));
        assert!(given_up.await.is_err());
    }
    assert_eq!(child.stop(Duration::ZERO).await, Exit::Signal(9));
}

#[tokio::test]
async fn a_flood_is_read_to_its_end_and_its_log_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let log = LogFile { path: folder.path().join("deep/child.log"), bytes: 100_000, files: 3 };
    let text = "i=0; while [ $i -lt 2000 ]; do echo line $i; echo more $i >&2; i=$((i+1)); done; \
                head -c 30000000 /dev/zero | tr '\\0' x; echo; echo last";
    let child = Child::start(sh(text).log(log.clone())).await.unwrap();
    assert_eq!(child.wait().await, Exit::Code(0));
    let tail = child.tail();
    assert_eq!(tail.len(), 200);
    assert_eq!(tail.iter().rev().find(|line| line.source == Source::Output).unwrap().text, "last");
    assert!(tail.iter().all(|line| line.text.len() <= 4096));
    assert!(log.found().iter().all(|path| fs::metadata(path).unwrap().len() <= 100_000));
    let newest = fs::read_to_string(&log.path).unwrap();
    assert!(newest.contains(" out last\n"), "{newest}");
    assert!(newest.ends_with(" --- it ended without an error\n"), "{newest}");
}

#[tokio::test]
async fn streams_that_somebody_else_holds_do_not_keep_a_child() {
    let folder = tempfile::tempdir().unwrap();
    // As a terminal multiplexer or a daemon does it, which no guard is there for.
    let text = "setsid sh -c 'echo $$ >$0/new; mv $0/new $0/holder; exec sleep 60' $0 & \
                until [ -e $0/holder ]; do sleep 0.01; done; echo up";
    let child = Child::start(sh(text).argument(folder.path())).await.unwrap();
    assert_eq!(child.wait().await, Exit::Code(0));
    assert_eq!(child.tail()[0].text, "up");
    let holder = fs::read_to_string(folder.path().join("holder")).unwrap();
    let ended = Command::new("kill").arg(holder.trim()).status().unwrap();
    assert!(ended.success(), "it holds them all the same");
}

async fn wait_for_a_line(child: &Child) {
    let (before, mut following) = child.follow();
    if before.is_empty() {
        following.recv().await.unwrap();
    }
}
