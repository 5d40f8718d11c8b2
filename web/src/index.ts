/**
 * Weight initialisation on WebGPU: same seed, same bits, on every GPU, driver, CPU and browser.
 *
 * @packageDocumentation
 */

export { DTYPES, type Dtype, sizeOf } from "./dtype.ts";
export { SeedTensorsError } from "./error.ts";
export { Fill } from "./fill.ts";
export { Gpu, type Target } from "./gpu.ts";
export * from "./initialisers.ts";
export { Key } from "./key.ts";
export { type Arithmetic, type Sampler } from "./sampler.ts";
export { type Tensor, VALUES_VERSION, headerOf, recipeOf } from "./safetensors.ts";
export { SOURCE } from "./shaders.ts";
export { type Fans, type Layout, Shape, type ShapeOptions, type Shard, type ShardDim } from "./shape.ts";
