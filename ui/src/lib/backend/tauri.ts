import { Channel, invoke } from "@tauri-apps/api/core";
import type { Backend } from ".";
import type { HistoryPage, MemoryPage, Snapshot, UiEvent } from "./bindings";

/** The window's only contact with Tauri. It translates names and nothing else. */
export const tauri: Backend = {
  snapshot: () => invoke<Snapshot>("snapshot"),
  async subscribe(onEvents) {
    const channel = new Channel<UiEvent[]>(onEvents);
    await invoke("subscribe", { onEvents: channel });
    return () => {
      channel.onmessage = () => {};
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
  dismissNotice: (id) => invoke("dismiss_notice", { id }),
  retryTurn: (id) => invoke("retry_turn", { id }),
  cancelAnswer: () => invoke("cancel_answer"),
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
  report: () => invoke<string>("report"),
};
