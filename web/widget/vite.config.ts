// Builds the widget into the file that the channel service embeds. The file is committed, so that
// cargo needs no Node; `make generate` rewrites it and tests/web/run fails when it is stale.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("."),
  build: {
    // Another folder may be given to compare the result with the committed file.
    outDir: process.env["WIDGET_OUT"] ?? here("../../services/channel/src/widget"),
    emptyOutDir: false,
    lib: {
      entry: here("src/main.ts"),
      formats: ["iife"],
      name: "creatorWidget",
      fileName: () => "widget.js",
    },
    // What the hand-written script required: `color-mix`, `dvh`, individual transforms.
    target: ["chrome111", "edge111", "firefox113", "safari16.4"],
    // The CSS minifier rewrites colours and adds properties of its own; white space compresses well.
    cssMinify: false,
    reportCompressedSize: false,
    rolldownOptions: { output: { postBanner: "// Generated from web/widget by `make generate`." } },
  },
});
