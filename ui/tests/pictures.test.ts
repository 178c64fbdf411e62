import { test } from "vitest";
import type { SceneName } from "$lib/backend/scenes";
import { picture, SMALL, WIDE, windows } from "./window";

// Pictures for human eyes; what must hold is asserted elsewhere.
const { open } = windows();

const SCENES: SceneName[] = [
  "idle", "firstStart", "connecting", "warmingUp", "busy", "live", "liveMuted", "reconnecting", "typingOnly", "failed",
  "notices", "hostile", "long", "noDevices",
];

test.each((["light", "dark"] as const).flatMap((theme) => SCENES.map((scene) => [theme, scene] as const)))(
  "%s %s",
  async (theme, scene) => {
    const page = await open(scene, { theme, atNoon: true });
    if (scene.startsWith("live")) {
      await page.evaluate(() => script.playSound());
      await page.waitForTimeout(3000);
    }
    await picture(page, `${scene}-${theme}`);
  },
);

const SIZES = { wide: WIDE, small: SMALL, "wide-200": { width: 640, height: 400 }, "small-200": { width: 450, height: 300 } };

test.each(
  Object.entries(SIZES).flatMap(([name, size]) => (["light", "dark"] as const).map((theme) => [name, theme, size] as const)),
)("settings and busy, %s %s", async (name, theme, size) => {
  const page = await open("busy", { theme, size, atNoon: true });
  await picture(page, `busy-${name}-${theme}`);
  await page.getByTestId("light-moshi").click();
  await picture(page, `reason-${name}-${theme}`);
  await page.getByTestId("light-moshi").click();
  await page.getByTestId("settings-open").click();
  await page.waitForTimeout(100);
  await picture(page, `settings-${name}-${theme}`);
});
