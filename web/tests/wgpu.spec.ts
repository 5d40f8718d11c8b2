// The Rust library on wgpu's WebGPU backend, compiled to wasm: scripts/web builds web/tests/wgpu.

import { expect, test, type Page } from "@playwright/test";

const MODULE = `/@fs${new URL("../..", import.meta.url).pathname}target/web-test/seedtensors_web_test`;

/** Calls a function of the module in the page. */
async function call(page: Page, name: "agreement" | "errors"): Promise<string> {
  // the demo's page allows no wasm
  await page.route("/empty", (route) => route.fulfill({ contentType: "text/html", body: "" }));
  await page.goto("/empty");
  return page.evaluate(
    async ([path, name]) => {
      const module = await import(`${path}.js`);
      await module.default({ module_or_path: await (await fetch(`${path}_bg.wasm`)).arrayBuffer() });
      return module[name]();
    },
    [MODULE, name] as const,
  );
}

test("the library's fills are the CPU's on wgpu in a browser", async ({ page }) => {
  const found = await call(page, "agreement");
  const [elements, differing, fills, check] = found.split(" ");
  console.log(`${fills} fills, ${elements} elements, ${differing} differ: ${found}`);
  expect(Number(elements)).toBeGreaterThan(7_000_000);
  expect(Number(fills)).toBe(40);
  expect(differing).toBe("0");
  expect(check).toBe("exact");
});

test("the library's errors reach the caller in a browser", async ({ page }) => {
  const messages = (await call(page, "errors")).split("\n");
  const expected = [
    /^the range ends at byte 404 .*, the buffer at byte 400$/,
    /^the buffer lacks usage BufferUsages\(STORAGE\)/,
    /^wgpu: .*is associated with .*Device/,
    /^a buffer of 4398046511104 bytes is larger than the device allows/,
    /^the buffer lacks usage BufferUsages\(COPY_SRC\)/,
    /^ok$/,
  ];
  for (const [i, pattern] of expected.entries()) expect(messages[i], messages.join("\n")).toMatch(pattern);
});
