import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { FINGERPRINT } from "$lib/backend/hostScenes";
import type { SceneName } from "$lib/backend/scenes";
import { asked, type Look, picture, SMALL, windows } from "./window";

const { open } = windows();

async function openHosts(scene: SceneName, look: Look = {}): Promise<Page> {
  const page = await open(scene, look);
  await page.getByTestId("settings-open").click();
  await page.getByTestId("settings").waitFor();
  return page;
}

async function openRow(scene: SceneName, look: Look = {}): Promise<Page> {
  const page = await openHosts(scene, look);
  await page.getByTestId("host-more").first().click();
  return page;
}

const focused = (page: Page) =>
  page.evaluate(() => document.activeElement?.getAttribute("data-testid") ?? document.activeElement?.id);
const titles = (page: Page) => page.getByTestId("host-title").allInnerTexts();
const heard = (page: Page) => page.getByTestId("announcer").innerText();

describe("the list", () => {
  test("shows each host with its address, its kind and what its last test found", async () => {
    const page = await openHosts("hosts");
    const rows = (await page.getByTestId("host").allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim());
    expect(rows).toEqual([
      "GPU box gpu-box.local:8998 · Moshi server · unencrypted Works: round trip 23 ms, handshake 212 ms, frame 31 ms",
      "Data centre moshi.example:8998 · Moshi server Busy: It holds a conversation with somebody else, and takes one caller at a time.",
      "Lab ada@gpu.example, by ssh · Moshi behind SSH Not reached: No answer within 5 s.",
      "bridge.local:8999 PersonaPlex Bridge · unencrypted Not tested yet",
      "This computer Not tested yet",
    ]);
    await picture(page, "hosts-light");
  });

  test("has one that Talk calls, chosen by click or by arrow", async () => {
    const page = await openHosts("hosts");
    await page.getByTestId("host-choose").nth(1).check();
    await expect.poll(() => asked(page, "chooseHost")).toEqual(["h2"]);
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => asked(page, "chooseHost")).toEqual(["h2", "h3"]);
    await expect.poll(() => page.locator("aside.status .address").innerText()).toBe("ada@gpu.example, by ssh");
  });

  test("marks what is true where a choice is refused, and says why", async () => {
    const page = await openHosts("hosts");
    await page.evaluate(() => script.refusals.set("chooseHost", script.scenes.problem("host.unknown")));
    await page.getByTestId("host-choose").nth(1).click();
    await page.locator("[data-code='host.unknown']").waitFor();
    expect(await page.getByTestId("host-choose").nth(0).isChecked()).toBe(true);
    expect(await page.getByTestId("host-choose").nth(1).isChecked()).toBe(false);
  });

  test("is put in another order by button, by key, and the focus goes with the host", async () => {
    const page = await openRow("hosts");
    expect(await page.getByTestId("host-up").isDisabled()).toBe(true);
    await page.getByTestId("host-down").focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => titles(page)).toEqual(["Data centre", "GPU box", "Lab", "bridge.local:8999", "This computer"]);
    await expect.poll(() => focused(page)).toBe("host-down");
    await expect.poll(() => heard(page)).toBe("GPU box is number 2 of 5.");
    await page.keyboard.press("Alt+ArrowUp");
    await expect.poll(() => titles(page)).toEqual(["GPU box", "Data centre", "Lab", "bridge.local:8999", "This computer"]);
    await expect.poll(() => focused(page)).toBe("host-down");
    await page.getByTestId("host-choose").first().focus();
    await page.keyboard.press("Alt+ArrowDown");
    await expect.poll(() => asked(page, "orderHosts")).toHaveLength(3);
    await expect.poll(() => focused(page)).toBe("host-choose");
    expect(await asked(page, "chooseHost")).toEqual([]);
  });

  test("at its end leaves the focus in the row that moved there", async () => {
    const page = await openHosts("hosts");
    await page.getByTestId("host-more").nth(3).click();
    await page.getByTestId("host-down").click();
    await expect.poll(() => titles(page).then((all) => all.at(-1))).toBe("bridge.local:8999");
    await expect.poll(() => focused(page)).toBe("host-up");
  });

  test("deletes only after a second word, and says what goes with it", async () => {
    const page = await openRow("hosts");
    await page.getByTestId("host-delete").click();
    await expect.poll(() => focused(page)).toBe("confirm-no");
    expect(await page.getByTestId("confirm").innerText()).toContain("with its token and what it measured");
    await page.keyboard.press("Escape");
    await expect.poll(() => focused(page)).toBe("host-more");
    expect(await asked(page, "deleteHost")).toEqual([]);
    await page.getByTestId("host-delete").click();
    await page.getByTestId("confirm-yes").click();
    await expect.poll(() => titles(page)).toHaveLength(4);
    await expect.poll(() => focused(page)).toBe("settings-host");
    expect(await asked(page, "deleteHost")).toEqual(["h1"]);
  });

  test("says that there is none, and that typing needs none", async () => {
    const page = await openHosts("hostsNone");
    expect(await page.getByTestId("hosts-none").innerText()).toContain("typing does not");
  });

  test("goes on with the next host where that is wished", async () => {
    const page = await openHosts("hosts");
    await page.getByTestId("use-next-host").check();
    await expect.poll(() => asked(page, "changeSettings")).toEqual([{ useNextHost: true }]);
  });
});

