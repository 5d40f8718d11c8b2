// Compares the built package's tensors in a browser with the Rust library's, by their hashes.

import { readFileSync } from "node:fs";
import { expect, test, type Page } from "@playwright/test";

const root = new URL("../..", import.meta.url).pathname;
const vectors = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8"));
const PACKAGE = `/@fs${root}web/dist/seedtensors.js`;
const FILLS = `/@fs${root}web/tests/fills.mjs`;

/** Compares fills with their hashes in the page, by a backend. */
async function compared(page: Page, backend: "webgpu" | "cpu", fills: unknown[]) {
  return page.evaluate(
    async ([path, tests, backend, fills]) => {
      const st: typeof import("../src/index.ts") = await import(path as string);
      const { compare } = await import(tests as string);
      const begin = performance.now();
      const found = await compare(st, backend === "cpu" ? new st.Cpu() : await st.Gpu.open(), fills);
      return { ...found, seconds: (performance.now() - begin) / 1000 };
    },
    [PACKAGE, FILLS, backend, fills] as const,
  );
}

test.describe("equal to the bit", () => {
  test("there is something to compare", () => {
    expect(vectors.fills.length).toBeGreaterThan(70);
    expect(vectors.fills.filter((fill: any) => fill.what.startsWith("decimals")).length).toBe(18);
    expect(vectors.fills.filter((fill: any) => fill.key.seed === vectors.fills.at(-1).key.seed).length).toBe(7);
  });

  for (const backend of ["webgpu", "cpu"] as const) {
    test(backend, async ({ page }) => {
      await page.goto("/");
      const { differing, noticed, elements, seconds } = await compared(page, backend, vectors.fills);
      expect(differing).toEqual([]);
      expect(noticed).toBe(true);
      console.log(`${backend}: ${vectors.fills.length} tensors, ${elements} elements in ${seconds.toFixed(1)} s`);
    });
  }
});

test("fills in a buffer of the caller's leave what is beside them", async ({ page }) => {
  await page.goto("/");
  const [inside, outside] = await page.evaluate(async (path) => {
    const st: typeof import("../src/index.ts") = await import(path);
    const gpu = await st.Gpu.open();
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = gpu.device.createBuffer({ size: 400_000, usage });
    const before = new Uint32Array(100_000).fill(0xdeadbeef);
    gpu.device.queue.writeBuffer(buffer, 0, before);
    const fill = (...dims: number[]) => new st.Fill(new st.Key(1), st.normal(), dims);
    const encoder = gpu.device.createCommandEncoder();
    // three fills in one submission: an odd number of 2-byte elements, f32 elements, and a shard
    gpu.fillAll(encoder, [
      [fill(20_001), { buffer, offset: 4, dtype: "bf16" }],
      [fill(50_003).range(3, 50_003), { buffer, offset: 40_020, dtype: "f32" }],
      [fill(7, 9).shard([1, 1], [3, 5]), { buffer, offset: 300_000, dtype: "f16" }],
    ]);
    gpu.device.queue.submit([encoder.finish()]);
    const found = new Uint32Array(await gpu.read(buffer));
    const written = new Uint32Array(await gpu.read(await gpu.tensor(fill(50_003).range(3, 50_003), "f32")));
    const inside = found.slice(10_005, 60_005).every((word, i) => word === written[i]);
    const untouched = (from: number, to: number) => found.slice(from, to).every((word) => word === 0xdeadbeef);
    const halves = [found[10_001]! >>> 16, found[75_007]! >>> 16];
    const outside = [untouched(0, 1), untouched(10_002, 10_005), untouched(60_005, 75_000), untouched(75_008, 100_000)];
    return [inside, [...outside, ...halves.map((half) => half === 0xdead)]] as const;
  }, PACKAGE);
  expect(inside).toBe(true);
  expect(outside).toEqual([true, true, true, true, true, true]);
});

