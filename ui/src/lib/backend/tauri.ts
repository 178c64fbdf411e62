import { Channel, invoke } from "@tauri-apps/api/core";
import type { Backend } from ".";
import type { Snapshot, UiEvent } from "./bindings";

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
};
