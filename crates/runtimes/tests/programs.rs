//! Runtimes that are programs, with real processes.
#![cfg(target_os = "linux")]

mod common;

use std::{fs, process::Command};

use runtimes::{Exit, LocalMoshi, Secret, Stage, State, What, check};

use crate::common::{
    Place, anywhere, at, runs, stage, stand_in, taken, until, until_failed, until_ready, until_waiting,
};

/// What Kyutai's server prints until it takes callers.
const STAGES: &str = "say \u{1b}[1;34m[Info]\u{1b}[0m retrieving checkpoint
say [Info] loading mimi
say [Info] loading moshi
say [Info] warming up the model
serve
say ======== Running on http://127.0.0.1:8998 ========
";

fn texts(moshi: &LocalMoshi) -> Vec<String> {
    moshi.lines().0.into_iter().map(|line| line.text).collect()
}

#[tokio::test]
async fn a_server_is_ready_when_it_answers_and_leaves_nothing_when_it_is_stopped() {
    let place = Place::new(&format!("grandchild\n{STAGES}"));
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(place.kyutai()), None).await;
    let ready = until_ready(&mut status).await;
    let State::Ready { local, .. } = &ready.state else { panic!("{ready:?}") };
    assert!(local.address.starts_with("ws://127.0.0.1:") && local.address.ends_with("/api/chat"));
    assert_eq!(local.pin, None);
    let all = [place.starts(), place.grandchildren()].concat();
    assert!(all.len() == 2 && all.iter().all(|process| runs(*process)));

    moshi.stop().await;
    assert_eq!(status.borrow().state, State::Off);
    assert!(!all.iter().any(|process| runs(*process)), "what it started is gone as well");
    assert!(texts(&moshi).contains(&"[Info] retrieving checkpoint".to_owned()));
    assert!(place.log("python_moshi.log").contains("[Info] loading moshi"));
}

#[tokio::test]
async fn the_stages_of_a_start_are_told_as_the_server_prints_them() {
    let place = Place::new(
        "say [Info] retrieving checkpoint\nsay [Info] loading mimi\nsay [Info] warming up the model\n",
    );
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(place.kyutai()), None).await;
    until(&mut status, |state| stage(state) == Some(Stage::WarmingUp)).await;
    moshi.stop().await;
}

#[tokio::test]
async fn a_start_that_is_known_to_be_in_vain_is_explained_and_not_repeated() {
    let place = Place::new(
        "say [Info] warming up the model
err Traceback (most recent call last):
err RuntimeError: Expected `weight_scb` to have type float, but got bfloat16
exit 1
",
    );
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(place.kyutai()), None).await;
    let why = until_failed(&mut status).await;
    let known = doctor::recognise("Expected `weight_scb` to have type float, but got bfloat16").unwrap();
    assert_eq!((why.code, why.what.as_str(), why.exit), (known.code, known.what, Some(Exit::Code(1))));
    assert!(why.lines.last().is_some_and(|line| line.contains("weight_scb")), "{why:?}");
    assert_eq!(place.starts().len(), 1);
}

#[tokio::test]
async fn a_crash_is_followed_by_another_start() {
    let place = Place::new(&format!("err something odd\nexit 1\n---\n{STAGES}"));
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(place.kyutai()), None).await;
    let why = until_waiting(&mut status).await;
    assert_eq!(
        (why.code, why.exit, why.lines),
        ("runtime.ended", Some(Exit::Code(1)), vec!["something odd".into()])
    );
    assert_eq!(until_ready(&mut status).await.restarts, 1);
    moshi.stop().await;
}

#[tokio::test]
async fn a_crash_loop_ends_after_three_more_starts_with_the_last_lines() {
    let place = Place::new("err it is hopeless\nexit 1\n");
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(place.kyutai()), None).await;
    let why = until_failed(&mut status).await;
    assert!(
        why.what.contains("three times in five minutes") && why.what.contains("exit code 1"),
        "{}",
        why.what
    );
    assert_eq!(why.lines, ["it is hopeless"]);
    assert_eq!(place.starts().len(), 4);
}

#[tokio::test]
async fn a_server_that_is_killed_is_explained_and_started_again() {
    let place = Place::new(STAGES);
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(place.kyutai()), None).await;
    until_ready(&mut status).await;
    let killed = Command::new("kill").args(["-9", &place.starts()[0].to_string()]).status().unwrap();
    assert!(killed.success());
    let why = until_waiting(&mut status).await;
    assert_eq!(why.exit, Some(Exit::Signal(9)));
    assert!(why.what.contains("SIGKILL"), "{}", why.what);
    until_ready(&mut status).await;
    assert_eq!(place.starts().len(), 2);
    moshi.stop().await;
}

