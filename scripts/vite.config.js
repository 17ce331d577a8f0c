/**
 * How Vite builds the dashboard, src/web, into dist/web, and serves it with hot reload: `npm run dev` passes calls on to the
 * server at TALLY_URL, http://127.0.0.1:8080 unless set.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const server = process.env["TALLY_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  root: join(root, "src/web"),
  plugins: [react()],
  build: {
    outDir: join(root, "dist/web"),
    emptyOutDir: true,
    target: "es2023",
    // Every browser that runs es2023 knows modulepreload.
    modulePreload: { polyfill: false },
    // The Content-Security-Policy has no place for inlined files.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: {
    port: 5173,
    proxy: Object.fromEntries(
      ["/tally.v1.", "/v1/", "/healthz", "/readyz"].map((path) => [path, server]),
    ),
  },
});
