import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { SceneName } from "$lib/backend/scenes";
import { asked, picture, windows } from "./window";

const { open } = windows();

async function openModels(scene: SceneName): Promise<Page> {
  const page = await open(scene);
  await page.getByTestId("settings-open").click();
  await page.getByTestId("to-models").click();
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-models");
  return page;
}

const row = (page: Page, id: string) => page.locator(`[data-testid=model-row][data-model="${id}"]`);
const Q8 = "moshika-candle-q8";
const flat = (text: string) => text.replace(/\s+/g, " ").trim();

test("each model says what it is, how large, under which licence, and whether it fits", async () => {
  const page = await openModels("modelsGated");
  expect(flat(await row(page, Q8).innerText())).toContain(
    "Moshika, 8 bits q8 Moshi with a woman's voice, in half of the memory. 8.6 GB · Creative Commons Attribution 4.0 " +
      "Fits: It needs 10.2 GB of the 30.9 GB that are free. Not here Download 8.6 GB",
  );
  // Which one, for ears.
  expect(await page.getByRole("button", { name: /^Download 8.6 GB ?: Moshika, 8 bits$/ }).count()).toBe(1);
  expect(await row(page, "moshika-candle-bf16").innerText()).toContain("Fits barely");
  expect(await page.getByTestId("models-free").innerText()).toContain("41 GB are free in /home/ada");
});

describe("a download", () => {
  test("shows bytes, speed, time left and a bar with a name, and is paused and gone on with", async () => {
    const page = await openModels("modelsDownloading");
    const bar = page.getByRole("progressbar", { name: "Download of Moshika, 8 bits" }).last();
    expect(await bar.getAttribute("aria-valuetext")).toBe("3.1 GB of 8.6 GB, 36 %, 42 MB/s, about 2 min left");
    expect(await row(page, Q8).innerText()).toContain("42 MB/s");
    expect(flat(await page.getByTestId("under-way").innerText())).toBe("Downloading Moshika, 8 bits, 36 %, about 2 min left");
    await row(page, Q8).getByTestId("model-pause").click();
    await expect.poll(() => asked(page, "pauseDownload")).toEqual([Q8]);
    await expect.poll(() => row(page, Q8).getAttribute("data-state")).toBe("paused");
    expect(await page.getByTestId("under-way").count()).toBe(0);
    await row(page, Q8).getByTestId("model-resume").click();
    await expect.poll(() => asked(page, "downloadModel")).toEqual([Q8]);
    await expect.poll(() => row(page, Q8).getAttribute("data-state"), { timeout: 15_000 }).toBe("here");
    await expect.poll(() => page.getByTestId("announcer").innerText(), { timeout: 5000 }).toContain("Moshika, 8 bits is here.");
  });

  test("in the main window leads to where it can be paused", async () => {
    const page = await open("modelsDownloading");
    await page.getByTestId("under-way").click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-models");
  });

  test("for which the disk is too full says so, without a button that leads nowhere", async () => {
    const page = await openModels("modelsDiskFull");
    const problem = row(page, Q8).locator("[data-code='models.disk_full']");
    expect(await problem.innerText()).toContain("3.2 GB are free");
    expect(await problem.getByRole("button").count()).toBe(0);
    await picture(page, "models-disk-full-light");
  });

  test("that is refused says why in its row", async () => {
    const page = await openModels("modelsGated");
    await page.evaluate(() => script.refusals.set("downloadModel", script.scenes.problem("history.disk_full")));
    await row(page, Q8).getByTestId("model-download").click();
    await row(page, Q8).locator("[data-code='history.disk_full']").waitFor();
  });
});

