import { mergeConfig } from "vitest/config";
import browser from "./vitest.browser.config.ts";

/** The engine of the app's window on Linux. It needs a display, hence the script's xvfb-run. */
export default mergeConfig({ ...browser, test: { ...browser.test, include: [] } }, { test: { include: ["tests/webkit/*.test.ts"] } });