describe("a new host", () => {
  test("is an address, and one click more", async () => {
    const page = await openHosts("hostsNone");
    await page.getByTestId("host-add").click();
    await expect.poll(() => focused(page)).toBe("settings-hostAdd");
    await page.getByTestId("host-address").fill(" wss://gpu-box.local:8998 ");
    expect(await page.getByTestId("host-plain").count()).toBe(0);
    await page.getByTestId("host-save").click();
    await expect.poll(() => asked(page, "addHost")).toEqual([{ name: "", place: { kind: "moshi", address: "wss://gpu-box.local:8998" }, plain: false }]);
    await expect.poll(() => page.locator("aside.status .address").innerText()).toBe("gpu-box.local:8998");
    // What one does next is in reach.
    await expect.poll(() => focused(page)).toBe("host-test");
  });

  test("that is not encrypted asks for a choice, in plain words, and only then", async () => {
    const page = await openHosts("hostsNone");
    await page.getByTestId("host-add").click();
    const field = page.getByTestId("host-address");
    await field.fill("127.0.0.1:8998");
    expect(await page.getByTestId("host-plain").count()).toBe(0);
    await field.fill("gpu-box.local:8998");
    expect(await page.getByTestId("host-form").innerText()).toContain("Everybody on the way could listen in");
    expect(await page.getByTestId("host-plain").isChecked()).toBe(false);
    await field.press("Enter");
    const reason = page.locator("[data-code='host.plain']");
    await reason.waitFor();
    expect(await field.getAttribute("aria-describedby")).toContain(await reason.getAttribute("id"));
    expect(await reason.getByRole("button").count(), "no button leads to where one is").toBe(0);
    await picture(page, "host-plain-light");
    await page.getByTestId("host-plain").check();
    await page.getByTestId("host-save").click();
    await expect.poll(() => page.getByTestId("host").count()).toBe(1);
    expect(await asked(page, "addHost").then((all) => all.at(-1))).toEqual({ name: "", place: { kind: "moshi", address: "gpu-box.local:8998" }, plain: true });
    expect(await page.getByTestId("host-picker").innerText()).toContain("unencrypted");
  });

  test("behind SSH has a target and ports, of which a wrong one is said at once", async () => {
    const page = await openHosts("hostsNone");
    await page.getByTestId("host-add").click();
    await page.getByTestId("host-kind-ssh").check();
    await page.getByTestId("host-target").fill("ada@gpu.example");
    await page.getByTestId("host-port").fill("70000");
    await page.getByTestId("host-name").fill("Lab");
    await page.getByTestId("host-save").click();
    await page.locator("[data-code='window.no_port']").waitFor();
    expect(await asked(page, "addHost")).toEqual([]);
    await page.getByTestId("host-port").fill("2222");
    await page.getByTestId("host-save").click();
    await expect
      .poll(() => asked(page, "addHost"))
      .toEqual([{ name: "Lab", place: { kind: "ssh", target: "ada@gpu.example", port: 2222, remotePort: 8998 }, plain: false }]);
  });

  test("is this computer at most once", async () => {
    const page = await openHosts("hostsNone");
    await page.getByTestId("host-add").click();
    await page.getByTestId("host-kind-thisComputer").check();
    expect(await page.getByTestId("host-address").count()).toBe(0);
    await page.getByTestId("host-save").click();
    await expect.poll(() => titles(page)).toEqual(["This computer"]);
    await page.getByTestId("host-add").click();
    expect(await page.getByTestId("host-kind-thisComputer").count()).toBe(0);
  });

  test("that is refused stays as it was written; Esc leaves it and gives the focus back", async () => {
    const page = await openHosts("hostsNone");
    await page.getByTestId("host-add").click();
    await page.getByTestId("host-address").fill("ftp://somewhere");
    await page.keyboard.press("Enter");
    await page.locator("[data-code='host.bad_address']").waitFor();
    expect(await page.getByTestId("host-address").inputValue()).toBe("ftp://somewhere");
    await page.keyboard.press("Escape");
    await expect.poll(() => focused(page)).toBe("host-add");
    expect(await page.getByTestId("settings").count(), "Esc left the form and nothing else").toBe(1);
  });
});