describe("a model behind a licence", () => {
  test("has the steps, the page's address to copy, and opens up with a token", async () => {
    const page = await openModels("modelsGated");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const model = row(page, "personaplex-7b-v1");
    expect(await model.getByTestId("model-download").isDisabled()).toBe(true);
    expect(await model.getByRole("listitem").count()).toBe(3);
    expect(await page.getByRole("link").count(), "the window opens no links").toBe(0);
    await model.getByTestId("page-copy").click();
    await page.getByText("Copied.").waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("https://huggingface.co/nvidia/personaplex-7b-v1");
    await picture(page, "models-gated-light");
    await model.getByTestId("to-token").click();
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("hub-token");
    await page.keyboard.type("a token");
    await page.keyboard.press("Enter");
    await expect.poll(() => asked(page, "setHubToken")).toEqual(["a token"]);
    await expect.poll(() => model.getByTestId("gated").count()).toBe(0);
    expect(await model.getByTestId("model-download").isDisabled()).toBe(false);
  });
});

describe("what is here", () => {
  test("is deleted after a second word, which says what it frees", async () => {
    const page = await openModels("modelsHere");
    await row(page, Q8).getByTestId("model-delete").click();
    expect(await page.getByTestId("confirm").innerText()).toContain("That frees 8.6 GB.");
    await page.getByTestId("confirm-yes").click();
    await expect.poll(() => asked(page, "deleteModel")).toEqual([Q8]);
    await expect.poll(() => row(page, Q8).getAttribute("data-state")).toBe("absent");
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("model-download");
  });

  test("in the cache of others is used and not ours to delete", async () => {
    const page = await openModels("modelsHere");
    const model = row(page, "moshika-candle-bf16");
    expect(await model.getByTestId("model-delete").count()).toBe(0);
    expect(await model.innerText()).toContain("used as it is");
  });

  test("stands in About with its licence, and what one talks with too", async () => {
    const page = await openModels("modelsHere");
    expect(await page.getByTestId("about-models").innerText()).toContain("Licence: Creative Commons Attribution 4.0");
    expect(flat(await page.getByTestId("about-model").innerText())).toBe("No model now");
    await page.evaluate(() => script.show("live"));
    await expect.poll(async () => flat(await page.getByTestId("about-model").innerText())).toBe("PersonaPlex 7B, Moshi server 0.4");
  });
});

describe("a folder", () => {
  test("is taken where it lies, or the reason stands beside the field", async () => {
    const page = await openModels("modelsHere");
    await page.evaluate(() => script.refusals.set("importModel", script.scenes.problem("models.no_model")));
    await page.getByTestId("model-folder").fill("/data/empty");
    await page.getByTestId("model-import").click();
    await page.locator("#model-folder-problem").waitFor();
    expect(await page.getByTestId("model-folder").inputValue()).toBe("/data/empty");
    await page.evaluate(() => script.refusals.clear());
    await page.getByTestId("model-folder").fill(" /data/my-moshi ");
    await page.keyboard.press("Enter");
    await row(page, "my-moshi").waitFor();
    expect(await asked(page, "importModel")).toEqual(["/data/empty", "/data/my-moshi"]);
    expect(await page.getByTestId("model-folder").inputValue()).toBe("");
    await row(page, "my-moshi").getByTestId("model-delete").click();
    expect(await page.getByTestId("confirm").innerText()).toContain("The folder stays as it is.");
    await page.getByTestId("confirm-yes").click();
    await expect.poll(() => row(page, "my-moshi").count()).toBe(0);
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-models");
  });
});

test("the endpoint is kept when it is left, and models are looked for anew on demand", async () => {
  const page = await openModels("modelsHere");
  await page.getByTestId("model-endpoint").fill("https://mirror.example");
  await page.keyboard.press("Tab");
  await expect.poll(() => asked(page, "changeSettings")).toEqual([{ modelEndpoint: "https://mirror.example" }]);
  await page.getByTestId("models-refresh").click();
  await expect.poll(() => asked(page, "refreshModels")).toHaveLength(1);
  await page.evaluate(() => script.refusals.set("refreshModels", script.scenes.problem("history.disk_full")));
  await page.getByTestId("models-refresh").click();
  await page.locator("[data-testid=notice][data-code='history.disk_full']").waitFor();
});
