import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig(({ command, mode }) => ({
  plugins: [svelte()],
  resolve: { alias: { $lib: fileURLToPath(new URL("./src/lib", import.meta.url)) } },
  define: {
    // Only the development server and the browser tests' build may hold the scripted backend.
    __SCRIPTED__: JSON.stringify(command === "serve" || mode === "scripted"),
  },
  server: { host: "127.0.0.1", port: 5173, strictPort: true },
  build: {
    outDir: mode === "scripted" ? "dist-scripted" : "dist",
    target: ["safari16.4", "chrome111"],
    // The window's content policy allows neither inlined files nor inlined scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
}));
