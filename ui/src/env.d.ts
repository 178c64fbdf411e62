/// <reference types="svelte" />
/// <reference types="vite/client" />

/** A constant of the build: true in the development server and in the browser tests' build. */
declare const __SCRIPTED__: boolean;