test("a host is changed in place, beginning with what it is", async () => {
  const page = await openRow("hosts");
  await page.getByTestId("host-edit").click();
  expect(await page.getByTestId("host-name").inputValue()).toBe("GPU box");
  expect(await page.getByTestId("host-address").inputValue()).toBe("gpu-box.local:8998");
  expect(await page.getByTestId("host-plain").isChecked()).toBe(true);
  await page.getByTestId("host-name").fill("Cellar");
  await page.getByTestId("host-save").click();
  await expect.poll(() => asked(page, "editHost")).toEqual([
    { id: "h1", draft: { name: "Cellar", place: { kind: "moshi", address: "gpu-box.local:8998" }, plain: true } },
  ]);
  await expect.poll(() => focused(page)).toBe("host-more");
});

test("a host is changed while another one is added, each with fields of its own", async () => {
  const page = await openRow("hosts");
  await page.getByTestId("host-add").click();
  await page.getByTestId("host-edit").click();
  expect(await page.getByTestId("host-form").count()).toBe(2);
  const ids = await page.getByTestId("host-form").locator("[id]").evaluateAll((all) => all.map(({ id }) => id));
  expect(ids).toHaveLength(new Set(ids).size);
});

test("a host's token is kept, never shown, and removed", async () => {
  const page = await openRow("hosts");
  const field = page.getByTestId("host-token-h1");
  expect(await field.getAttribute("type")).toBe("password");
  await field.fill(" secret ");
  await field.press("Enter");
  await page.getByTestId("host-token-h1-remove").click();
  await expect.poll(() => asked(page, "setHostToken")).toEqual([{ id: "h1", token: "secret" }, { id: "h1", token: null }]);
  expect(await field.inputValue()).toBe("");
});

describe("a test", () => {
  test("shows its steps as they run, with a shape, a word for ears and a figure each, and can be cancelled", async () => {
    const page = await openRow("hostTesting");
    const states = await page.getByTestId("step").evaluateAll((steps) => steps.map((step) => step.getAttribute("data-state")));
    expect(states).toEqual(["done", "done", "done", "running", "waiting", "waiting"]);
    const words = (await page.getByTestId("step").allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim());
    expect(words[1]).toBe("done: Open an encrypted line 31 ms");
    expect(words[3]).toBe("under way: Shake hands");
    await page.getByTestId("host-test").click();
    await expect.poll(() => asked(page, "cancelCheck")).toEqual(["h1"]);
    await expect.poll(() => page.getByTestId("verdict").innerText()).toBe("Test cancelled");
  });

  test("runs to its verdict, which is told to a screen reader too", async () => {
    const page = await openRow("hosts");
    await page.getByTestId("host-test").click();
    await page.locator("[data-testid=check][data-running=true]").waitFor();
    await page.locator("[data-testid=check][data-verdict=works]").waitFor();
    expect(await page.getByTestId("verdict").innerText()).toBe("Works: Round trip 23 ms, handshake 212 ms, frame 31 ms of 80.");
    expect(await page.getByTestId("check").innerText()).toContain("It says that it is Moshi server 0.4.");
    await expect.poll(() => heard(page)).toContain("GPU box: Works.");
  });

  test.each([
    ["hostTooSlow", "Too slow", "Turn its CUDA graphs on"],
    ["hostRefused", "Refused", "Write the current one below."],
  ] as const)("of %s says what stands in the way and what to do", async (scene, verdict, next) => {
    const page = await openRow(scene);
    const words = await page.getByTestId("check").innerText();
    expect(words).toContain(verdict);
    expect(words).toContain(next);
  });
});

