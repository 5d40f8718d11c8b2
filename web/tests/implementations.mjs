// Runs the fills of vectors.json with the built package, on Dawn in Node or on wgpu in Deno, and prints the result as
// JSON:
//
//     node web/tests/implementations.mjs path/to/webgpu/index.js
//     deno run --allow-all --unstable-webgpu web/tests/implementations.mjs
//
// scripts/implementations installs Dawn and Deno and runs this file.

import { readFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { compare, named } from "./fills.mjs";

const [dawn] = process.argv.slice(2);
let webgpu = globalThis.navigator?.gpu;
if (dawn) {
  const { create, globals } = await import(pathToFileURL(dawn).href);
  Object.assign(globalThis, globals);
  webgpu = create(["backend=vulkan"]);
}
if (!webgpu) throw new Error("there is no WebGPU here: Node needs the path of npm's webgpu, Deno --unstable-webgpu");
const adapter = await webgpu.requestAdapter();
if (!adapter) throw new Error("WebGPU found no adapter; VK_ICD_FILENAMES names a Vulkan driver");

const st = await import("../dist/seedtensors.js");
const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
const gpu = await st.Gpu.from(device);
const { fills } = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8"));
console.log(JSON.stringify({ adapter: named(adapter.info), ...(await compare(st, gpu, fills)) }));
device.destroy();
process.exit(0); // Dawn's threads would keep Node running
