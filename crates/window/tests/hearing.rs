//! Who hears the person: a recogniser on a real socket, in a call and for dictation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod recogniser;
mod shown;

use recogniser::{Asked, Recogniser};
use shown::{Host, Shown};
use window::{
    SettingsPatch,
    view::{
        Answerer, BrainState, Delivery, EarChoice, EarPhase, HostDraft, HostPlace, LightId, LightState,
        LocalPhase, Phase, Snapshot, Speaker, TurnSource,
    },
};

const KEY: &str = "ears-only"; // secret-scan:allow a made-up key of a recogniser in a test

async fn hear_with(shown: &Shown, recogniser: &Recogniser) {
    let patch = SettingsPatch {
        ear: Some(EarChoice::Server),
        ear_address: Some(recogniser.address.to_string()),
        ..SettingsPatch::default()
    };
    shown.window.change_settings(patch).await.unwrap();
}

fn light(snapshot: &Snapshot, id: LightId) -> LightState {
    snapshot.lights.iter().find(|light| light.id == id).unwrap().state
}

fn is_answered(snapshot: &Snapshot) -> bool {
    snapshot.turns.last().is_some_and(|turn| turn.speaker == Speaker::Brain && !turn.open)
        && snapshot.panels.brain.state == BrainState::Ready
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_in_a_call_becomes_a_turn_that_the_brain_answers_once() {
    let folder = tempfile::tempdir().unwrap();
    let (host, recogniser) = (Host::start(), Recogniser::start(&["What time is it?"], Some(KEY)).await);
    let mut shown = Shown::open(folder.path(), Some(host.address.to_string())).await;
    hear_with(&shown, &recogniser).await;
    let not_kept = shown.window.set_ear_key(Some(KEY.into())).await.unwrap_err();
    assert_eq!(not_kept.code, "secret.no_keyring", "it holds for this run all the same");
    shown.window.talk().await.unwrap();
    let snapshot = shown.shows(|s| s.turns.len() >= 2 && is_answered(s)).await;
    let turn = &snapshot.turns[0];
    assert_eq!(
        (turn.speaker, turn.source, turn.text.as_str(), turn.delivery),
        (Speaker::Person, TurnSource::Heard, "What time is it?", Some(Delivery::Delivered))
    );
    assert_eq!((snapshot.ear.phase, light(&snapshot, LightId::Ear)), (EarPhase::Listening, LightState::Well));
    assert_eq!(
        (snapshot.ear.place.as_str(), snapshot.ear.of_host),
        (recogniser.address.to_string().as_str(), false)
    );
    let id = turn.id.clone();
    let times = snapshot.times.iter().find(|times| times.turn == id).unwrap();
    let way = [times.said_ms, times.known_ms, times.asked_ms, times.first_token_ms, times.replied_ms];
    assert!(way.iter().all(Option::is_some) && way.is_sorted(), "{times:?}");
    assert_eq!(shown.window.start_dictation().await.unwrap_err().code, "dictation.call");
    // Whatever else was asked would have been asked before this.
    shown.window.send_text("Thanks.".into()).await.unwrap();
    let snapshot = shown.shows(|s| s.turns.len() >= 4 && is_answered(s)).await;
    assert_eq!((snapshot.turns.len(), snapshot.panels.brain.turns), (4, 2), "each turn was asked once");
    shown.window.stop().await.unwrap();
    shown.shows(|s| s.call.phase == Phase::Idle && s.ear.phase == EarPhase::Off).await;
    assert_eq!(recogniser.asked(), [Asked { path: "/api/asr-streaming".into(), key: Some(KEY.into()) }]);
    let report = shown.window.report().await.unwrap();
    for secret in ["What time", KEY, &recogniser.address.to_string()] {
        assert!(!report.contains(secret), "{secret} is in it:\n{report}");
    }
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moshi_alone_answers_is_written_down_and_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (host, recogniser) = (Host::start(), Recogniser::start(&["How are you?"], None).await);
    let mut shown = Shown::open(folder.path(), Some(host.address.to_string())).await;
    hear_with(&shown, &recogniser).await;
    let patch = SettingsPatch { answerer: Some(Answerer::Moshi), ..SettingsPatch::default() };
    shown.window.change_settings(patch).await.unwrap();
    shown.window.talk().await.unwrap();
    let heard = |s: &Snapshot| s.turns.first().is_some_and(|turn| !turn.open && turn.saved);
    shown.shows(heard).await;
    shown.window.send_text("Thanks.".into()).await.unwrap();
    let snapshot = shown.shows(|s| s.turns.len() >= 3 && is_answered(s)).await;
    assert_eq!((snapshot.turns[0].source, snapshot.turns[0].delivery), (TurnSource::Heard, None));
    assert_eq!((snapshot.turns.len(), snapshot.panels.brain.turns), (3, 1), "what was typed alone was asked");
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dictated_is_a_text_and_no_turn() {
    let folder = tempfile::tempdir().unwrap();
    let recogniser = Recogniser::start(&["Buy two eggs."], None).await;
    let mut shown = Shown::open(folder.path(), None).await;
    hear_with(&shown, &recogniser).await;
    shown.window.start_dictation().await.unwrap();
    let snapshot = shown
        .shows(|s| s.dictation.text == "Buy two eggs." && light(s, LightId::Microphone) == LightState::Well)
        .await;
    assert_eq!((snapshot.dictation.on, snapshot.ear.phase), (true, EarPhase::Listening));
    assert_eq!(shown.window.start_echo_test().await.unwrap_err().code, "echo_test.dictation");
    shown.window.stop_dictation().await.unwrap();
    let snapshot = shown
        .shows(|s| {
            !s.dictation.on
                && s.ear.phase == EarPhase::Off
                && light(s, LightId::Microphone) == LightState::Off
        })
        .await;
    assert_eq!((snapshot.dictation.text.as_str(), snapshot.dictation.problem), ("Buy two eggs.", None));
    assert_eq!(snapshot.turns, [], "the person has not sent it");
    assert!(snapshot.log.entries.iter().all(|entry| !format!("{entry:?}").contains("eggs")));
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dictation_asks_the_recogniser_of_the_chosen_host_or_says_why_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let recogniser = Recogniser::start(&["Hello there."], None).await;
    let mut shown = Shown::open(folder.path(), None).await;
    shown.window.start_dictation().await.unwrap();
    let why = |s: &Snapshot, code: &str| s.dictation.problem.as_ref().is_some_and(|why| why.code == code);
    shown.shows(|s| why(s, "host.none")).await;
    let place = HostPlace::Ssh { target: "me@gpu".into(), port: None, remote_port: 8998 };
    let ssh = HostDraft { name: "far".into(), place, plain: false };
    let id = shown.window.add_host(ssh).await.unwrap();
    shown.window.start_dictation().await.unwrap();
    shown.shows(|s| why(s, "ear.other_way")).await;
    shown.window.delete_host(id).await.unwrap();
    let place = HostPlace::Moshi { address: format!("ws://{}/api/chat", recogniser.address) };
    shown.window.add_host(HostDraft { name: "near".into(), place, plain: false }).await.unwrap();
    shown.window.start_dictation().await.unwrap();
    shown.shows(|s| s.dictation.on && s.dictation.text == "Hello there.").await;
    assert_eq!(recogniser.asked(), [Asked { path: "/api/asr-streaming".into(), key: None }]);
    shown.window.stop_dictation().await.unwrap();
    let patch = SettingsPatch { ear: Some(EarChoice::Off), ..SettingsPatch::default() };
    shown.window.change_settings(patch).await.unwrap();
    shown.window.start_dictation().await.unwrap();
    shown.shows(|s| why(s, "ear.off")).await;
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_not_follow_an_address_to_another_server() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Recogniser::start(&[], None).await, Recogniser::start(&["Hi."], None).await);
    let mut shown = Shown::open(folder.path(), None).await;
    hear_with(&shown, &first).await;
    let _ = shown.window.set_ear_key(Some(KEY.into())).await;
    shown.shows(|s| s.settings.ear_key).await;
    assert_eq!(shown.window.set_ear_key(Some("two words".into())).await.unwrap_err().code, "secret.no_token");
    hear_with(&shown, &second).await;
    shown.window.start_dictation().await.unwrap();
    let snapshot = shown.shows(|s| s.dictation.text == "Hi.").await;
    assert!(!snapshot.settings.ear_key);
    assert_eq!(second.asked(), [Asked { path: "/api/asr-streaming".into(), key: None }]);
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recogniser_that_wants_a_key_is_wrong_and_says_where_to_set_it() {
    let folder = tempfile::tempdir().unwrap();
    let recogniser = Recogniser::start(&["Hi."], Some(KEY)).await;
    let mut shown = Shown::open(folder.path(), None).await;
    hear_with(&shown, &recogniser).await;
    shown.window.start_dictation().await.unwrap();
    let snapshot = shown.shows(|s| s.dictation.problem.is_some()).await;
    let problem = snapshot.dictation.problem.unwrap();
    assert_eq!((problem.code.as_str(), snapshot.dictation.on), ("ear.key", false));
    assert_eq!(problem.actions, [window::view::Action::OpenHearingSettings]);
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recogniser_on_this_computer_is_started_where_it_is_wanted_and_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    let choose = |ear| SettingsPatch { ear: Some(ear), ..SettingsPatch::default() };
    shown.window.change_settings(choose(EarChoice::ThisComputer)).await.unwrap();
    let code = |snapshot: &Snapshot| snapshot.recogniser.problem.as_ref().map(|problem| problem.code.clone());
    let lacks = shown.shows(|s| s.recogniser.phase == LocalPhase::Failed).await;
    assert_eq!(code(&lacks).as_deref(), Some("ear.no_model"));
    assert_eq!(light(&lacks, LightId::Ear), LightState::Wrong);
    shown.window.start_dictation().await.unwrap();
    let told = shown.shows(|s| s.dictation.problem.is_some()).await;
    assert_eq!(
        (told.dictation.on, told.dictation.problem.unwrap().code.as_str()),
        (false, "ear.not_started")
    );

    // A recogniser has come; the program that would run it is not there in this test.
    let tiny = folder.path().join("tiny");
    engine::tiny::write_hearing(&tiny, engine::tiny::TinySettings::default()).unwrap();
    shown.window.import_model(tiny.display().to_string()).await.unwrap();
    let lacks = shown.shows(|s| code(s).is_some_and(|code| code != "ear.no_model")).await;
    assert_eq!(code(&lacks).as_deref(), Some("runtime.no_myca"));
    shown.window.change_settings(choose(EarChoice::Off)).await.unwrap();
    shown.shows(|s| s.recogniser.phase == LocalPhase::Off).await;
    shown.close().await;
}
