import { spawn } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";

const BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

/** As much of WebDriver as these tests need. */
export type Driver = {
  open: (url: string) => Promise<void>;
  resize: (width: number, height: number) => Promise<void>;
  /** Runs a function body in the page; it may be asynchronous. */
  run: <T>(body: string) => Promise<T>;
  /** Types into the element that a test id names, as a keyboard would. */
  type: (testId: string, text: string) => Promise<void>;
  picture: () => Promise<Buffer>;
  quit: () => Promise<void>;
};

export async function startWebKit(): Promise<Driver> {
  const port = await freePort();
  // Software rendering: the same picture on every machine.
  const env = { ...process.env, LIBGL_ALWAYS_SOFTWARE: "1" };
  const process_ = spawn("WebKitWebDriver", [`--port=${port}`], { env, stdio: "ignore" });

  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const { value } = (await response.json()) as { value: T };
    if (!response.ok) throw new Error(JSON.stringify(value));
    return value;
  }

  const capabilities = {
    alwaysMatch: {
      browserName: "MiniBrowser",
      "webkitgtk:browserOptions": { binary: BROWSER, args: ["--automation"] },
    },
  };
  const { sessionId } = await patiently(() => call<{ sessionId: string }>("POST", "/session", { capabilities }));
  const session = `/session/${sessionId}`;

  return {
    open: (url) => call("POST", `${session}/url`, { url }),
    resize: (width, height) => call("POST", `${session}/window/rect`, { width, height }),
    run: (body) =>
      call("POST", `${session}/execute/async`, {
        script: `const done = arguments[arguments.length - 1]; (async () => { ${body} })().then(done, (error) => done(String(error)));`,
        args: [],
      }),
    async type(testId, text) {
      const found = await call<Record<string, string>>("POST", `${session}/element`, {
        using: "css selector",
        value: `[data-testid=${testId}]`,
      });
      await call("POST", `${session}/element/${Object.values(found)[0]}/value`, { text });
    },
    picture: async () => Buffer.from(await call<string>("GET", `${session}/screenshot`), "base64"),
    async quit() {
      await call("DELETE", session);
      process_.kill();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The driver takes a moment to listen. */
async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 50 || !(error instanceof TypeError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
