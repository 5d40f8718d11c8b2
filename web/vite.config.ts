import { defineConfig } from "vite";

// The package: one module. Its dependencies are not bundled.
export default defineConfig({
  build: {
    lib: { entry: "src/index.ts", formats: ["es"], fileName: "seedtensors" },
    rollupOptions: { external: [/^@noble\/hashes/] },
    target: "es2022",
    minify: false,
  },
});
