import { defineConfig } from "vite";

// The package: one module for each entry, each with its WebAssembly inside. It has no dependencies.
export default defineConfig({
  plugins: [
    {
      name: "models imports the first module, and does not hold it again",
      enforce: "pre",
      resolveId: (source, importer) =>
        source === "./index.ts" && /\/(models|folder)\.ts$/.test(importer ?? "") ? { id: "./seedtensors.js", external: true } : null,
    },
  ],
  build: {
    lib: { entry: { seedtensors: "src/index.ts", models: "src/models.ts" }, formats: ["es"] },
    target: "es2022",
    minify: false,
  },
});
