import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

export default ts.config(
  { ignores: ["dist/", "dist-scripted/", "test-pictures/"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, __SCRIPTED__: "readonly" } },
    rules: { eqeqeq: "error", "no-console": "error" },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: {
      parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig },
    },
    rules: {
      "svelte/no-at-html-tags": "error",
      "no-restricted-syntax": [
        "error",
        {
          selector: "SvelteAttribute[key.name='style']",
          message: "The content policy forbids style attributes. Use a class, or a style: directive, which goes through the CSSOM.",
        },
      ],
      "svelte/button-has-type": "error",
      "svelte/no-target-blank": "error",
    },
  },
  {
    files: ["src/**"],
    ignores: ["src/lib/backend/tauri.ts"],
    rules: {
      "no-restricted-imports": ["error", { patterns: [{ group: ["@tauri-apps/*"], message: "Only lib/backend/tauri.ts talks to Tauri." }] }],
    },
  },
  {
    files: ["tests/**", "*.config.ts", "*.config.js"],
    languageOptions: { globals: globals.node },
    // The tests report what they measured.
    rules: { "no-console": ["error", { allow: ["info"] }] },
  },
);