describe("a certificate that nobody trusts", () => {
  test("is shown whole, and trusted only after a look and two steps", async () => {
    const page = await openRow("hostUnknown");
    const shown = await page.getByTestId("offered").innerText();
    expect(shown.match(/[0-9A-F]{2}/g)?.join(":")).toBe(FINGERPRINT);
    expect(await page.getByTestId("certificate").innerText()).toContain("Compare it with the one on the host");
    const trust = page.getByTestId("trust");
    expect(await trust.isDisabled()).toBe(true);
    await page.getByTestId("compared").check();
    await page.getByTestId("trust").scrollIntoViewIfNeeded();
    await picture(page, "certificate-light");
    await trust.click();
    await expect.poll(() => asked(page, "pinHost")).toEqual([{ id: "h1", fingerprint: FINGERPRINT }]);
    expect((await page.getByTestId("pinned").innerText()).match(/[0-9A-F]{2}/g)).toHaveLength(32);
    await page.getByTestId("unpin").click();
    await expect.poll(() => asked(page, "pinHost").then((all) => all.at(-1))).toEqual({ id: "h1", fingerprint: null });
    await expect.poll(() => page.getByTestId("pin").count()).toBe(0);
  });

  test("and that another one was trusted before is said, with both of them", async () => {
    const page = await openRow("hostChanged");
    const words = await page.getByTestId("certificate").innerText();
    expect(words).toContain("Another certificate than the trusted one");
    expect(words).toContain("somebody may be in between");
    expect(await page.getByTestId("pin-before").innerText()).not.toBe(await page.getByTestId("offered").innerText());
    expect(await page.getByTestId("trust").isDisabled()).toBe(true);
  });

  test("is compared anew when it becomes another one", async () => {
    const page = await openRow("hostUnknown");
    await page.getByTestId("compared").check();
    await page.evaluate(() => script.show("hostChanged"));
    await expect.poll(() => page.getByTestId("trust").isDisabled()).toBe(true);
    expect(await page.getByTestId("compared").isChecked()).toBe(false);
  });
});

describe("the picker in the main window", () => {
  test("is a menu: arrows walk it, Enter chooses, Esc leaves it, and the focus comes back", async () => {
    const page = await open("hosts");
    const button = page.getByTestId("host-picker");
    await button.focus();
    await page.keyboard.press("Enter");
    const current = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");
    await expect.poll(current).toContain("GPU box");
    expect(await page.getByRole("menuitemradio", { checked: true }).innerText()).toContain("Works");
    await page.keyboard.press("ArrowUp");
    await expect.poll(current).toContain("Add a host…");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await expect.poll(current).toContain("Data centre");
    await picture(page, "host-menu-light");
    await page.keyboard.press("Enter");
    await expect.poll(() => asked(page, "chooseHost")).toEqual(["h2"]);
    await expect.poll(() => focused(page)).toBe("host-picker");
    expect((await button.innerText()).replace(/\s+/g, " ")).toContain("Data centre moshi.example:8998");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    await expect.poll(() => focused(page)).toBe("host-picker");
    expect(await page.getByTestId("host-menu").isVisible()).toBe(false);
    expect(await asked(page, "stop")).toEqual([]);
  });

  test("closes when one goes elsewhere", async () => {
    const page = await open("hosts");
    await page.getByTestId("host-picker").click();
    await page.getByTestId("host-menu").waitFor();
    await page.getByTestId("text-box").click();
    await expect.poll(() => page.getByTestId("host-menu").isVisible()).toBe(false);
  });

  test("leads to a new host, and says where a choice was refused", async () => {
    const page = await open("hosts");
    await page.getByTestId("host-picker").click();
    await page.getByTestId("host-menu-add").click();
    await expect.poll(() => focused(page)).toBe("settings-hostAdd");
    await page.getByTestId("settings-close").click();
    await page.evaluate(() => script.refusals.set("chooseHost", script.scenes.problem("host.unknown")));
    await page.getByTestId("host-picker").click();
    await page.getByTestId("host-item").nth(1).click();
    await page.locator("[data-code='host.unknown']").waitFor();
  });

  test("is in sight in a small window, with all of its hosts in reach", async () => {
    const page = await open("hosts", { size: SMALL });
    const button = await page.getByTestId("host-picker").boundingBox();
    expect((button?.y ?? 999) + (button?.height ?? 0)).toBeLessThanOrEqual(SMALL.height);
    await page.getByTestId("host-picker").click();
    await page.keyboard.press("End");
    await page.waitForTimeout(100);
    const last = await page.getByTestId("host-menu-add").boundingBox();
    expect((last?.y ?? 999) + (last?.height ?? 0)).toBeLessThanOrEqual(SMALL.height);
    await picture(page, "host-menu-small-light");
  });

  test("names the host that was given for this run", async () => {
    const page = await open("hosts");
    await page.evaluate(() => script.send({ type: "hosts", hosts: { ...script.now.hosts, forThisRun: true } }));
    await page.getByTestId("settings-open").click();
    await page.getByText("holds until it is closed").waitFor();
  });
});
