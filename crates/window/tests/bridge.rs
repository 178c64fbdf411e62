//! A call through a bridge, in the window.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[path = "../../brain/tests/bridge_stand_in/mod.rs"]
mod bridge_stand_in;
mod shown;

use bridge_stand_in::{Build, Moshi, PREPARED, StandIn};
use shown::Shown;
use window::view::{
    BrainKind, HostDraft, HostPlace, InjectionState, Light, LightId, LightState, Phase, Snapshot, Speaker,
    ToolState,
};

fn bridge(snapshot: &Snapshot) -> &Light {
    snapshot.lights.iter().find(|light| light.id == LightId::Bridge).unwrap()
}

async fn with_bridge(folder: &std::path::Path, server: &StandIn) -> Shown {
    let shown = Shown::open(folder, None).await;
    let place = HostPlace::Bridge { address: server.address() };
    shown.window.add_host(HostDraft { name: String::new(), place, plain: false }).await.unwrap();
    shown
}

fn says(snapshot: &Snapshot, text: &str) -> bool {
    snapshot.turns.iter().any(|turn| turn.speaker == Speaker::Brain && turn.text == text && !turn.open)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_in_a_call_is_answered_through_the_bridge_and_what_it_speaks_is_shown_as_spoken() {
    let server = StandIn::start(Build::B3, Moshi::Up).await;
    server.says("Twelve sensors are online.");
    let folder = tempfile::tempdir().unwrap();
    let mut shown = with_bridge(folder.path(), &server).await;
    shown.window.talk().await.unwrap();
    let answers = |s: &Snapshot| s.call.phase == Phase::Live && s.panels.brain.kind == BrainKind::Bridge;
    shown.shows(answers).await;
    shown.shows(|s| bridge(s).state == LightState::Well && bridge(s).ms.is_some()).await;
    shown.window.send_text("How many sensors are online?".into()).await.unwrap();
    let snapshot =
        shown.shows(|s| says(s, "Twelve sensors are online.") && s.panels.injections.len() == 2).await;
    assert_eq!(server.model_calls(), 1);
    let call = snapshot.panels.tools.last().unwrap();
    assert_eq!((call.name.as_str(), call.state), ("mas_brain_query", ToolState::Success));
    assert!(call.measured_ms.is_some());
    let spoken = |s: &Snapshot| {
        let spoken = s.panels.injections.iter().find(|injection| injection.text == PREPARED);
        spoken.is_some_and(|injection| injection.state == InjectionState::Spoken)
    };
    shown.shows(spoken).await;
    shown.window.stop().await.unwrap();
    let snapshot = shown.shows(|s| s.panels.brain.kind == BrainKind::BuiltIn).await;
    assert_eq!(bridge(&snapshot).state, LightState::Off);
    assert!(!snapshot.panels.tools.is_empty(), "what was called stays in sight");
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_without_moshi_answers_and_typing_goes_on_without_it() {
    let server = StandIn::start(Build::B1, Moshi::Down).await;
    let folder = tempfile::tempdir().unwrap();
    let mut shown = with_bridge(folder.path(), &server).await;
    shown.window.talk().await.unwrap();
    let snapshot = shown.shows(|s| s.call.phase == Phase::Failed).await;
    assert_eq!(snapshot.call.problem.as_ref().unwrap().code, "bridge.no_moshi");
    assert_eq!((bridge(&snapshot).state, bridge(&snapshot).problem.as_ref()), (LightState::Well, None));
    shown.window.send_text("What can you do?".into()).await.unwrap();
    shown.shows(|s| s.turns.iter().any(|turn| turn.speaker == Speaker::Brain)).await;
    assert_eq!(server.model_calls(), 0);
    shown.close().await;
}
