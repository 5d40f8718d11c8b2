import { defineConfig } from "@playwright/test";

// Debian's Chromium with its software WebGPU, which needs no GPU; CHROMIUM names another.
export default defineConfig({
  testDir: "tests",
  workers: 1,
  timeout: 600_000,
  // the page's device is checked on the CPU: longer than the 5 s that are usual where other work shares its two cores
  expect: { timeout: 60_000 },
  reporter: "list",
  use: {
    baseURL: "http://localhost:4173",
    launchOptions: {
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: [
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
        "--no-sandbox",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  webServer: {
    command: "npx vite demo --port 4173 --strictPort",
    url: "http://localhost:4173",
    reuseExistingServer: false,
  },
});