#[tokio::test]
async fn a_server_that_does_not_want_to_end_ends_all_the_same() {
    let place = Place::new(&format!("stubborn\ngrandchild\n{STAGES}"));
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(place.kyutai()), None).await;
    until_ready(&mut status).await;
    let all = [place.starts(), place.grandchildren()].concat();
    moshi.stop().await;
    assert!(!all.iter().any(|process| runs(*process)));
}

#[tokio::test]
async fn whoever_drops_the_handle_ends_the_server() {
    let place = Place::new(STAGES);
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(place.kyutai()), None).await;
    until_ready(&mut status).await;
    drop(moshi);
    // The task ends after what it has started.
    while status.changed().await.is_ok() {}
    assert!(!runs(place.starts()[0]));
}

#[tokio::test]
async fn a_flood_of_lines_hinders_nothing_and_the_last_ones_are_kept() {
    let place = Place::new(&format!("flood 200000\n{STAGES}"));
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(place.kyutai()), None).await;
    until_ready(&mut status).await;
    let (last, mut following) = moshi.lines();
    let mut ends = last.iter().any(|line| line.text.contains("Running on"));
    while !ends {
        // Of lines that came too fast it is said how many there were.
        ends = following.recv().await.is_ok_and(|line| line.text.contains("Running on"));
    }
    assert_eq!(texts(&moshi).len(), 200);
    let logs = fs::read_dir(place.path("logs")).unwrap();
    let bytes: u64 = logs.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= 9 << 20, "{bytes}");
    moshi.stop().await;
}

async fn is_no_moshi(scenario: &str, words: &str) {
    let place = Place::new(scenario);
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(place.kyutai()), None).await;
    let why = until_failed(&mut status).await;
    assert_eq!(why.code, "runtime.not_moshi");
    assert!(why.what.contains(words), "{}", why.what);
    assert!(!runs(place.starts()[0]));
}

#[tokio::test]
async fn an_open_port_that_never_answers_is_a_failure() {
    is_no_moshi("open\n", "does not answer").await;
}

#[tokio::test]
async fn an_open_port_with_something_else_behind_it_is_a_failure() {
    is_no_moshi("page\n", "no Moshi at this path").await;
}

#[tokio::test]
async fn a_taken_port_is_said_and_another_one_is_taken() {
    let (_listener, port) = taken();
    let place = Place::new(STAGES);
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(at(place.kyutai(), port, false), None).await;
    let moved = until_ready(&mut status).await.moved.unwrap();
    assert_eq!(moved.from, port);
    assert!(moved.by.unwrap().contains(&std::process::id().to_string()), "it is this test that has it");
    moshi.start(at(place.kyutai(), port, true), None).await;
    let why = until(&mut status, |state| matches!(state, State::Failed { .. })).await.state;
    let State::Failed { why } = why else { unreachable!() };
    assert_eq!(why.code, "port.taken");
    assert_eq!(place.starts().len(), 1, "it is not even started");
}

#[tokio::test]
async fn a_server_that_could_not_have_its_port_gets_another_one() {
    let scenario =
        "err OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', 8998)\nexit 1\n";
    let place = Place::new(&format!("{scenario}---\n{STAGES}"));
    let (listener, port) = taken();
    drop(listener);
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(at(place.kyutai(), port, false), None).await;
    let ready = until_ready(&mut status).await;
    assert_eq!(ready.moved.map(|moved| moved.from), Some(port));
    moshi.stop().await;
}

#[tokio::test]
async fn a_token_is_in_the_servers_environment_and_nowhere_else() {
    let place = Place::new(&format!("variable HF_TOKEN\nvariable NO_TORCH_COMPILE\n{STAGES}"));
    let moshi = place.moshi();
    let mut status = moshi.status();
    let token = Secret::new("hf_hush_hush"); // secret-scan:allow made up, to be looked for
    moshi.start(anywhere(place.kyutai()), Some(token)).await;
    until_ready(&mut status).await;
    let process = place.starts()[0];
    let environment = fs::read(format!("/proc/{process}/environ")).unwrap();
    let arguments = fs::read(format!("/proc/{process}/cmdline")).unwrap();
    assert!(String::from_utf8_lossy(&environment).contains("HF_TOKEN=hf_hush_hush")); // secret-scan:allow made up
    assert!(!String::from_utf8_lossy(&arguments).contains("hush"));
    moshi.stop().await;
    let printed = texts(&moshi);
    assert_eq!(printed[..2], ["HF_TOKEN=[secret]", "NO_TORCH_COMPILE=(not set)"]);
    assert!(!place.log("python_moshi.log").contains("hush"));
}