test("a matrix that is too large for the device's bindings has the CPU's bits", async ({ page }) => {
  await page.goto("/");
  const found = await page.evaluate(async (path) => {
    const st: typeof import("../src/index.ts") = await import(path);
    const gpu = await st.Gpu.open();
    const fill = new st.Fill(new st.Key(1), st.orthogonal(), [77, 51]);
    const bytesOf = async () => ({ f32: await gpu.bytes(fill, "f32"), f16: await gpu.bytes(fill, "f16"), bf16: await gpu.bytes(fill, "bf16") });
    const before = await bytesOf();
    // bindings of at most 16 KiB, which the matrix does not fit in
    const { maxBufferSize, minStorageBufferOffsetAlignment, minUniformBufferOffsetAlignment, maxComputeWorkgroupsPerDimension } = gpu.device.limits;
    const limits = { maxBufferSize, minStorageBufferOffsetAlignment, minUniformBufferOffsetAlignment, maxComputeWorkgroupsPerDimension };
    Object.defineProperty(gpu.device, "limits", { value: { ...limits, maxStorageBufferBindingSize: 16_384 } });
    let copies = 0;
    const copy = GPUCommandEncoder.prototype.copyBufferToBuffer;
    GPUCommandEncoder.prototype.copyBufferToBuffer = function (...given: any[]) {
      copies += 1;
      return (copy as any).apply(this, given);
    };
    const after = await bytesOf();
    // an odd number of halves, beside other data
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
    const buffer = gpu.device.createBuffer({ size: 8_000, usage: usage | GPUBufferUsage.COPY_DST });
    gpu.device.queue.writeBuffer(buffer, 0, new Uint32Array(2_000).fill(0xdeadbeef));
    const encoder = gpu.device.createCommandEncoder();
    gpu.fill(encoder, fill, { buffer, offset: 8, dtype: "bf16" });
    gpu.device.queue.submit([encoder.finish()]);
    const bytes = new Uint8Array(await gpu.read(buffer));
    const words = new Uint32Array(bytes.buffer);
    const readonly = gpu.device.createBuffer({ size: 8_000, usage });
    let message = "";
    try {
      gpu.fill(gpu.device.createCommandEncoder(), fill, { buffer: readonly, dtype: "bf16" });
    } catch (error) {
      message = (error as Error).message;
    }
    const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);
    return {
      same: (["f32", "f16", "bf16"] as const).map((dtype) => same(before[dtype], after[dtype])),
      copies,
      inside: same(bytes.slice(8, 8 + 2 * 77 * 51), before.bf16),
      outside: [words[0], words[1], words[1_965]! >>> 16, words[1_966], words[1_999]].map((word) => word!.toString(16)),
      message,
    };
  }, PACKAGE);
  expect(found).toEqual({
    same: [true, true, true],
    // a copy of the matrix and a read for each dtype, a copy, and a read
    copies: 8,
    inside: true,
    outside: ["deadbeef", "deadbeef", "dead", "deadbeef", "deadbeef"],
    message: "a matrix that is too large for this device's bindings needs a buffer with usage COPY_DST, not usage 132",
  });
});

