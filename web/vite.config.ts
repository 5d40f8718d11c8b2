import { defineConfig } from "vite";

// The package: one module for each entry, each with its WebAssembly inside. It has no dependencies.
export default defineConfig({
  build: {
    lib: { entry: { seedtensors: "src/index.ts", models: "src/models.ts" }, formats: ["es"] },
    // what both have in common
    rolldownOptions: { output: { chunkFileNames: "shared.js" } },
    target: "es2022",
    minify: false,
  },
});
