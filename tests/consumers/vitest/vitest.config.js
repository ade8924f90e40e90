import { defineConfig } from "vitest/config";

// jsdom is the newest whose WebSocket works under Vitest: those from 28 on, which use undici's, throw
// when it opens, since Vitest has put jsdom's Event in the place of Node's.
const project = (environment) => ({
  test: { name: environment, environment, globalSetup: "./emitting-backend.mjs" },
});

export default defineConfig({ test: { projects: [project("node"), project("jsdom")] } });