test("what is refused says why", async ({ page }) => {
  await page.goto("/");
  const messages = await page.evaluate(async (path) => {
    const st: typeof import("../src/index.ts") = await import(path);
    const gpu = await st.Gpu.open();
    const fill = (elements: number) => new st.Fill(new st.Key(1), st.normal(), [elements]);
    const buffer = await gpu.tensor(fill(16), "f32");
    const said = async (run: () => unknown) => {
      try {
        await run();
        return "nothing";
      } catch (error) {
        return `${(error as Error).name}: ${(error as Error).message}`;
      }
    };
    const encoder = gpu.device.createCommandEncoder();
    const messages = [
      await said(() => gpu.fill(encoder, fill(17), { buffer, dtype: "f32" })),
      await said(() => gpu.fill(encoder, fill(1), { buffer, offset: 2, dtype: "f16" })),
      await said(() => fill(1.5)),
      await said(() => gpu.tensor(fill(2 ** 40), "f32")),
      await said(() => gpu.tensor(st.Fill.words(new st.Key(1), 4), "f16")),
      await said(() => fill(4).shard([1], [2]).range(0, 3)),
      await said(() => fill(5).shard(new st.Shape([4]).shard([1], [2]))),
      await said(() => fill(5).range(0, 3).shard([1], [2])),
      await said(() => fill(4).range(3, 2)),
      await said(() => new st.Fill(new st.Key(1), st.normal(), [4, 6]).shard(new st.Shape([6, 4]).shard([1, 1], [2, 2]))),
      await said(() => gpu.read(gpu.device.createBuffer({ size: 8, usage: GPUBufferUsage.STORAGE }))),
      await said(() => gpu.read(buffer, 2, 4)),
      await said(() => gpu.read(buffer, 4, 6)),
      await said(() => gpu.read(buffer, 4, 64)),
      await said(() => gpu.read(buffer, 68)),
    ];
    const destroyed = await gpu.tensor(fill(16), "f32");
    destroyed.destroy();
    messages.push(await said(() => gpu.read(destroyed)));
    gpu.device.destroy();
    await gpu.device.lost;
    messages.push(await said(() => gpu.tensor(fill(4), "f32")));
    messages.push(await said(() => gpu.read(buffer)));
    return messages;
  }, PACKAGE);
  expect(messages.slice(0, -3)).toEqual([
    "SeedTensorsError: a range must begin at a multiple of 4 and end within its 64 bytes, not [0, 68)",
    "SeedTensorsError: a range must begin at a multiple of 4 and end within its 64 bytes, not [2, 6)",
    "SeedTensorsError: a dimension is a whole number at or above 0, not 1.5",
    expect.stringMatching(/^SeedTensorsError: a buffer of this device has at most \d+ bytes, not 4398046511104$/),
    "SeedTensorsError: words are 32 bits and need dtype f32, not f16",
    "SeedTensorsError: a range must lie inside its 2 elements, not 0..3",
    "SeedTensorsError: a shard must be of the fill's whole tensor, of shape [5], not of one of shape [4]",
    "SeedTensorsError: a shard must be of the fill's whole tensor, of shape [5], not of a part of 3 elements",
    "SeedTensorsError: a range must lie inside its 4 elements, not 3..2",
    "SeedTensorsError: a shard must be of the fill's whole tensor, of shape [4, 6], not of one of shape [6, 4]",
    "SeedTensorsError: a buffer that is read needs usage COPY_SRC, not usage 128",
    "SeedTensorsError: a range must begin and end at multiples of 4 within its 64 bytes, not [2, 6)",
    "SeedTensorsError: a range must begin and end at multiples of 4 within its 64 bytes, not [4, 10)",
    "SeedTensorsError: a range must begin and end at multiples of 4 within its 64 bytes, not [4, 68)",
    "SeedTensorsError: a range must begin and end at multiples of 4 within its 64 bytes, not [68, 64)",
  ]);
  expect(messages.at(-3)).toMatch(/^SeedTensorsError: .*destroyed/);
  expect(messages.at(-2)).toMatch(/^SeedTensorsError: the device is lost \(destroyed\)/);
  expect(messages.at(-1)).toMatch(/^SeedTensorsError: the device is lost \(destroyed\)/);
});

test("a device that computes wrongly is refused", async ({ page }) => {
  await page.goto("/");
  const message = await page.evaluate(async (path) => {
    const st: typeof import("../src/index.ts") = await import(path);
    const adapter = await navigator.gpu.requestAdapter();
    const device = await adapter!.requestDevice();
    // this device's compiler clears the lowest bit of every product that passes a barrier
    const create = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) =>
      create({ ...descriptor, code: descriptor.code.replace("bitcast<vec4<u32>>(x) |", "(bitcast<vec4<u32>>(x) & vec4(~1u)) |") });
    return st.Gpu.from(device).then(() => "taken", (error: Error) => error.message);
  }, PACKAGE);
  expect(message).toMatch(/^this device does not give the exact values of (uniform|normal|truncated_normal) in f32$/);
});
