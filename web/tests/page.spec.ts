// The page makes models, and its files are compared with those of the command.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Page, expect, test } from "@playwright/test";

const root = new URL("../..", import.meta.url).pathname;
const command = join(root, "target/release/seedtensors");
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/**
 * Opens the page, with WebGPU or without it, which opens faster. A folder of the browser's own stands for one of the
 * disk, whose picker needs a person.
 */
async function open(page: Page, kind: "gpu" | "cpu", url = "/"): Promise<void> {
  await page.addInitScript((kind) => {
    Object.assign(window, { showDirectoryPicker: () => navigator.storage.getDirectory() });
    if (kind === "cpu") {
      Object.defineProperty(Navigator.prototype, "gpu", { value: undefined });
    }
  }, kind);
  await page.goto(url);
  const message = kind === "cpu" ? "On the CPU, with the same bits." : "checked: it gives the exact values";
  await expect(page.locator("#device")).toContainText(message, { timeout: 120_000 });
}

/** Fills in the form, and waits for the plan. */
async function enter(page: Page, values: Record<string, string>): Promise<void> {
  for (const [id, value] of Object.entries(values)) {
    const field = page.locator(`#${id}`);
    if ((await field.evaluate((element) => element.tagName)) === "SELECT") {
      await field.selectOption(value);
    } else {
      await field.fill(value);
    }
  }
  // the page marks the plan as an old one at once, and waits a moment for more to be typed
  await expect(page.locator("#plan")).toHaveAttribute("aria-busy", "false", { timeout: 60_000 });
}

async function make(page: Page): Promise<void> {
  await page.locator("#make").click();
  // the click removes the result of the last work
  await expect(page.locator("#done")).toBeVisible({ timeout: 500_000 });
  await expect(page.locator("#done")).toHaveText(/^Done/);
}

/** The SHA-256 of the files in the page's folder, by their names. */
async function inFolder(page: Page): Promise<Record<string, string>> {
  return page.evaluate(async () => {
    const found: Record<string, string> = {};
    for await (const [name, handle] of (await navigator.storage.getDirectory()) as any) {
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await (await handle.getFile()).arrayBuffer()));
      found[name] = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    }
    return found;
  });
}

/** The SHA-256 of the files that the command writes which the page shows, by their names. */
async function byCommand(page: Page, given?: string): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), "seedtensors-"));
  try {
    const text = given ?? (await page.locator("#config").inputValue());
    writeFileSync(join(folder, "config.json"), text);
    writeFileSync(join(folder, "recipe.toml"), text);
    const line = (await page.locator("#command").textContent())!.replace(/^seedtensors/, command);
    execFileSync("sh", ["-c", line], { cwd: folder, stdio: "pipe" });
    const names = readdirSync(join(folder, "model"));
    return Object.fromEntries(names.map((name) => [name, sha256(readFileSync(join(folder, "model", name)))]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const RECIPE = `[[tensor]]
name = "fc1.weight"
shape = [300, 200]
init = { truncated_normal = { std = 0.02, low = -inf } }

[[tensor]]
name = "fc2.weight"
shape = [200, 300]
init = { orthogonal = { gain = 1.5 } }

[[tensor]]
name = "embedding"
shape = [101, 33]
dtype = "bf16"
init = { normal = { std = 0.02 } }
padding = 7

[[tensor]]
name = "columns"
shape = [64, 100]
dtype = "f16"
init = "he_uniform"
shard = { start = [0, 25], extent = [64, 25] }
`;

test.describe("gives the command's files:", () => {
  const cases: [string, "gpu" | "cpu", Record<string, string>, number][] = [
    ["several files", "gpu", { preset: "GPT-2, tiny", size: "8" }, 4],
    ["a style in bf16, with the largest seed", "cpu", { preset: "GPT-2, tiny", seed: "18446744073709551615", style: "megatron", dtype: "bf16" }, 2],
    ["a recipe with a matrix, a shard and padding", "gpu", { config: RECIPE, seed: "7" }, 1],
  ];
  for (const [what, kind, values, count] of cases) {
    test(what, async ({ page }) => {
      await open(page, kind);
      await enter(page, values);
      await expect(page.locator("#error")).toBeHidden();
      await make(page);
      const found = await inFolder(page);
      expect(Object.keys(found).length).toBe(count);
      expect(found).toEqual(await byCommand(page));
      const shown = (await page.locator("#hashes").textContent())!.split("\n").map((line) => line.split("  ").reverse());
      expect(Object.fromEntries(shown)).toEqual(found);
    });
  }

  test("a config.json with the line ends of Windows", async ({ page }) => {
    await open(page, "cpu");
    const config = '{\r\n  "model_type": "gpt2", "vocab_size": 100, "n_positions": 8,\r\n  "n_embd": 8, "n_layer": 1, "n_head": 1\r\n}\r\n';
    await page.locator("#file").setInputFiles({ name: "config.json", mimeType: "application/json", buffer: Buffer.from(config) });
    await expect(page.locator('[data-fact="tensors"]')).toHaveText("16");
    await expect(page.locator("#file")).toHaveValue(/config\.json$/);
    await make(page);
    const found = await inFolder(page);
    expect(found["config.json"]).toBe(sha256(Buffer.from(config)));
    expect(found).toEqual(await byCommand(page, config));
  });

  test("the page as it is built", async ({ page }) => {
    await open(page, "cpu", "http://localhost:4174/");
    await enter(page, { config: RECIPE });
    await make(page);
    expect(await inFolder(page)).toEqual(await byCommand(page));
  });

  test("as downloads, where the browser has no folders, and on the CPU", async ({ page }) => {
    await page.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, "gpu", { value: undefined });
      delete (window as any).showDirectoryPicker;
    });
    await page.goto("/");
    await expect(page.locator("#device")).toHaveText("On the CPU, with the same bits.");
    await expect(page.locator("#why")).toHaveText("this browser has no WebGPU here", { useInnerText: false });
    await enter(page, { preset: "GPT-2, tiny" });
    const downloads: Record<string, string> = {};
    page.on("download", async (download) => {
      downloads[download.suggestedFilename()] = sha256(readFileSync(await download.path()));
    });
    await make(page);
    await expect.poll(() => Object.keys(downloads).length).toBe(2);
    expect(downloads).toEqual(await byCommand(page));
  });

  test("124 million parameters @large", async ({ page }) => {
    await open(page, "gpu");
    await enter(page, { preset: "GPT-2, 124 M" });
    await expect(page.locator('[data-fact="parameters"]')).toHaveText("124,439,808");
    await make(page);
    console.log(await page.locator("#done").textContent());
    expect(await inFolder(page)).toEqual(await byCommand(page));
  });
});

