import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { SceneName } from "$lib/backend/scenes";
import { asked, type Look, picture, SMALL, windows } from "./window";

const { open } = windows();

async function openDoctor(scene: SceneName, look: Look = {}): Promise<Page> {
  const page = await open(scene, look);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByTestId("settings-open").click();
  await page.getByTestId("to-doctor").click();
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("settings-doctor");
  return page;
}

const flat = async (page: Page, id: string) => (await page.getByTestId(id).innerText()).replace(/\s+/g, " ");

describe("the doctor", () => {
  test("has not looked unasked, and says how long it takes", async () => {
    const page = await openDoctor("idle");
    expect(await asked(page, "runDoctor")).toEqual([]);
    expect(await page.getByTestId("doctor-run").innerText()).toBe("Look at this computer");
    await page.getByText("together up to 20 seconds").waitFor();
  });

  test("says what it looks at and how far it is, and can be cancelled", async () => {
    const page = await openDoctor("doctorReading");
    expect(await flat(page, "doctor-work")).toContain("Reading: Docker and its runtimes");
    const bar = page.getByRole("progressbar", { name: "The doctor looks at this computer" });
    expect(await bar.getAttribute("aria-valuenow")).toBe("30");
    await page.evaluate(() => script.show("doctorMeasuring"));
    await expect.poll(() => flat(page, "doctor-work")).toContain("Measuring: memory bandwidth");
    await page.getByTestId("doctor-run").click();
    await expect.poll(() => asked(page, "cancelDoctor")).toHaveLength(1);
  });

  test("ends with its sentence, which is told to a screen reader too", async () => {
    const page = await openDoctor("idle");
    await page.getByTestId("doctor-run").click();
    await page.getByTestId("doctor-summary").waitFor();
    expect(await page.getByTestId("doctor-summary").innerText()).toContain("no graphics card that could run Moshi");
    await expect.poll(() => page.getByTestId("announcer").innerText()).toContain("no graphics card that could run Moshi");
    expect(await page.getByTestId("doctor-run").innerText()).toBe("Look again");
  });

  test("that could not finish says why, and offers to look again", async () => {
    const page = await openDoctor("doctorFailed");
    await page.locator("[data-code='doctor.timed_out']").waitFor();
    expect(await page.getByTestId("doctor-run").innerText()).toBe("Look again");
  });
});

describe("its table", () => {
  test("has a head for each column and row, and a shape and a word for each verdict", async () => {
    const page = await openDoctor("doctor5090");
    const table = page.getByRole("table", { name: "What can run Moshi on this computer" });
    expect(await table.getByRole("columnheader").allInnerTexts()).toEqual(["Program", "Weights", "Verdict"]);
    expect(await table.getByRole("rowheader").count()).toBe(4);
    const best = page.locator("[data-testid=doctor-row][data-recommended=true]");
    expect((await best.innerText()).replace(/\s+/g, " ").trim()).toBe(
      "myca host on the GPU Recommended q8 Works measured A step took 14 ms of the 80 ms that there are. It needs 10.2 GB of the 30.9 GB that are free.",
    );
    for (const [verdict, shape, word] of [["works", "well", "Works"], ["shouldWork", "well", "Should work"], ["willNotStart", "wrong", "Will not start"]] as const) {
      const row = page.locator(`[data-testid=doctor-row][data-verdict=${verdict}]`).first();
      expect(await row.locator("svg").getAttribute("class")).toContain(shape);
      expect(await row.innerText()).toContain(word);
    }
    expect(await page.locator("[data-verdict=willNotStart]").first().innerText()).toContain("run it in WSL 2.");
  });

  test("comes with the facts and with what was not looked at", async () => {
    const page = await openDoctor("doctorNoGpu");
    expect(await flat(page, "doctor-facts")).toContain("Graphics None found");
    expect(await page.getByTestId("doctor-left-out").innerText()).toBe("Vulkan: its loader is not installed.");
    await page.getByTestId("doctor-copy").click();
    await page.getByText("Copied.").waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain("q4 weights: Too slow (measured)");
  });

  test.each([["wide", { width: 1280, height: 800 }], ["900 wide", SMALL], ["at 200 %", { width: 450, height: 300 }]] as const)(
    "is read without scrolling sideways, %s",
    async (name, size) => {
      const page = await open("doctor5090");
      await page.getByTestId("settings-open").click();
      await page.setViewportSize(size);
      const table = page.getByTestId("doctor-table");
      await table.scrollIntoViewIfNeeded();
      const inner = page.locator("[data-testid=settings] .sections");
      expect(await inner.evaluate((sections) => sections.scrollWidth - sections.clientWidth)).toBe(0);
      await picture(page, `doctor-table-${name.replaceAll(/\W+/g, "-")}-light`);
    },
  );
});
