import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { ScriptedBackend } from "$lib/backend/scripted";
import type { SceneName } from "$lib/backend/scenes";
import { serve, type Site } from "./serve";

declare global {
  var script: ScriptedBackend;
}

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const PICTURES = fileURLToPath(new URL("../test-pictures/", import.meta.url));

export type Look = {
  theme?: "light" | "dark";
  size?: { width: number; height: number };
  still?: boolean;
  query?: string;
  /** The clock starts at a time of day that reads well in a picture. */
  atNoon?: boolean;
};

export const WIDE = { width: 1280, height: 800 };
export const SMALL = { width: 900, height: 600 };

/** One browser and one server for a test file; each window opened is a fresh one and must stay free of errors. */
export function windows(folder: "dist" | "dist-scripted" = "dist-scripted") {
  let browser: Browser;
  let site: Site;
  const opened: { page: Page; errors: string[] }[] = [];

  beforeAll(async () => {
    site = await serve(folder);
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  });

  afterEach(async () => {
    for (const { page, errors } of opened.splice(0)) {
      await page.context().close();
      expect(errors, "errors and refused loads in the window").toEqual([]);
    }
  });

  afterAll(async () => {
    await browser.close();
    await site.close();
  });

  async function blank({ theme = "light", size = WIDE, still = false, atNoon = false }: Look = {}): Promise<Page> {
    const options: BrowserContextOptions = {
      viewport: size,
      colorScheme: theme,
      reducedMotion: still ? "reduce" : "no-preference",
      locale: "en-GB",
      timezoneId: "Europe/Berlin",
    };
    const context = await browser.newContext(options);
    const page = await context.newPage();
    if (atNoon) await page.clock.install({ time: "2026-11-23T14:02:09+01:00" });
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    // Chromium reports what the content policy refuses as a console error.
    page.on("console", (message) => {
      // Advice to whoever reads a canvas: that is the tests, not the window.
      if (message.text().includes("willReadFrequently")) return;
      if (message.type() === "error" || message.type() === "warning") errors.push(message.text());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(site.url)) errors.push(`asked for ${request.url()}`);
    });
    opened.push({ page, errors });
    return page;
  }

  async function open(scene: SceneName, look: Look = {}): Promise<Page> {
    const page = await blank(look);
    await page.goto(`${site.url}?scene=${scene}${look.query ?? ""}`);
    await page.waitForFunction(() => "script" in globalThis);
    if (!look.query) await page.getByTestId("talk").and(page.locator(":enabled")).waitFor();
    return page;
  }

  /** Takes the errors out of a page's account: for those that a test provokes on purpose. */
  function takeErrors(page: Page): string[] {
    return opened.find((window) => window.page === page)?.errors.splice(0) ?? [];
  }

  return { blank, open, takeErrors, url: () => site.url };
}

export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: `${PICTURES}${name}.png` });
}

export async function asked(page: Page, command: string): Promise<unknown[]> {
  return page.evaluate(
    (name) => script.asked.filter((request) => request.command === name).map(({ argument }) => argument),
    command,
  );
}
