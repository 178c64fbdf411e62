//! What a child starts ends with it, however it ends.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use process::{Child, Exit, Guard, Spec};

const STAND_IN: &str = env!("CARGO_BIN_EXE_process-stand-in");
/// Long enough for a machine that has much to do.
const LIMIT: Duration = Duration::from_secs(20);

/// A shell script, and a word in the arguments of all that it starts.
struct Script {
    folder: tempfile::TempDir,
}

/// A grandchild that ignores to be asked, one in a session of its own, and one that has lost its parent besides.
const FAMILY: &str = r#"
    trap '' TERM INT HUP
    sh -c "trap '' TERM; touch $0/one; tail -f $0/one >/dev/null & wait; tail -f $0/one >/dev/null" &
    setsid sh -c "touch $0/two; tail -f $0/two >/dev/null; true" &
    sh -c "setsid sh -c 'touch $0/three; tail -f $0/three >/dev/null; true' &"
"#;

impl Script {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn spec(&self, text: &str) -> Spec {
        Spec::new("sh").arguments(["-c", text]).argument(self.folder.path())
    }

    /// Waits until the family is complete.
    fn wait_for_family(&self) {
        let all = ["one", "two", "three"].map(|name| self.folder.path().join(name));
        until("the family is there", || all.iter().all(|path| path.exists()));
    }

    /// Those whose arguments name the folder, as all of the family do.
    fn left(&self) -> Vec<String> {
        processes_with(&self.folder.path().to_string_lossy())
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < LIMIT, "{what}, but not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn processes_with(word: &str) -> Vec<String> {
    let ids = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let told = |path: PathBuf| fs::read(path.join("cmdline")).ok();
    ids.filter_map(told)
        .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
        .filter(|line| line.contains(word) && !line.contains("process-stand-in app"))
        .collect()
}

fn guard() -> Guard {
    Guard::new(STAND_IN, ["guard"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_that_ignores_to_be_asked_is_killed_by_its_guard() {
    let script = Script::new();
    let child = Child::start(script.spec(&format!("{FAMILY} wait; wait")).guarded_by(guard())).await.unwrap();
    script.wait_for_family();
    let exit = child.stop(Duration::from_millis(100)).await;
    assert_eq!(exit, Exit::Signal(9));
    assert_eq!(script.left(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_is_killed_without_a_guard_too() {
    let script = Script::new();
    // Without the one that no parent and no group leads to.
    let family = FAMILY.lines().filter(|line| !line.contains("three")).collect::<Vec<_>>().join("\n");
    let child = Child::start(script.spec(&format!("{family} touch $0/three; wait; wait"))).await.unwrap();
    script.wait_for_family();
    let exit = child.stop(Duration::from_millis(100)).await;
    assert_eq!(exit, Exit::Signal(9));
    assert_eq!(script.left(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_child_leaves_behind_ends_with_it() {
    let script = Script::new();
    let text = format!(
        "{FAMILY} while [ ! -e $0/one -o ! -e $0/two -o ! -e $0/three ]; do sleep 0.01; done; exit 7"
    );
    let child = Child::start(script.spec(&text).guarded_by(guard())).await.unwrap();
    assert_eq!(child.wait().await, Exit::Code(7));
    assert_eq!(script.left(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_dropped_ends() {
    let script = Script::new();
    let child = Child::start(script.spec(&format!("{FAMILY} wait; wait")).guarded_by(guard())).await.unwrap();
    script.wait_for_family();
    drop(child);
    until("nothing is left", || script.left().is_empty());
}

#[test]
fn a_child_ends_with_the_runtime_that_it_was_started_in() {
    let script = Script::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let child = runtime
        .block_on(Child::start(script.spec("trap '' TERM; touch $0/up; tail -f $0/up >/dev/null; true")));
    until("it runs", || script.folder.path().join("up").exists());
    drop(runtime);
    until("nothing is left", || script.left().is_empty());
    drop(child);
}

/// What is started while it is looked at what there is must end, too.
#[test]
fn a_child_that_starts_others_without_pause_ends_with_all_of_them() {
    for _ in 0..5 {
        let script = Script::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let others = "i=0; while [ $i -lt 300 ]; do tail -f $0/up >/dev/null & i=$((i+1)); done; wait";
        let child = runtime.block_on(Child::start(script.spec(&format!("touch $0/up; {others}"))));
        until("some are started", || script.left().len() > 5);
        drop(runtime);
        until("nothing is left", || script.left().is_empty());
        drop(child);
    }
}

#[test]
fn an_app_that_is_killed_leaves_nothing_behind() {
    for how in ["alone", "guarded"] {
        let script = Script::new();
        let text = match how {
            // Only the child itself is promised.
            "alone" => "touch $0/one $0/two $0/three; while :; do sleep 0.1; done".to_owned(),
            _ => format!("{FAMILY} wait; wait"),
        };
        let mut app = Command::new(STAND_IN)
            .args(["app", how, "sh", "-c", &text])
            .arg(script.folder.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        script.wait_for_family();
        app.kill().unwrap();
        app.wait().unwrap();
        until("nothing is left", || script.left().is_empty());
    }
}

#[test]
fn an_app_that_ends_without_a_goodbye_leaves_nothing_behind() {
    let script = Script::new();
    let mut app = Command::new(STAND_IN)
        .args(["app", "guarded", "sh", "-c", &format!("{FAMILY} wait; wait")])
        .arg(script.folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    script.wait_for_family();
    drop(app.stdin.take());
    app.wait().unwrap();
    until("nothing is left", || script.left().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_is_killed_takes_its_child_along() {
    let script = Script::new();
    let child = Child::start(
        script.spec("trap '' TERM; touch $0/up; while :; do sleep 0.1; done").guarded_by(guard()),
    )
    .await
    .unwrap();
    until("it runs", || script.folder.path().join("up").exists());
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-9", &id]).status().unwrap().success());
    assert_eq!(child.wait().await, Exit::Signal(9));
    assert_eq!(script.left(), Vec::<String>::new());
}
