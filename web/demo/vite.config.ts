import { defineConfig } from "vite";

// The demo page. The server may read the shaders, which are outside its folder.
export default defineConfig({
  base: "./",
  build: { target: "es2022" },
  // the worker's modules wait for their WebAssembly
  worker: { format: "es" },
  server: { fs: { allow: ["../.."] } },
});
