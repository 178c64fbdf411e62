//! Everything behind the window, with a real host, a history on disk and sound without a sound card.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod shown;

use std::time::Duration;

use shown::{Host, PATIENCE, Shown};
use store::{History, Paths, SettingsFile};
use tokio::time::timeout;
use window::SettingsPatch;
use window::view::{EchoTestState, HostDraft, HostPlace, Phase, Snapshot, UiEvent};

fn patch(json: &str) -> SettingsPatch {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn a_call_is_shown_from_talk_to_stop_with_its_sound() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start();
    let mut shown = Shown::open(folder.path(), None).await;
    let place = HostPlace::Moshi { address: host.address.to_string() };
    shown.window.add_host(HostDraft { name: "mine".into(), place, plain: false }).await.unwrap();
    shown.window.talk().await.unwrap();
    let live = shown.shows(|now| now.call.phase == Phase::Live).await;
    assert_eq!(live.call.host, host.address.to_string());
    let heard = async {
        loop {
            let batch = shown.batches.recv().await.unwrap();
            let sound =
                |event: &UiEvent| matches!(event, UiEvent::Signal { signal } if !signal.mic_peaks.is_empty());
            if batch.iter().any(sound) {
                return;
            }
        }
    };
    timeout(PATIENCE, heard).await.unwrap();
    shown.shows(|now| now.latency.total_ms.is_some()).await;
    let refused = shown.window.start_echo_test().await.unwrap_err();
    assert_eq!(refused.code, "echo_test.call", "the devices are taken");
    shown.window.stop().await.unwrap();
    let idle = shown.shows(|now| now.call.phase == Phase::Idle).await;
    assert_eq!(idle.latency.total_ms, None);
    shown.close().await;
}

#[tokio::test]
async fn what_is_typed_without_any_host_is_kept_and_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    shown.window.send_text("remember the milk".into()).await.unwrap();
    let answered =
        |now: &Snapshot| now.turns.len() == 2 && now.turns.iter().all(|turn| turn.saved && !turn.open);
    let typed = shown.shows(answered).await;
    let refused = shown.window.send_text("x".repeat(4_001)).await.unwrap_err();
    assert_eq!(refused.code, "conversation.text_too_long");
    shown.close().await;

    let (history, aside) = History::open(&Paths::below(folder.path()).history()).unwrap();
    assert_eq!(aside, None);
    let kept = history.turns(&typed.conversation_id, 10).unwrap();
    assert_eq!(kept.len(), 2, "the turn and its answer, and nothing of what was refused");
    drop(history);

    let mut again = Shown::open(folder.path(), None).await;
    let shown = again.shows(|now| !now.turns.is_empty()).await;
    assert_eq!(
        (shown.turns[0].text.as_str(), shown.conversation_id),
        ("remember the milk", typed.conversation_id)
    );
    again.close().await;
}

#[tokio::test]
async fn a_host_for_one_run_is_called_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start();
    let mut shown = Shown::open(folder.path(), Some(host.address.to_string())).await;
    shown.window.talk().await.unwrap();
    shown.shows(|now| now.call.phase == Phase::Live).await;
    shown.window.change_settings(patch(r#"{"theme":"dark"}"#)).await.unwrap();
    shown.close().await;
    let (settings, _) = SettingsFile::open(&Paths::below(folder.path()).settings());
    let kept = settings.get();
    assert_eq!((&kept.hosts[..], &kept.host, kept.theme), (&[][..], &None, store::Theme::Dark));
}

#[tokio::test]
async fn talking_without_a_host_says_what_is_missing_and_typing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    shown.window.talk().await.unwrap();
    let failed = shown.shows(|now| now.call.phase == Phase::Failed).await;
    assert_eq!(failed.call.problem.unwrap().code, "host.none");
    shown.window.send_text("still here".into()).await.unwrap();
    shown.shows(|now| now.turns.len() == 2).await;
    shown.close().await;
}

#[tokio::test]
async fn an_echo_test_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    shown.window.start_echo_test().await.unwrap();
    let failed = shown.shows(|now| now.echo_test.state == EchoTestState::Failed).await;
    assert_eq!(failed.echo_test.problem.unwrap().code, "echo_test.not_started");
    shown.close().await;
}

#[tokio::test]
async fn settings_that_are_broken_are_set_aside_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = Paths::below(folder.path()).settings();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "{\"persona\":").unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    let told = shown.shows(|now| !now.notices.is_empty()).await;
    assert_eq!(told.notices[0].problem.code, "settings.set_aside");
    shown.window.dismiss_notice(told.notices[0].id.clone()).await.unwrap();
    shown.shows(|now| now.notices.is_empty()).await;
    shown.close().await;
}

#[tokio::test]
async fn batches_come_at_most_fifteen_times_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start();
    let mut shown = Shown::open(folder.path(), Some(host.address.to_string())).await;
    shown.window.talk().await.unwrap();
    shown.shows(|now| now.call.phase == Phase::Live).await;
    let begin = std::time::Instant::now();
    let mut batches = 0_u32;
    while begin.elapsed() < Duration::from_secs(2) {
        let batch = timeout(PATIENCE, shown.batches.recv()).await.unwrap().unwrap();
        batches += 1;
        assert!(!batch.is_empty(), "nothing is told for nothing");
    }
    // A machine that is busy makes them fewer, never more.
    let most = begin.elapsed().as_secs_f64() * 15.0 + 2.0;
    assert!(f64::from(batches) <= most, "{batches} batches in {:?}", begin.elapsed());
    shown.close().await;
}
