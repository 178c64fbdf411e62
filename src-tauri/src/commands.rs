//! What the window may ask. Each command hands the wish on and translates nothing but the answer.

use std::sync::Arc;

use tauri::State;
use window::view::{ExportFormat, HistoryPage, HostDraft, MemoryPage, Problem, Snapshot, UiEvent};
use window::{SettingsPatch, Window};

use crate::events::Events;
use crate::marks;

type Answer<T = ()> = Result<T, Problem>;

#[tauri::command]
pub(crate) async fn snapshot(window: State<'_, Window>) -> Answer<Snapshot> {
    let snapshot = window.snapshot().await;
    marks::set("window");
    snapshot
}

/// The answer is the number of the subscription.
#[tauri::command]
pub(crate) async fn subscribe(window: State<'_, Window>, events: State<'_, Arc<Events>>) -> Answer<u64> {
    let (subscription, sink) = events.subscribe();
    window.subscribe(sink).await?;
    Ok(subscription)
}

/// Waits for events of a subscription.
#[tauri::command]
pub(crate) async fn next_events(events: State<'_, Arc<Events>>, subscription: u64) -> Answer<Vec<UiEvent>> {
    events.next(subscription).await
}

#[tauri::command]
pub(crate) async fn talk(window: State<'_, Window>) -> Answer {
    window.talk().await
}

#[tauri::command]
pub(crate) async fn stop(window: State<'_, Window>) -> Answer {
    window.stop().await
}

#[tauri::command]
pub(crate) async fn set_muted(window: State<'_, Window>, muted: bool) -> Answer {
    window.set_muted(muted).await
}

#[tauri::command]
pub(crate) async fn send_text(window: State<'_, Window>, text: String) -> Answer {
    window.send_text(text).await
}

#[tauri::command]
pub(crate) async fn change_settings(window: State<'_, Window>, patch: SettingsPatch) -> Answer {
    window.change_settings(patch).await
}

#[tauri::command]
pub(crate) async fn new_conversation(window: State<'_, Window>) -> Answer {
    window.new_conversation().await
}

#[tauri::command]
pub(crate) async fn start_echo_test(window: State<'_, Window>) -> Answer {
    window.start_echo_test().await
}

#[tauri::command]
pub(crate) async fn stop_echo_test(window: State<'_, Window>) -> Answer {
    window.stop_echo_test().await
}

#[tauri::command]
pub(crate) async fn start_dictation(window: State<'_, Window>) -> Answer {
    window.start_dictation().await
}

#[tauri::command]
pub(crate) async fn stop_dictation(window: State<'_, Window>) -> Answer {
    window.stop_dictation().await
}

#[tauri::command]
pub(crate) async fn dismiss_notice(window: State<'_, Window>, id: String) -> Answer {
    window.dismiss_notice(id).await
}

#[tauri::command]
pub(crate) async fn retry_turn(window: State<'_, Window>, id: String) -> Answer {
    window.retry_turn(&id).await
}

#[tauri::command]
pub(crate) async fn cancel_answer(window: State<'_, Window>) -> Answer {
    window.cancel_answer().await
}

#[tauri::command]
pub(crate) async fn stop_speaking(window: State<'_, Window>) -> Answer {
    window.stop_speaking().await
}

#[tauri::command]
pub(crate) async fn decide(window: State<'_, Window>, call: String, allowed: bool) -> Answer {
    window.decide(&call, allowed).await
}

#[tauri::command]
pub(crate) async fn find_conversations(
    window: State<'_, Window>,
    query: String,
    offset: u32,
) -> Answer<HistoryPage> {
    window.find_conversations(query, offset).await
}

#[tauri::command]
pub(crate) async fn resume_conversation(window: State<'_, Window>, id: String) -> Answer {
    window.resume_conversation(id).await
}

#[tauri::command]
pub(crate) async fn rename_conversation(window: State<'_, Window>, id: String, title: String) -> Answer {
    window.rename_conversation(id, title).await
}

#[tauri::command]
pub(crate) async fn delete_conversation(window: State<'_, Window>, id: String) -> Answer {
    window.delete_conversation(id).await
}

