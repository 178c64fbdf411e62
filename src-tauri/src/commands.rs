//! What the window may ask. Each command hands the wish on and translates nothing but the answer.

use tauri::State;
use tauri::ipc::Channel;
use window::view::{Problem, Snapshot, UiEvent};
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
