import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

/** The content policy of the app's window, word for word. */
export const CONTENT_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src ipc: http://ipc.localhost";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

export type Site = { url: string; close: () => Promise<void>; refused: string[] };

/** Serves one build on the loopback address under the window's content policy, and hears what the policy refused. */
export async function serve(folder: "dist" | "dist-scripted"): Promise<Site> {
  const refused: string[] = [];
  const root = fileURLToPath(new URL(`../${folder}`, import.meta.url));
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    // Browsers ask for one by themselves; the app's window never does.
    if (path === "/favicon.ico") return void response.writeHead(204).end();
    if (path === "/refused") {
      request.on("data", (report) => refused.push(String(report)));
      return void response.writeHead(204).end();
    }
    const file = join(root, path === "/" ? "index.html" : path);
    readFile(file).then(
      (body) => {
        response.writeHead(200, {
          "content-type": TYPES[extname(file)] ?? "application/octet-stream",
          "content-security-policy": `${CONTENT_POLICY}; report-uri /refused`,
        });
        response.end(body);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    refused,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
