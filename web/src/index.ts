/**
 * Weight initialisation on WebGPU, or on the CPU without it: same seed, same bits, on every GPU, driver, CPU and browser.
 *
 * @packageDocumentation
 */

import { core } from "./core.ts";

export { Cpu } from "./cpu.ts";
export { DTYPES, type Dtype, sizeOf } from "./dtype.ts";
export { SeedTensorsError } from "./error.ts";
export { type Arithmetic, Fill, type FillData, type Sampler } from "./fill.ts";
export { Gpu, type Target } from "./gpu.ts";
export * from "./initialisers.ts";
/** @internal */
export { instantiate } from "./instantiate.ts";
export { Key } from "./key.ts";
export { open } from "./open.ts";
export { Sha256 } from "./sha256.ts";
export { type Fans, type Layout, Shape, type ShapeData, type ShapeOptions, type Shard } from "./shape.ts";

/** The WGSL module that the fills run. */
export const SOURCE: string = core.shaderSource();
/** The version of the definition of every value. Values of one version never change. */
export const VALUES_VERSION: number = core.valuesVersion();
