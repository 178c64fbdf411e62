//! Typing, with everybody who may answer: what the person gets, and what the panels show of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod shown;
#[path = "../../brain/tests/stand_in/mod.rs"]
mod stand_in;

use std::time::Duration;

use serde_json::json;
use shown::{Host, Shown};
use stand_in::{CHAT, Piece, Reply, STREAM, StandIn};
use store::{Delivery as Kept, History, Paths};
use window::{
    SettingsPatch,
    view::{
        AgentState, BrainKind, BrainState, Delivery, ExportFormat, InjectionState, InjectionVoice, LightId,
        LightState, Phase, Snapshot, Speaker, ToolState, UiEvent,
    },
};

/// What was said, by whom.
fn words(snapshot: &Snapshot) -> Vec<(Speaker, &str)> {
    snapshot.turns.iter().map(|turn| (turn.speaker, turn.text.as_str())).collect()
}

/// Whether the last turn is a whole one of the brain's.
fn is_answered(snapshot: &Snapshot) -> bool {
    snapshot.turns.last().is_some_and(|turn| turn.speaker == Speaker::Brain && !turn.open)
        && snapshot.panels.brain.state == BrainState::Ready
}

/// Says something and waits for the whole answer.
async fn ask(shown: &mut Shown, text: &str) -> Snapshot {
    let before = shown.window.snapshot().await.unwrap().turns.len();
    shown.window.send_text(text.into()).await.unwrap();
    shown.shows(|s| s.turns.len() >= before + 2 && is_answered(s)).await
}

