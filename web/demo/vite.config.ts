import { defineConfig } from "vite";

// The demo page; the shaders lie outside of it.
export default defineConfig({
  base: "./",
  build: { target: "es2022" },
  server: { fs: { allow: ["../.."] } },
});
