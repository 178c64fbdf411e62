//! What the window may ask. Each command hands the wish on and translates nothing but the answer.

use tauri::State;
use tauri::ipc::Channel;
use window::view::{ExportFormat, HistoryPage, MemoryPage, Problem, Snapshot, UiEvent};
use window::{SettingsPatch, Window};

use crate::marks;

type Answer<T = ()> = Result<T, Problem>;

#[tauri::command]
pub(crate) async fn snapshot(window: State<'_, Window>) -> Answer<Snapshot> {
    let snapshot = window.snapshot().await;
    marks::set("window");
    snapshot
}

#[tauri::command]
pub(crate) async fn subscribe(window: State<'_, Window>, on_events: Channel<Vec<UiEvent>>) -> Answer {
    window.subscribe(Box::new(move |events| on_events.send(events).is_ok())).await
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
pub(crate) async fn report(window: State<'_, Window>) -> Answer<String> {
    window.report().await
}
