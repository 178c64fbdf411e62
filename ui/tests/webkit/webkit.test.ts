import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SCENES, type SceneName } from "$lib/backend/scenes";
import { serve, type Site } from "../serve";
import { type Driver, startWebKit } from "./driver";

let site: Site;
let webkit: Driver;

beforeAll(async () => {
  site = await serve("dist-scripted");
  webkit = await startWebKit();
  await webkit.resize(1280, 800);
});

afterAll(async () => {
  await webkit.quit();
  await site.close();
});

async function show(scene: SceneName): Promise<void> {
  await webkit.open(`${site.url}?scene=${scene}`);
  await webkit.run(`
    while (!document.querySelector("[data-testid=talk]:enabled")) await new Promise((later) => setTimeout(later, 20));
  `);
}

async function picture(name: string): Promise<void> {
  const folder = fileURLToPath(new URL("../../test-pictures/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}webkit-${name}.png`, await webkit.picture());
}

test("every scene is drawn, and the content policy has nothing to refuse", async () => {
  for (const scene of Object.keys(SCENES) as SceneName[]) {
    await show(scene);
    await webkit.run(`
      document.querySelector("[data-testid=light-moshi]").click();
      document.querySelector("[data-testid=settings-open]").click();
      await new Promise((later) => setTimeout(later, 100));
    `);
    expect(await webkit.run(`return document.querySelector("[data-testid=phase]").innerText.length > 3`), scene).toBe(true);
    expect(
      await webkit.run(`
        const pane = document.querySelector("[data-testid=settings] .sections");
        return [pane.scrollWidth - pane.clientWidth, document.documentElement.scrollWidth - innerWidth].join();
      `),
      `${scene}: nothing is pushed out sideways`,
    ).toBe("0,0");
  }
  expect(site.refused).toEqual([]);
  await picture("settings");
}, 120_000);

test("the policy is in force", async () => {
  await show("idle");
  await webkit.run(`document.body.setAttribute("style", "color: red"); await new Promise((later) => setTimeout(later, 300));`);
  expect(site.refused.splice(0).join()).toContain("style-src");
});

test("waveforms are painted", async () => {
  await show("live");
  await webkit.run(`script.playSound(); await new Promise((later) => setTimeout(later, 2500));`);
  await picture("live");
  const painted = await webkit.run<number[]>(`
    return [...document.querySelectorAll("canvas")].map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, at) => at % 4 === 3 && value === 255).length;
    });
  `);
  expect(painted).toHaveLength(2);
  for (const pixels of painted) expect(pixels).toBeGreaterThan(50);
});

test("panels and events are drawn, and what is copied is on the clipboard or offered to be copied by hand", async () => {
  await show("mas");
  await webkit.run(`
    document.querySelector("[data-testid=events-open]").click();
    await new Promise((later) => setTimeout(later, 300));
    document.querySelector("[data-testid=events-copy]").click();
    await new Promise((later) => setTimeout(later, 300));
  `);
  await picture("mas");
  expect(await webkit.run(`return document.querySelectorAll("[data-testid=tool]").length`)).toBe(4);
  expect(await webkit.run(`return document.querySelectorAll("[data-testid=event]").length`)).toBe(9);
  expect(await webkit.run(`return document.querySelector("[data-testid=events-told]").innerText`)).toMatch(
    /^9 events copied\.$|^Copying is not allowed here\./,
  );
});

test("what is typed is sent", async () => {
  await show("idle");
  await webkit.type("text-box", "Hello from WebKit\uE007");
  expect(await webkit.run(`return script.asked.at(-1)`)).toEqual({ command: "sendText", argument: "Hello from WebKit" });
  expect(await webkit.run(`return document.querySelector("[data-testid=text-box]").value`)).toBe("");
});

test("scrolling up through turns never seen does not jump", async () => {
  await show("tenThousand");
  const moved = await webkit.run<number[]>(`
    await new Promise((later) => setTimeout(later, 500));
    const list = document.querySelector("[data-testid=turns]");
    const moves = [list.scrollHeight - list.scrollTop - list.clientHeight];
    for (let step = 0; step < 20; step += 1) {
      const top = list.getBoundingClientRect().top;
      const row = [...list.querySelectorAll("[data-testid=turn]")].find((each) => each.getBoundingClientRect().top >= top);
      const before = row.getBoundingClientRect().top;
      list.scrollBy(0, -350);
      await new Promise((later) => setTimeout(later, 150));
      await new Promise((later) => requestAnimationFrame(() => setTimeout(later, 0)));
      moves.push(Math.round(row.getBoundingClientRect().top - before));
    }
    return moves;
  `);
  expect(moved).toEqual([0, ...Array.from({ length: 20 }, () => 350)]);
  await picture("ten-thousand");
}, 60_000);
