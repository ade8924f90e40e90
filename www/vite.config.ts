import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const backend = "http://127.0.0.1:3001";

export default defineConfig({
  plugins: [react()],
  build: {
    modulePreload: { polyfill: false },
    sourcemap: true,
    // In kB: the one script carries the package's WebAssembly.
    chunkSizeWarningLimit: 1000,
  },
  server: {
    proxy: {
      "/api": backend,
      "/ws": { target: backend, ws: true },
    },
  },
});
