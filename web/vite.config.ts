import { defineConfig } from "vite";

// The package: one module for each entry, with its WebAssembly inside. It has no dependencies.
export default defineConfig({
  build: {
    lib: { entry: { seedtensors: "src/index.ts" }, formats: ["es"] },
    target: "es2022",
    minify: false,
  },
});
