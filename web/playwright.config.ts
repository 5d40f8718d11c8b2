import { defineConfig } from "@playwright/test";

// Debian's Chromium with its software WebGPU, which needs no GPU. The variable CHROMIUM names another browser.
export default defineConfig({
  testDir: "tests",
  // some minutes each, by hand: LARGE=1 npx playwright test
  ...(process.env["LARGE"] ? { grep: /@large/ } : { grepInvert: /@large/ }),
  workers: 1,
  timeout: 600_000,
  // the software device is checked on the CPU, which takes longer than the default of 5 s on two shared cores
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
  // the page from its sources, and as `npm run demo` built it
  webServer: ["vite demo --port 4173", "vite preview demo --port 4174"].map((command) => ({
    command: `npx ${command} --strictPort`,
    url: `http://localhost:${command.slice(-4)}`,
    reuseExistingServer: false,
  })),
});
