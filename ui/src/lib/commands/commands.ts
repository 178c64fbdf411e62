import type { Answerer } from "$lib/backend";
import { PLACES } from "$lib/settings/places";
import type { App } from "$lib/state/app.svelte";
import { canStop } from "$lib/state/phase";
import { openQuestions } from "$lib/state/questions";
import { answers, moshiSpeaks } from "$lib/words/brain";
import { looks } from "$lib/words/doctor";
import { ANSWERERS } from "$lib/words/hearing";
import { localRuns } from "$lib/words/local";

/** Something that the window can be told to do. */
export type Named = { id: string; title: string; keys?: string[]; run: () => void };

/** Everything that can be done now, what is most often done first. */
export function commands(app: App): Named[] {
  const { store } = app;
  const { call, panels, echoTest, turns, dictation } = store.view;
  const failed = turns.findLast(({ delivery }) => delivery === "failed");
  const echoes = echoTest.state === "starting" || echoTest.state === "running";
  return [
    ...openQuestions(panels.tools).flatMap(({ id, name }): Named[] => [
      { id: `allow:${id}`, title: `Allow ${name}`, run: () => void store.decide(id, true) },
      { id: `refuse:${id}`, title: `Don't allow ${name}`, run: () => void store.decide(id, false) },
    ]),
    ...(answers(panels.brain.state) ? [{ id: "cancelAnswer", title: "Cancel the answer", run: () => void store.cancelAnswer() }] : []),
    ...(moshiSpeaks(panels.injections) ? [{ id: "stopSpeaking", title: "Stop speaking the reply", run: () => void store.stopSpeaking() }] : []),
    ...(failed ? [{ id: "retryTurn", title: "Try the unanswered turn again", run: () => void store.retryTurn(failed.id) }] : []),
    canStop(call.phase)
      ? { id: "stop", title: "Stop the call", keys: ["Esc"], run: () => void store.stop() }
      : { id: "talk", title: "Talk", run: () => void store.talk() },
    { id: "mute", title: call.muted ? "Unmute the microphone" : "Mute the microphone", keys: ["M"], run: () => void store.toggleMute() },
    { id: "write", title: "Write a message", run: () => app.textBox?.focus() },
    { id: "dictate", title: dictation.on ? "End the dictation" : "Dictate into the text box", keys: ["Ctrl", "Shift", "D"], run: () => app.dictate() },
    { id: "newConversation", title: "New conversation", run: () => void store.newConversation() },
    { id: "history", title: "History: find a conversation", keys: ["H"], run: () => (app.pane = { name: "history" }) },
    ...(panels.memoryCounts.editable
      ? [{ id: "memories", title: "Memory: what the brain remembers", run: () => (app.pane = { name: "memories" }) }]
      : []),
    { id: "panels", title: "Panels: brain, tool calls, agents, memory", keys: ["P"], run: () => (app.pane = { name: "panels" }) },
    { id: "events", title: app.events ? "Close the events" : "Events: what has happened", keys: ["E"], run: () => app.toggleEvents() },
    ...answering(app),
    ...hosting(app),
    ...PLACES.map(([section, name], index): Named => ({
      id: `settings:${section}`,
      title: `Settings: ${name}`,
      ...(index === 0 ? { keys: ["Ctrl", ","] } : {}),
      run: () => app.openSettings(section),
    })),
    { id: "firstScreen", title: "Show the first screen", run: () => app.showFirstScreen() },
    {
      id: "echoTest",
      title: echoes ? "Stop the echo test" : "Start the echo test",
      run: () => void (echoes ? store.stopEchoTest() : store.startEchoTest()),
    },
    { id: "themeLight", title: "Theme: light", run: () => void store.changeSettings({ theme: "light" }) },
    { id: "themeDark", title: "Theme: dark", run: () => void store.changeSettings({ theme: "dark" }) },
    { id: "themeSystem", title: "Theme: as the system", run: () => void store.changeSettings({ theme: "system" }) },
    { id: "help", title: "Shortcuts", keys: ["?"], run: () => (app.help = true) },
  ];
}

/** Who answers, but for whoever does already. */
function answering({ store }: App): Named[] {
  const others = Object.entries(ANSWERERS).filter(([answerer]) => answerer !== store.view.settings.answerer);
  return others.map(([answerer, name]): Named => ({
    id: `answers:${answerer}`,
    title: `Who answers: ${name}`,
    run: () => void store.told(store.changeSettings({ answerer: answerer as Answerer })),
  }));
}

/** What can be done with the hosts, with Moshi on this computer, and with the doctor. */
function hosting(app: App): Named[] {
  const { store } = app;
  const { hosts, local, doctor } = store.view;
  const { host } = app;
  return [
    ...hosts.profiles
      .filter(({ id }) => id !== hosts.chosen)
      .map(({ id, name }): Named => ({ id: `host:${id}`, title: `Host: use ${name}`, run: () => void store.told(store.chooseHost(id)) })),
    ...(host
      ? [{ id: "testHost", title: `Host: test ${host.name}`, run: () => (void store.told(store.checkHost(host.id)), app.openHost(host.id)) }]
      : []),
    { id: "addHost", title: "Host: add one", run: () => app.addHost() },
    localRuns(local.phase)
      ? { id: "stopLocal", title: "Stop Moshi on this computer", run: () => void store.stopLocal() }
      : { id: "startLocal", title: "Start Moshi on this computer", run: () => void store.startLocal() },
    { id: "localLog", title: "Log of Moshi on this computer", run: () => app.openLog() },
    {
      id: "doctor",
      title: looks(doctor) ? "Doctor: cancel" : "Doctor: look at this computer",
      run: () => (void (looks(doctor) ? store.cancelDoctor() : store.runDoctor()), app.openSettings("doctor")),
    },
  ];
}