test("what cannot be made is said, and the page goes on", async ({ page }) => {
  await open(page, "cpu");
  const deep = `{"model_type": "gpt2", "x": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  const wide = (keys: object) => JSON.stringify({ model_type: "gpt2", vocab_size: 100, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 1, ...keys });
  for (const [values, message] of [
    [{ seed: "-1" }, 'a seed is a whole number, not "-1"'],
    [{ seed: "18446744073709551616" }, "a seed is a whole number from 0 to 2^64 - 1"],
    [{ seed: "42", size: "1.5" }, 'the size of a file in MB is a whole number, not "1.5"'],
    [{ size: "5000", config: "{" }, "this is no config"],
    [{ config: deep }, "recursion limit"],
    [{ config: '{"model_type": "gpt3"}' }, "gpt3"],
    [{ config: "{}" }, "model_type"],
    [{ config: wide({ n_embd: 1e300 }) }, "n_embd"],
    [{ config: wide({ n_layer: 1e9 }) }, ""],
    [{ config: wide({ vocab_size: 2 ** 52, n_embd: 2 ** 20 }) }, ""],
    [{ config: wide({ initializer_range: -1 }) }, "initializer_range must be a decimal number above 0, not -1"],
    [{ config: "[[tensor]]\nname = 'w'" }, "shape"],
    [{ config: "[[tensor]]\nname = '../w'\nshape = [2]\ninit = 'ones'" }, "../w"],
  ] as const) {
    await enter(page, values);
    await expect(page.locator("#error"), JSON.stringify(values).slice(0, 100)).toContainText(message, { timeout: 60_000 });
    await expect(page.locator("#error")).not.toHaveText(/RuntimeError|unreachable|undefined/);
    await expect(page.locator("#plan")).toBeHidden();
  }
  await enter(page, { preset: "GPT-2, tiny" });
  await expect(page.locator("#error")).toBeHidden();
  await expect(page.locator("#make")).toBeEnabled();
  // a file that cannot be taken leaves the plan as it was, and its error stays
  const latin1 = [...Buffer.from('{"model_type": "caf\xe9"}', "latin1")];
  for (const [content, message] of [
    [latin1, "config.json cannot be read: a config or a recipe is UTF-8 text, and this file is not"],
    [2 ** 26 + 1, "config.json cannot be read: a config or a recipe has at most 67108864 bytes, not 67108865"],
  ] as const) {
    await page.locator("#file").evaluate((input: HTMLInputElement, content) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(content as number)], "config.json"));
      input.files = transfer.files;
      // as the browser when a file is chosen
      ["input", "change"].forEach((name) => input.dispatchEvent(new Event(name, { bubbles: true })));
    }, content);
    await expect(page.locator("#error")).toHaveText(message);
    await expect(page.locator("#make")).toBeEnabled();
    // longer than the page waits for more to be typed
    await page.waitForTimeout(500);
    await expect(page.locator("#error")).toHaveText(message);
  }
});

test("a large config is planned beside the page, and a smaller one does not wait for it", async ({ page }) => {
  await page.addInitScript(() => {
    const { terminate } = Worker.prototype;
    Worker.prototype.terminate = function () {
      document.documentElement.dataset["stopped"] = "yes";
      terminate.call(this);
    };
  });
  await open(page, "cpu");
  const layers = (n_layer: number) => JSON.stringify({ model_type: "gpt2", vocab_size: 100, n_positions: 8, n_embd: 8, n_layer, n_head: 1 });
  await page.locator("#config").fill(layers(20_000));
  await expect(page.locator("#planning")).toHaveText("Planning …");
  await expect(page.locator("#make")).toBeDisabled();
  await page.locator("#config").fill(layers(2));
  await expect(page.locator('[data-fact="tensors"]')).toHaveText("28");
  await expect(page.locator("html")).toHaveAttribute("data-stopped", "yes");
  await expect(page.locator("#planning")).toBeHidden();
  await expect(page.locator("#make")).toBeEnabled();
});

test("a tensor's hash is that of its bytes in the file, padding included", async ({ page }) => {
  await open(page, "cpu");
  await enter(page, { config: RECIPE });
  await make(page);
  await page.locator("#tensor").selectOption("embedding");
  await expect(page.locator('[data-fact="elements"]')).toHaveText("all 3,333");
  const inFile = await page.evaluate(async () => {
    const file = await (await navigator.storage.getDirectory()).getFileHandle("model.safetensors").then((handle) => handle.getFile());
    const bytes = await file.arrayBuffer();
    const head = 8 + Number(new DataView(bytes).getBigUint64(0, true));
    const [from, to] = JSON.parse(new TextDecoder().decode(bytes.slice(8, head))).embedding.data_offsets;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice(head + from, head + to)));
    return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  });
  await expect(page.locator('[data-fact="SHA-256 of these values"]')).toHaveText(inFile);
});

test("a file that is dropped while files are written does not change them", async ({ page }) => {
  await open(page, "cpu");
  await enter(page, { preset: "GPT-2, tiny", size: "8" });
  // the drop comes with the first bytes
  await page.evaluate(() => {
    const { write } = FileSystemWritableFileStream.prototype;
    let dropped = false;
    FileSystemWritableFileStream.prototype.write = function (data: any) {
      if (!dropped) {
        dropped = true;
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(['{"model_type": "gpt3"}'], "config.json"));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
      }
      return write.call(this, data);
    };
  });
  await make(page);
  expect(await inFolder(page)).toEqual(await byCommand(page));
});

test.describe("nothing is lost:", () => {
  test("existing files are kept unless they may be replaced", async ({ page }) => {
    await open(page, "cpu");
    await enter(page, { config: RECIPE });
    await make(page);
    const before = await inFolder(page);
    await enter(page, { seed: "43" });
    await page.locator("#make").click();
    await expect(page.locator("#failed")).toContainText("model.safetensors is in the folder already");
    expect(await inFolder(page)).toEqual(before);
    await page.locator("#replace").check();
    await make(page);
    expect(await inFolder(page)).toEqual(await byCommand(page));
    expect(await inFolder(page)).not.toEqual(before);
  });

  test("a folder with a part of another checkpoint, or with one of the last files, is refused at first", async ({ page }) => {
    await open(page, "cpu");
    await enter(page, { preset: "GPT-2, tiny", size: "8" });
    const put = (name: string) =>
      page.evaluate(async (name) => void (await (await navigator.storage.getDirectory()).getFileHandle(name, { create: true })), name);
    const remove = (name: string) => page.evaluate(async (name) => (await navigator.storage.getDirectory()).removeEntry(name), name);
    await put("model.safetensors");
    await page.locator("#replace").check();
    await page.locator("#make").click();
    await expect(page.locator("#failed")).toContainText("model.safetensors in the folder is a part of another checkpoint");
    await remove("model.safetensors");
    await page.locator("#replace").uncheck();
    await put("config.json");
    await page.locator("#make").click();
    await expect(page.locator("#failed")).toContainText("config.json is in the folder already");
    expect(Object.keys(await inFolder(page))).toEqual(["config.json"]);
  });

  test("no file is replaced before all are whole", async ({ page }) => {
    await open(page, "cpu");
    await enter(page, { preset: "GPT-2, tiny", size: "8" });
    await make(page);
    const before = await inFolder(page);
    expect(Object.keys(before).length).toBe(4);
    await enter(page, { seed: "43" });
    await page.locator("#replace").check();
    // cancels before the last file, the config
    await page.evaluate(() => {
      const { close } = FileSystemWritableFileStream.prototype;
      const { createWritable } = FileSystemFileHandle.prototype;
      FileSystemFileHandle.prototype.createWritable = function (options) {
        if (this.name === "config.json") {
          document.getElementById("cancel")!.click();
        }
        return createWritable.call(this, options);
      };
      FileSystemWritableFileStream.prototype.close = function () {
        document.documentElement.dataset["closed"] = "yes";
        return close.call(this);
      };
    });
    await page.locator("#make").click();
    await expect(page.locator("#failed")).toContainText("Cancelled. New files that were whole are kept");
    await expect(page.locator("html")).not.toHaveAttribute("data-closed");
    expect(await inFolder(page)).toEqual(before);
    await page.reload();
    await enter(page, { preset: "GPT-2, tiny", size: "8", seed: "43" });
    await page.locator("#replace").check();
    await make(page);
    const after = await inFolder(page);
    expect(after).toEqual(await byCommand(page));
    expect(after["model-00001-of-00002.safetensors"]).not.toBe(before["model-00001-of-00002.safetensors"]);
  });

  test("a cancelled file is not there", async ({ page }) => {
    await open(page, "gpu");
    await enter(page, { preset: "GPT-2 medium, 355 M" });
    await page.locator("#make").click();
    await expect(page.locator("#progress")).toContainText("of 1.42 GB", { timeout: 120_000 });
    await page.locator("#cancel").click();
    await expect(page.locator("#failed")).toContainText("Cancelled", { timeout: 120_000 });
    expect(await inFolder(page)).toEqual({});
    await expect(page.locator("#make")).toBeEnabled();
  });

  test("a full disk is said, and the file is not there", async ({ page }) => {
    await page.addInitScript(() => {
      // writes of more than 4 MB in all fail as they do on a full disk
      const { write } = FileSystemWritableFileStream.prototype;
      let left = 4_000_000;
      FileSystemWritableFileStream.prototype.write = function (data: any) {
        left -= data.length;
        return left < 0 ? Promise.reject(new DOMException("No space.", "QuotaExceededError")) : write.call(this, data);
      };
    });
    await open(page, "cpu");
    await enter(page, { preset: "GPT-2, tiny" });
    await page.locator("#make").click();
    await expect(page.locator("#failed")).toContainText("The disk is full", { timeout: 120_000 });
    expect(await inFolder(page)).toEqual({});
  });
});

test("works by the keyboard alone", async ({ page }) => {
  await open(page, "cpu");
  await enter(page, { config: RECIPE });
  await page.locator("#seed").focus();
  const visited: string[] = [];
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press("Tab");
    visited.push(await page.evaluate(() => document.activeElement!.id));
  }
  expect(visited.slice(0, 4)).toEqual(["dtype", "size", "make", "replace"]);
  await page.locator("#make").focus();
  await page.keyboard.press("Enter");
  await expect(page.locator("#done")).toContainText(/^Done/, { timeout: 120_000 });
});

for (const [name, width, colorScheme] of [["wide", 1280, "light"], ["narrow", 375, "light"], ["dark", 1280, "dark"]] as const) {
  test(`looks right: ${name}`, async ({ page }, info) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    await open(page, name === "wide" ? "gpu" : "cpu");
    await enter(page, { preset: "GPT-2, tiny" });
    await make(page);
    // nothing is wider than the window
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await expect(page.locator("#histogram")).toHaveAttribute("aria-label", /^Histogram of the values from .*, with the promised density$/);
    await page.screenshot({ path: info.outputPath(`${name}.png`), fullPage: true });
  });
}
