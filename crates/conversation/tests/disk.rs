//! A disk that is really full, or that really refuses.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test may stop at the first surprise, and may say what it could not try"
)]

mod servers;
mod world;

use std::{
    env, fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use conversation::{Command as Wish, Phase};
use servers::{Server, Style};
use store::{History, Settings, SettingsFile};
use world::{World, world};

/// Where the disk is that a test shall fill.
const SMALL: &str = "MYCA_TEST_SMALL_DISK";
/// Where the folder is in which a test shall be refused room.
const LIMITED: &str = "MYCA_TEST_LIMITED_FOLDER";

/// A disk that takes nothing more, until it is given room.
enum Disk {
    /// A file system of two megabytes, full to the last byte.
    Full(PathBuf),
    /// A folder like any other, in a process that may not make files longer than they are.
    Limited(PathBuf),
}

impl Disk {
    fn folder(&self) -> &Path {
        match self {
            Self::Full(folder) | Self::Limited(folder) => folder,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Full(_) => "store.disk_full",
            Self::Limited(_) => "store.failed",
        }
    }

    fn fill(&self) {
        match self {
            Self::Full(folder) => {
                let mut filler = fs::File::create(folder.join("filler")).unwrap();
                for size in [64 << 10, 4_096, 1] {
                    let error = loop {
                        match filler.write_all(&vec![1; size]) {
                            Ok(()) => {}
                            Err(error) => break error,
                        }
                    };
                    assert_eq!(error.kind(), ErrorKind::StorageFull);
                }
            }
            Self::Limited(_) => limit_files("1"),
        }
    }

    fn give_room(&self) {
        match self {
            Self::Full(folder) => fs::remove_file(folder.join("filler")).unwrap(),
            Self::Limited(_) => limit_files("unlimited"),
        }
    }
}

/// Sets how long files of this process may become, in bytes.
fn limit_files(bytes: &str) {
    let process = std::process::id().to_string();
    let limit = format!("--fsize={bytes}:");
    assert!(Command::new("prlimit").args(["--pid", &process, &limit]).status().unwrap().success());
}

/// Runs this test again where it has a disk of its own, or where it has none at least in a process that can be refused
/// room. Returns `None` where that has been done.
fn disk(test: &str) -> Option<Disk> {
    if let Some(folder) = env::var_os(SMALL) {
        return Some(Disk::Full(folder.into()));
    }
    if let Some(folder) = env::var_os(LIMITED) {
        return Some(Disk::Limited(folder.into()));
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = r#"mount -t tmpfs -o size=2m none "$0" && exec "$@""#;
    // A write that is refused is an error and no signal.
    let no_signal = r#"trap "" XFSZ; exec "$@""#;
    let ways: [(&[&str], &str); 3] = [
        (&["unshare", "--mount", "sh", "-c", mount], SMALL),
        (&["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount], SMALL),
        (&["sh", "-c", no_signal], LIMITED),
    ];
    let command = |way: &[&str]| {
        let mut command = Command::new(way[0]);
        command.args(&way[1..]).arg(folder.path()).stdin(Stdio::null());
        command
    };
    let possible = |way: &[&str]| command(way).arg("true").output().is_ok_and(|o| o.status.success());
    let (way, variable) = ways.into_iter().find(|(way, _)| possible(way)).expect("one way works");
    if variable == LIMITED {
        eprintln!(
            "This system lets nobody mount a small disk; room is refused by a limit on the size of files."
        );
    }
    let again = command(way)
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(variable, folder.path())
        .output()
        .unwrap();
    let said = [again.stdout, again.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
    None
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// Waits until everything is on disk.
async fn saved(w: &mut World, turns: usize) {
    while w.saving.is_some() || w.turns.len() < turns || w.turns.values().any(|(_, saved)| !saved) {
        w.next().await;
    }
}

/// All that is on disk.
fn kept(history: &Path) -> String {
    let (history, aside) = History::open(history).unwrap();
    assert_eq!(aside, None, "the history is whole");
    let conversation = history.latest().unwrap().unwrap();
    let turns = history.turns(&conversation.id, 99).unwrap();
    turns.into_iter().map(|turn| turn.text).collect::<Vec<_>>().join("|")
}

#[test]
fn a_disk_that_fills_up_is_said_and_everything_is_written_when_there_is_room() {
    let Some(disk) = disk("a_disk_that_fills_up_is_said_and_everything_is_written_when_there_is_room") else {
        return;
    };
    run(async {
        let history = disk.folder().join("history.sqlite3");
        let server = Server::start(Style::Python).await;
        let mut w = world(Some(history.clone()));
        w.say("before").await;
        w.text("before").await;
        assert_eq!((w.saving, w.turns[&0].1), (None, true));

        disk.fill();
        w.talk(&server.address(), 30).await;
        w.say("while it is full").await;
        w.text("while it is full").await;
        w.text("hello there").await;
        assert_eq!(w.saving, Some(disk.code()));
        assert!(w.turns.values().skip(1).all(|(_, saved)| !saved), "shown as not saved: {:?}", w.turns);
        assert_eq!(w.call.as_ref().unwrap().phase, Phase::Live, "the call goes on");

        disk.give_room();
        w.handle.send(Wish::Stop).await;
        saved(&mut w, 3).await;
        w.end().await;
        let kept = kept(&history);
        for text in ["before", "while it is full", "hello", "there"] {
            assert!(kept.contains(text), "{text} is in {kept}");
        }
    });
}

#[test]
fn a_disk_that_is_full_from_the_start_is_said_and_used_when_there_is_room() {
    let Some(disk) = disk("a_disk_that_is_full_from_the_start_is_said_and_used_when_there_is_room") else {
        return;
    };
    run(async {
        for (name, is_there) in [("fresh.sqlite3", false), ("old.sqlite3", true)] {
            let history = disk.folder().join(name);
            if is_there {
                drop(History::open(&history).unwrap());
            }
            disk.fill();
            let mut w = world(Some(history.clone()));
            w.say("first").await;
            w.text("first").await;
            assert_eq!((w.saving, w.turns[&0].1), (Some(disk.code()), false), "{name}");
            disk.give_room();
            w.say("second").await;
            saved(&mut w, 2).await;
            w.end().await;
            assert_eq!(kept(&history), "first|second");
        }
    });
}

#[test]
fn settings_that_find_no_room_leave_the_old_ones_whole() {
    let Some(disk) = disk("settings_that_find_no_room_leave_the_old_ones_whole") else { return };
    let path = disk.folder().join("settings.json");
    let (mut file, _) = SettingsFile::open(&path);
    let old = Settings { persona: "old".into(), ..Settings::default() };
    file.set(old.clone()).unwrap();
    disk.fill();
    let new = Settings { persona: "new".into(), ..Settings::default() };
    let error = file.set(new.clone()).unwrap_err().to_string();
    assert!(error.contains("settings.json"), "{error}");
    assert_eq!(file.get(), &new, "they hold as long as the program runs");
    assert_eq!(SettingsFile::open(&path).0.get(), &old);
    disk.give_room();
    file.set(new.clone()).unwrap();
    assert_eq!(SettingsFile::open(&path).0.get(), &new);
}
