import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Builds what the browser tests open: the production bundle, and the one with the scripted backend in it. */
export default function setup(): void {
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  // Under the test runner's own NODE_ENV Svelte would build its development version.
  const env = { ...process.env, NODE_ENV: "production" };
  for (const script of ["build", "build:scripted"]) {
    execFileSync("npm", ["run", "--silent", script], { cwd, env, stdio: ["ignore", "ignore", "inherit"] });
  }
}