async fn with_mas(folder: &std::path::Path, mas: &StandIn) -> Shown {
    let shown = Shown::open(folder, None).await;
    let patch = SettingsPatch { mas_address: Some(mas.address()), ..SettingsPatch::default() };
    shown.window.change_settings(patch).await.unwrap();
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_gets_answers_and_the_panels_fill_with_what_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    let snapshot = ask(&mut shown, "Remember that my cat is called Miso.").await;
    assert_eq!(snapshot.turns[0].delivery, Some(Delivery::Delivered));
    let panels = &snapshot.panels;
    assert_eq!((panels.brain.kind, panels.brain.turns), (BrainKind::BuiltIn, 1));
    assert!(panels.brain.latency_ms.is_some());
    let calls: Vec<_> = panels.tools.iter().map(|call| (call.name.as_str(), call.state)).collect();
    assert_eq!(calls, [("remember", ToolState::Success)]);
    assert_eq!(panels.memory_counts.writes, 1);
    let snapshot = ask(&mut shown, "What do you remember about my cat?").await;
    assert!(snapshot.turns.last().unwrap().text.contains("Miso"), "{:?}", words(&snapshot));
    assert!(snapshot.panels.memory_counts.reads >= 1);
    let kept = shown.window.find_memories("cat".into(), 0).await.unwrap();
    assert_eq!(kept.total, 1);
    shown.window.edit_memory(kept.items[0].id.clone(), "My cat is called Mochi.".into()).await.unwrap();
    let snapshot = ask(&mut shown, "What do you remember about my cat?").await;
    assert!(snapshot.turns.last().unwrap().text.contains("Mochi"));
    shown.close().await;
    // It is there again after a restart, and so is the conversation.
    let mut shown = Shown::open(folder.path(), None).await;
    let snapshot = shown.shows(|s| s.turns.len() == 6).await;
    assert!(snapshot.turns.iter().all(|turn| turn.delivery != Some(Delivery::Failed)));
    assert_eq!(shown.window.find_memories(String::new(), 0).await.unwrap().total, 1);
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_waits_for_the_person() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    ask(&mut shown, "Remember that the key is under the mat.").await;
    for (allowed, left) in [(false, 1), (true, 0)] {
        shown.window.send_text("Forget the key.".into()).await.unwrap();
        let waits = |s: &Snapshot| s.panels.tools.last().is_some_and(|call| call.question.is_some());
        let snapshot = shown.shows(waits).await;
        assert_eq!(snapshot.panels.brain.state, BrainState::Waiting);
        let call = snapshot.panels.tools.last().unwrap().id.clone();
        shown.window.decide(&call, allowed).await.unwrap();
        shown.shows(is_answered).await;
        assert_eq!(shown.window.find_memories(String::new(), 0).await.unwrap().total, left);
    }
    // Typed words decide as well.
    shown.window.send_text("Switch to dark mode.".into()).await.unwrap();
    shown.shows(|s| s.panels.tools.last().is_some_and(|call| call.question.is_some())).await;
    shown.window.send_text("yes".into()).await.unwrap();
    let snapshot = shown.shows(is_answered).await;
    assert_eq!(snapshot.settings.theme, window::view::Theme::Dark);
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_said_by_a_host_that_does_and_can_be_stopped() {
    let model = tempfile::tempdir().unwrap();
    engine::tiny::write(model.path(), engine::tiny::TinySettings::default()).unwrap();
    let host = Host::of(engine::serve::ModelSource::new(engine::load(model.path()).unwrap(), None));
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), Some(host.address.to_string())).await;
    shown.window.talk().await.unwrap();
    shown.shows(|s| s.call.phase == Phase::Live).await;
    shown.window.send_text("thanks".into()).await.unwrap();
    let last = |s: &Snapshot, state| s.panels.injections.last().is_some_and(|last| last.state == state);
    let snapshot = shown.shows(|s| last(s, InjectionState::Spoken)).await;
    let injection = &snapshot.panels.injections[0];
    assert_eq!((snapshot.panels.injections.len(), injection.voice), (1, Some(InjectionVoice::Moshi)));
    assert_eq!(injection.said.as_deref(), Some("You are welcome."));
    shown.window.send_text("hello".into()).await.unwrap();
    shown.shows(|s| last(s, InjectionState::Speaking)).await;
    shown.window.stop_speaking().await.unwrap();
    let snapshot = shown.shows(|s| last(s, InjectionState::Cut)).await;
    assert_eq!(snapshot.panels.injections[1].why.as_deref(), Some("You stopped it."));
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brain_opens_settings_and_finds_what_was_said_long_ago() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    ask(&mut shown, "The zeppelin leaves at noon.").await;
    shown.window.new_conversation().await.unwrap();
    shown.shows(|s| s.turns.is_empty()).await;
    let snapshot = ask(&mut shown, "Search our conversations for zeppelin.").await;
    let answer = &snapshot.turns.last().unwrap().text;
    assert!(answer.contains("leaves at noon"), "{answer}");
    let id = snapshot.conversation_id.clone();
    ask(&mut shown, "Open the audio settings.").await;
    let opened = shown.seen.iter().any(|event| matches!(event, UiEvent::OpenSettings { .. }));
    assert!(opened, "the page is told");
    shown.window.send_text("Start a new conversation.".into()).await.unwrap();
    shown.shows(|s| s.conversation_id != id && s.turns.is_empty()).await;
    let past = shown.window.find_conversations("audio settings".into(), 0).await.unwrap();
    assert!(past.entries.iter().any(|entry| entry.id == id), "it was kept: {past:?}");
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_system_fills_all_panels_with_what_it_sent() {
    let mas = StandIn::start().await;
    mas.reply(STREAM, Reply::missing());
    mas.reply(
        CHAT,
        Reply::json(200, &json!({
            "response": "It is 21 degrees.", "provider": "gemini", "session_id": "s", "conversation_id": "c",
            "memory_context": { "memories": [{ "content": "a" }, { "content": "b" }], "episodes": [], "profile": null },
            "actions_taken": [{ "type": "turn_persisted", "session_id": "s" }],
            "tool_calls": [{ "id": "t1", "tool": "weather", "query": "here", "status": "success", "result": "21", "duration": 12 }],
            "agents_invoked": [{ "id": "a1", "name": "Forecaster", "action": "looked outside", "status": "completed" }],
        })),
    );
    mas.reply("/live", Reply::json(200, &json!({ "status": "alive" })));
    mas.reply("/api/memory/health", Reply::json(200, &json!({ "status": "healthy", "redis": "connected" })));
    mas.reply("/api/myca/status", Reply::json(200, &json!({
        "state": "focused", "emotional_state": { "dominant_emotion": "curiosity", "emotions": { "curiosity": 0.8 } },
    })));
    let folder = tempfile::tempdir().unwrap();
    let mut shown = with_mas(folder.path(), &mas).await;
    let snapshot = ask(&mut shown, "How warm is it?").await;
    assert_eq!(
        words(&snapshot),
        [(Speaker::Person, "How warm is it?"), (Speaker::Brain, "It is 21 degrees.")]
    );
    assert_eq!(snapshot.turns[1].note.as_deref(), Some("gemini"));
    let panels = &snapshot.panels;
    assert_eq!((panels.brain.kind, panels.brain.provider.as_deref()), (BrainKind::Mas, Some("gemini")));
    assert_eq!((panels.tools[0].name.as_str(), panels.tools[0].reported_ms), ("weather", Some(12.0)));
    assert_eq!(
        (panels.agents[0].name.as_str(), panels.agents[0].state),
        ("Forecaster", AgentState::Completed)
    );
    assert_eq!((panels.memory_counts.reads, panels.memory_counts.writes), (2, 1));
    assert_eq!(mas.model_calls(), 1);
    let light = |s: &Snapshot, id| s.lights.iter().find(|light| light.id == id).unwrap().clone();
    let snapshot = shown
        .shows(|s| {
            s.panels.consciousness.is_some()
                && [LightId::Mas, LightId::Memory].iter().all(|id| light(s, *id).state == LightState::Well)
        })
        .await;
    assert!(light(&snapshot, LightId::Mas).ms.is_some());
    assert_eq!(snapshot.panels.consciousness.unwrap().state.as_deref(), Some("focused"));
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_system_does_by_itself_is_shown_too() {
    let mas = StandIn::start().await;
    mas.reply("/live", Reply::json(200, &json!({ "status": "alive" })));
    mas.reply("/events/stream", Reply::json(200, &json!({ "events": [
        { "id": "e1", "type": "tool_result", "tool": "scan", "status": "success", "message": "3 found" },
        { "id": "e2", "type": "agent_update", "agent_name": "Mycologist", "status": "processing", "message": "counts spores" },
        { "id": "e3", "type": "memory_insight", "message": "spores like rain" },
    ], "count": 3, "timestamp": 1 })));
    let folder = tempfile::tempdir().unwrap();
    let mut shown = with_mas(folder.path(), &mas).await;
    let snapshot = shown.shows(|s| !s.panels.tools.is_empty() && !s.panels.agents.is_empty()).await;
    assert_eq!(snapshot.panels.tools[0].name, "scan");
    assert_eq!(snapshot.panels.agents[0].name, "Mycologist");
    shown.shows(|s| s.log.entries.iter().any(|entry| entry.said.as_deref() == Some("counts spores"))).await;
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_delivered_stays_and_is_sent_again_on_one_click() {
    let mas = StandIn::start().await;
    mas.reply(STREAM, Reply::json(500, &json!({ "detail": "Traceback: boom" })));
    mas.reply(CHAT, Reply::json(500, &json!({ "detail": "Traceback: boom" })));
    let folder = tempfile::tempdir().unwrap();
    let mut shown = with_mas(folder.path(), &mas).await;
    shown.window.send_text("Are you there?".into()).await.unwrap();
    let failed = |s: &Snapshot| s.turns.last().is_some_and(|turn| turn.delivery == Some(Delivery::Failed));
    let snapshot = shown.shows(failed).await;
    assert!(snapshot.turns[0].note.is_some());
    assert_eq!(snapshot.panels.brain.state, BrainState::Failed);
    shown.close().await;
    // It is there after a restart as well.
    let mut shown = Shown::open(folder.path(), None).await;
    let snapshot = shown.shows(failed).await;
    mas.forget(STREAM);
    mas.reply(STREAM, Reply::tokens(&["Here", " I", " am."]));
    shown.window.retry_turn(&snapshot.turns[0].id).await.unwrap();
    let snapshot = shown.shows(is_answered).await;
    assert_eq!(words(&snapshot), [(Speaker::Person, "Are you there?"), (Speaker::Brain, "Here I am.")]);
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_under_way_at_a_crash_is_shown_with_its_turn() {
    let mas = StandIn::start().await;
    mas.reply(STREAM, Reply::events(vec![Piece::token("Half a"), Piece::Hold]));
    let folder = tempfile::tempdir().unwrap();
    let mut shown = with_mas(folder.path(), &mas).await;
    shown.window.send_text("Tell me.".into()).await.unwrap();
    shown.shows(|s| s.turns.len() == 2 && s.turns[1].saved && s.turns[1].text == "Half a").await;
    // What a program leaves that is killed now is what is on disk now.
    let history = History::open(&Paths::below(folder.path()).history()).unwrap().0;
    let conversation = history.latest().unwrap().unwrap();
    let kept = history.turns(&conversation.id, 9).unwrap();
    assert_eq!(kept[0].delivery, Some(Kept::Delivered));
    assert_eq!(kept[1].text, "Half a");
    drop(history);
    shown.window.cancel_answer().await.unwrap();
    let snapshot = shown.shows(|s| s.turns.len() == 2 && !s.turns[1].open).await;
    assert_eq!(snapshot.turns[1].note.as_deref(), Some("Not whole. You stopped it."));
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_window_ends_the_turn_under_way_which_says_so_the_next_time() {
    let mas = StandIn::start().await;
    mas.reply(STREAM, Reply::events(vec![Piece::Hold]));
    let folder = tempfile::tempdir().unwrap();
    let mut shown = with_mas(folder.path(), &mas).await;
    shown.window.send_text("Tell me.".into()).await.unwrap();
    shown.shows(|s| s.turns.first().is_some_and(|turn| turn.delivery == Some(Delivery::Sent))).await;
    shown.close().await;
    // By itself the turn would end after 30 s.
    let ended = tokio::time::timeout(Duration::from_secs(20), mas.connection_to_ended(STREAM)).await;
    assert!(ended.is_ok(), "the turn goes on for nobody");
    let mut shown = Shown::open(folder.path(), None).await;
    let snapshot = shown.shows(|s| !s.turns.is_empty()).await;
    let turn = &snapshot.turns[0];
    assert_eq!(turn.delivery, Some(Delivery::Failed));
    assert_eq!(turn.note.as_deref(), Some("MYCA Voice ended before an answer came."));
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_found_renamed_resumed_written_out_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    let first = ask(&mut shown, "The zeppelin leaves at noon.").await.conversation_id;
    shown.window.new_conversation().await.unwrap();
    shown.shows(|s| s.turns.is_empty()).await;
    ask(&mut shown, "Hello.").await;
    let page = shown.window.find_conversations("zeppel".into(), 0).await.unwrap();
    assert_eq!((page.total, page.entries[0].id.as_str()), (1, first.as_str()));
    assert!(page.entries[0].found.as_ref().unwrap().contains("zeppelin"));
    shown.window.rename_conversation(first.clone(), "Travel".into()).await.unwrap();
    shown.window.resume_conversation(first.clone()).await.unwrap();
    let snapshot = shown.shows(|s| s.conversation_id == first && s.turns.len() == 2).await;
    assert_eq!(snapshot.turns[0].text, "The zeppelin leaves at noon.");
    let snapshot = ask(&mut shown, "Thanks.").await;
    assert_eq!(snapshot.turns.len(), 4, "it goes on");
    for (format, ending) in [(ExportFormat::Markdown, ".md"), (ExportFormat::Json, ".json")] {
        let path = shown.window.export_conversation(first.clone(), format).await.unwrap();
        assert!(path.ends_with(ending), "{path}");
        assert!(std::fs::read_to_string(&path).unwrap().contains("zeppelin"));
    }
    shown.window.delete_conversation(first.clone()).await.unwrap();
    let snapshot = shown.shows(|s| s.conversation_id != first).await;
    assert!(snapshot.turns.is_empty(), "a new one begins");
    assert_eq!(shown.window.find_conversations(String::new(), 0).await.unwrap().total, 1);
    let problem = shown.window.resume_conversation(first).await.unwrap_err();
    assert_eq!(problem.code, "history.not_there");
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_goes_on_in_the_same_conversation_when_moshi_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start();
    let mut shown = Shown::open(folder.path(), Some(host.address.to_string())).await;
    shown.window.talk().await.unwrap();
    let snapshot = shown.shows(|s| s.call.phase == Phase::Live).await;
    let id = snapshot.conversation_id;
    ask(&mut shown, "What time is it?").await;
    let snapshot = shown.window.snapshot().await.unwrap();
    assert_eq!(snapshot.panels.injections.len(), 1, "this host cannot be given a text, and that is said");
    drop(host);
    shown.shows(|s| s.call.phase == Phase::Reconnecting).await;
    let snapshot = ask(&mut shown, "Are you still there?").await;
    assert_eq!(snapshot.conversation_id, id);
    assert_eq!(snapshot.call.phase, Phase::Reconnecting, "and the host is still looked for");
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_holds_no_address_and_nothing_that_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), Some("moshi.secret-lab.example:8998".into())).await;
    let patch = SettingsPatch { person: Some("Ada Lovelace".into()), ..SettingsPatch::default() };
    shown.window.change_settings(patch).await.unwrap();
    ask(&mut shown, "My password is swordfish.").await;
    let report = shown.window.report().await.unwrap();
    for secret in ["secret-lab", "Lovelace", "swordfish", folder.path().to_str().unwrap()] {
        assert!(!report.contains(secret), "{secret} is in it:\n{report}");
    }
    assert!(report.contains("Brain: well"), "{report}");
    shown.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn brain_settings_that_cannot_work_are_refused_beside_their_field() {
    let folder = tempfile::tempdir().unwrap();
    let shown = Shown::open(folder.path(), None).await;
    let refused = |patch| async { shown.window.change_settings(patch).await.unwrap_err().code };
    let mas = SettingsPatch { mas_address: Some("ftp://mas".into()), ..SettingsPatch::default() };
    assert_eq!(refused(mas).await, "mas.bad_address");
    let model = SettingsPatch { model_address: Some("http://u:p@m".into()), ..SettingsPatch::default() };
    assert_eq!(refused(model).await, "model.secret_in_address");
    let person = SettingsPatch { person: Some(" ".into()), ..SettingsPatch::default() };
    assert_eq!(refused(person).await, "settings.person");
    shown.close().await;
}
