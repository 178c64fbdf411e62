import "./styles/tokens.css";
import "./styles/base.css";
import { mount } from "svelte";
import { loadBackend } from "$lib/backend";
import { App } from "$lib/state/app.svelte";
import { Store } from "$lib/state/store.svelte";
import Window from "./Window.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");

const store = new Store(loadBackend);
mount(Window, { target, props: { app: new App(store) } });
void store.open();
