import { invoke } from "@tauri-apps/api/core";
import type { Backend } from ".";
import type { HistoryPage, MemoryPage, Snapshot, UiEvent } from "./bindings";

/** The window's only contact with Tauri. It translates names, and follows the events. */
export const tauri: Backend = {
  snapshot: () => invoke<Snapshot>("snapshot"),
  async subscribe(onEvents, onOver) {
    const subscription = await invoke<number>("subscribe");
    let wanted = true;
    // Asked for, and not sent: a channel hands small messages over as scripts, which the web view has to compile.
    const follow = async () => {
      while (wanted) {
        const events = await invoke<UiEvent[]>("next_events", { subscription });
        if (wanted) onEvents(events);
      }
    };
    follow().catch(() => {
      if (wanted) onOver();
    });
    return () => {
      wanted = false;
    };
  },
  talk: () => invoke("talk"),
  stop: () => invoke("stop"),
  setMuted: (muted) => invoke("set_muted", { muted }),
  sendText: (text) => invoke("send_text", { text }),
  changeSettings: (patch) => invoke("change_settings", { patch }),
  newConversation: () => invoke("new_conversation"),
  startEchoTest: () => invoke("start_echo_test"),
  stopEchoTest: () => invoke("stop_echo_test"),
  startDictation: () => invoke("start_dictation"),
  stopDictation: () => invoke("stop_dictation"),
  dismissNotice: (id) => invoke("dismiss_notice", { id }),
  retryTurn: (id) => invoke("retry_turn", { id }),
  cancelAnswer: () => invoke("cancel_answer"),
  stopSpeaking: () => invoke("stop_speaking"),
  decide: (call, allowed) => invoke("decide", { call, allowed }),
  findConversations: (query, offset) => invoke<HistoryPage>("find_conversations", { query, offset }),
  resumeConversation: (id) => invoke("resume_conversation", { id }),
  renameConversation: (id, title) => invoke("rename_conversation", { id, title }),
  deleteConversation: (id) => invoke("delete_conversation", { id }),
  exportConversation: (id, format) => invoke<string>("export_conversation", { id, format }),
  findMemories: (query, offset) => invoke<MemoryPage>("find_memories", { query, offset }),
  editMemory: (id, text) => invoke("edit_memory", { id, text }),
  forgetMemory: (id) => invoke("forget_memory", { id }),
  setMasToken: (token) => invoke("set_mas_token", { token }),
  setEarKey: (key) => invoke("set_ear_key", { key }),
  addHost: (draft) => invoke<string>("add_host", { draft }),
  editHost: (id, draft) => invoke("edit_host", { id, draft }),
  deleteHost: (id) => invoke("delete_host", { id }),
  orderHosts: (ids) => invoke("order_hosts", { ids }),
  chooseHost: (id) => invoke("choose_host", { id }),
  pinHost: (id, fingerprint) => invoke("pin_host", { id, fingerprint }),
  setHostToken: (id, token) => invoke("set_host_token", { id, token }),
  checkHost: (id) => invoke("check_host", { id }),
  cancelCheck: (id) => invoke("cancel_check", { id }),
  startLocal: () => invoke("start_local"),
  stopLocal: () => invoke("stop_local"),
  localLog: () => invoke<string[]>("local_log"),
  runDoctor: () => invoke("run_doctor"),
  cancelDoctor: () => invoke("cancel_doctor"),
  refreshModels: () => invoke("refresh_models"),
  downloadModel: (id) => invoke("download_model", { id }),
  pauseDownload: (id) => invoke("pause_download", { id }),
  deleteModel: (id) => invoke("delete_model", { id }),
  importModel: (folder) => invoke<string>("import_model", { folder }),
  setHubToken: (token) => invoke("set_hub_token", { token }),
  report: () => invoke<string>("report"),
};