#[tauri::command]
pub(crate) async fn export_conversation(
    window: State<'_, Window>,
    id: String,
    format: ExportFormat,
) -> Answer<String> {
    window.export_conversation(id, format).await
}

#[tauri::command]
pub(crate) async fn find_memories(
    window: State<'_, Window>,
    query: String,
    offset: u32,
) -> Answer<MemoryPage> {
    window.find_memories(query, offset).await
}

#[tauri::command]
pub(crate) async fn edit_memory(window: State<'_, Window>, id: String, text: String) -> Answer {
    window.edit_memory(id, text).await
}

#[tauri::command]
pub(crate) async fn forget_memory(window: State<'_, Window>, id: String) -> Answer {
    window.forget_memory(id).await
}

#[tauri::command]
pub(crate) async fn set_mas_token(window: State<'_, Window>, token: Option<String>) -> Answer {
    window.set_mas_token(token).await
}

#[tauri::command]
pub(crate) async fn set_ear_key(window: State<'_, Window>, key: Option<String>) -> Answer {
    window.set_ear_key(key).await
}

#[tauri::command]
pub(crate) async fn add_host(window: State<'_, Window>, draft: HostDraft) -> Answer<String> {
    window.add_host(draft).await
}

#[tauri::command]
pub(crate) async fn edit_host(window: State<'_, Window>, id: String, draft: HostDraft) -> Answer {
    window.edit_host(id, draft).await
}

#[tauri::command]
pub(crate) async fn delete_host(window: State<'_, Window>, id: String) -> Answer {
    window.delete_host(id).await
}

#[tauri::command]
pub(crate) async fn order_hosts(window: State<'_, Window>, ids: Vec<String>) -> Answer {
    window.order_hosts(ids).await
}

#[tauri::command]
pub(crate) async fn choose_host(window: State<'_, Window>, id: String) -> Answer {
    window.choose_host(id).await
}

#[tauri::command]
pub(crate) async fn pin_host(window: State<'_, Window>, id: String, fingerprint: Option<String>) -> Answer {
    window.pin_host(id, fingerprint).await
}

#[tauri::command]
pub(crate) async fn set_host_token(window: State<'_, Window>, id: String, token: Option<String>) -> Answer {
    window.set_host_token(id, token).await
}

#[tauri::command]
pub(crate) async fn check_host(window: State<'_, Window>, id: String) -> Answer {
    window.check_host(id).await
}

#[tauri::command]
pub(crate) async fn cancel_check(window: State<'_, Window>, id: String) -> Answer {
    window.cancel_check(id).await
}

#[tauri::command]
pub(crate) async fn start_local(window: State<'_, Window>) -> Answer {
    window.start_local().await
}

#[tauri::command]
pub(crate) async fn stop_local(window: State<'_, Window>) -> Answer {
    window.stop_local().await
}

#[tauri::command]
pub(crate) async fn local_log(window: State<'_, Window>) -> Answer<Vec<String>> {
    window.local_log().await
}

#[tauri::command]
pub(crate) async fn run_doctor(window: State<'_, Window>) -> Answer {
    window.run_doctor().await
}

#[tauri::command]
pub(crate) async fn cancel_doctor(window: State<'_, Window>) -> Answer {
    window.cancel_doctor().await
}

#[tauri::command]
pub(crate) async fn refresh_models(window: State<'_, Window>) -> Answer {
    window.refresh_models().await
}

#[tauri::command]
pub(crate) async fn download_model(window: State<'_, Window>, id: String) -> Answer {
    window.download_model(id).await
}

#[tauri::command]
pub(crate) async fn pause_download(window: State<'_, Window>, id: String) -> Answer {
    window.pause_download(id).await
}

#[tauri::command]
pub(crate) async fn delete_model(window: State<'_, Window>, id: String) -> Answer {
    window.delete_model(id).await
}

#[tauri::command]
pub(crate) async fn import_model(window: State<'_, Window>, folder: String) -> Answer<String> {
    window.import_model(folder).await
}

#[tauri::command]
pub(crate) async fn set_hub_token(window: State<'_, Window>, token: Option<String>) -> Answer {
    window.set_hub_token(token).await
}

#[tauri::command]
pub(crate) async fn report(window: State<'_, Window>) -> Answer<String> {
    window.report().await
}
