//! Everything behind the window, with a real host, a history on disk and sound without a sound card.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audio::ConnectSystem;
use audio::device::virtual_system::{VirtualConfig, VirtualSystem};
use engine::serve::{Echo, Server, ServerSettings};
use store::{History, Paths, SettingsFile};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use window::view::{EchoTestState, Phase, Snapshot, UiEvent};
use window::{Options, SettingsPatch, Window};

/// Longer than anything takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A window, and the events that it is told.
struct Shown {
    window: Window,
    task: JoinHandle<()>,
    batches: mpsc::UnboundedReceiver<Vec<UiEvent>>,
}

impl Shown {
    async fn open(folder: &Path, host: Option<String>) -> Self {
        let paths = Paths::below(folder);
        let (settings, settings_aside) = SettingsFile::open(&paths.settings());
        let sound =
            || -> ConnectSystem { Box::new(|| Ok(Box::new(VirtualSystem::new(VirtualConfig::default())))) };
        let options = Options {
            sound: Arc::new(sound),
            settings,
            settings_aside,
            history: Some(paths.history()),
            data_folder: paths.data().display().to_string(),
            version: "1".into(),
            host,
            program: folder.join("no-such-program"),
        };
        let (window, task) = Window::start(options).unwrap();
        let (tell, batches) = mpsc::unbounded_channel();
        window.subscribe(Box::new(move |events| tell.send(events).is_ok())).await.unwrap();
        Self { window, task, batches }
    }

    /// Waits until the window shows what `wanted` looks for.
    #[track_caller]
    fn shows(&mut self, wanted: impl Fn(&Snapshot) -> bool) -> impl Future<Output = Snapshot> {
        let caller = std::panic::Location::caller();
        async move {
            let look = async {
                loop {
                    let snapshot = self.window.snapshot().await.unwrap();
                    if wanted(&snapshot) {
                        return snapshot;
                    }
                    // Whatever changes the snapshot is an event, too.
                    self.batches.recv().await.unwrap();
                }
            };
            timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("it is never shown: {caller}"))
        }
    }

    async fn close(self) {
        self.window.end().await;
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

/// A host that says what it hears, until dropped.
struct Host {
    address: SocketAddr,
    stop: CancellationToken,
}

impl Host {
    fn start() -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let server =
            Server::bind(ServerSettings { address, ..ServerSettings::default() }, Arc::new(Echo)).unwrap();
        let (address, stop) = (server.address(), CancellationToken::new());
        tokio::spawn(server.run(stop.clone()));
        Self { address, stop }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn patch(json: &str) -> SettingsPatch {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn a_call_is_shown_from_talk_to_stop_with_its_sound() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start();
    let mut shown = Shown::open(folder.path(), None).await;
    let address = format!(r#"{{"hostAddress":"{}"}}"#, host.address);
    shown.window.change_settings(patch(&address)).await.unwrap();
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
    let typed = shown.shows(|now| now.turns.iter().any(|turn| turn.saved)).await;
    let refused = shown.window.send_text("x".repeat(4_001)).await.unwrap_err();
    assert_eq!(refused.code, "conversation.text_too_long");
    shown.close().await;

    let (history, aside) = History::open(&Paths::below(folder.path()).history()).unwrap();
    assert_eq!(aside, None);
    let kept = history.turns(&typed.conversation_id, 10).unwrap();
    assert_eq!(kept.len(), 1, "and nothing of what was refused");
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
    assert_eq!((settings.get().host_address.as_str(), settings.get().theme), ("", store::Theme::Dark));
}

#[tokio::test]
async fn talking_without_a_host_says_what_is_missing_and_typing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    shown.window.talk().await.unwrap();
    let failed = shown.shows(|now| now.call.phase == Phase::Failed).await;
    assert_eq!(failed.call.problem.unwrap().code, "host.none");
    shown.window.send_text("still here".into()).await.unwrap();
    shown.shows(|now| now.turns.len() == 1).await;
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