#[tokio::test]
async fn another_choice_ends_the_first_one() {
    let place = Place::new(STAGES);
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(place.kyutai()), None).await;
    until_ready(&mut status).await;
    moshi.start(anywhere(place.kyutai()), None).await;
    until(&mut status, |state| matches!(state, State::Starting { .. })).await;
    until_ready(&mut status).await;
    let [first, second] = place.starts()[..] else { panic!("{:?}", place.starts()) };
    assert!(!runs(first) && runs(second));
    moshi.stop().await;
}

#[tokio::test]
async fn a_stop_before_anything_runs_is_done_at_once() {
    let place = Place::new("exit 1\n");
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.stop().await;
    moshi.start(anywhere(place.kyutai()), None).await;
    moshi.stop().await;
    assert_eq!(status.borrow_and_update().state, State::Off);
    moshi.start(anywhere(place.kyutai()), None).await;
    until_waiting(&mut status).await;
    moshi.stop().await;
    assert_eq!(status.borrow_and_update().state, State::Off);
}

#[tokio::test]
async fn what_is_missing_is_said_before_anything_is_started() {
    let refusal = async |place: &Place, what: What| check(&anywhere(what), &place.here()).await.unwrap_err();
    for (word, code) in
        [("none", "runtime.no_moshi"), ("nvidia", "runtime.other_moshi"), ("broken", "runtime.not_python")]
    {
        let place = Place::new(&format!("check {word}\n"));
        let error = refusal(&place, place.kyutai()).await;
        assert_eq!(error.code(), code);
        assert!(error.to_string().ends_with('.') && error.next().ends_with('.'), "{error} {}", error.next());
        let moshi = place.moshi();
        let mut status = moshi.status();
        moshi.start(anywhere(place.kyutai()), None).await;
        assert_eq!(until_failed(&mut status).await.code, code, "as it is when it is started");
        assert!(place.starts().is_empty());
    }
    let place = Place::new("");
    let mut absent = place.kyutai();
    let What::PythonMoshi { interpreter, .. } = &mut absent else { unreachable!() };
    *interpreter = place.path("no-python");
    assert_eq!(refusal(&place, absent).await.code(), "runtime.no_interpreter");
    let model = place.path("model.q8.gguf");
    assert_eq!(
        refusal(&place, What::MycaHost { model: model.clone(), hear: None }).await.code(),
        "runtime.no_model"
    );
    fs::write(&model, "").unwrap();
    let backend =
        |program| What::MoshiBackend { program, model: model.clone(), cpu: true, mimi_on_cpu: false };
    assert_eq!(refusal(&place, backend(place.path("no-backend"))).await.code(), "runtime.no_program");
    let error = refusal(&place, backend(stand_in())).await;
    assert!(error.to_string().contains("tokenizer"), "the files beside it are missing: {error}");
}

#[tokio::test]
async fn a_virtual_environment_means_the_python_in_it() {
    let place = Place::new("");
    let folder = place.path("venv/bin");
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(stand_in(), folder.join("python3")).unwrap();
    let mut what = place.kyutai();
    let What::PythonMoshi { interpreter, .. } = &mut what else { unreachable!() };
    *interpreter = place.path("venv");
    let found = check(&anywhere(what), &place.here()).await.unwrap();
    let What::PythonMoshi { interpreter, .. } = found.what else { unreachable!() };
    assert_eq!(interpreter, folder.join("python3"), "and not what it is a link to");
}

#[tokio::test]
async fn our_host_says_itself_when_it_is_ready_and_why_it_ended() {
    let place = Place::new("serve\nready\n");
    let model = place.path("model");
    fs::create_dir(&model).unwrap();
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(What::MycaHost { model: model.clone(), hear: None }), None).await;
    until_ready(&mut status).await;
    moshi.stop().await;

    let place = Place::new("err The model has no config.json. Download it again.\nexit 4\n");
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(What::MycaHost { model, hear: None }), None).await;
    let why = until_failed(&mut status).await;
    assert_eq!(why.what, "The model has no config.json. Download it again.");
}
