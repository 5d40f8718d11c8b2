// A WebGPU device that fills buffers. Rust counterpart: src/gpu/.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import KNOWN from "./check.json" with { type: "json" };
import { type Dtype, sizeOf } from "./dtype.ts";
import { SeedTensorsError, bad } from "./error.ts";
import { Fill } from "./fill.ts";
import { Key } from "./key.ts";
import { type Bounds, type Dispatch, PARAMS_SIZE, align, plan } from "./plan.ts";
import { KINDS, type Sampler, type Work, workOf } from "./sampler.ts";
import { SOURCE } from "./shaders.ts";

/**
 * A range of a buffer for a fill's elements. An odd number of 2-byte elements leaves the other 2 bytes of the last word
 * unchanged.
 */
export interface Target {
  /** A buffer with usage `STORAGE`. */
  buffer: GPUBuffer;
  /** Byte offset of the range, a multiple of 4. Default: 0. */
  offset?: number;
  dtype: Dtype;
}

/**
 * A WebGPU device that fills buffers.
 *
 * ```ts
 * const gpu = await Gpu.open();
 * const shape = new Shape([512, 784]);
 * const buffer = await gpu.tensor(new Fill(new Key(42).named("fc1.weight"), heNormal(), shape), "f32");
 * ```
 */
export class Gpu {
  readonly #module: GPUShaderModule;
  readonly #bindings: GPUBindGroupLayout;
  readonly #layout: GPUPipelineLayout;
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  #lost: GPUDeviceLostInfo | undefined;

  private constructor(
    /** The WebGPU device. You may use it for other work, too. */
    readonly device: GPUDevice,
  ) {
    device.lost.then((info) => {
      this.#lost = info;
    });
    this.#module = device.createShaderModule({ label: "seedtensors", code: SOURCE });
    const entry = (binding: number, buffer: GPUBufferBindingLayout): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer,
    });
    this.#bindings = device.createBindGroupLayout({
      label: "seedtensors",
      entries: [entry(0, { type: "uniform", hasDynamicOffset: true }), entry(1, { type: "storage" })],
    });
    this.#layout = device.createPipelineLayout({ label: "seedtensors", bindGroupLayouts: [this.#bindings] });
  }

  /**
   * Opens the browser's preferred device with its largest buffers, and checks it as {@link Gpu.from} does.
   * @throws {SeedTensorsError} if there is no WebGPU or no adapter, or if the check of `from` fails.
   */
  static async open(options: GPURequestAdapterOptions = { powerPreference: "high-performance" }): Promise<Gpu> {
    const webgpu = globalThis.navigator?.gpu as GPU | undefined;
    if (!webgpu) {
      const why = globalThis.isSecureContext === false ? ": it needs https, or localhost" : "";
      throw new SeedTensorsError(`this browser has no WebGPU here${why}`);
    }
    const adapter = await webgpu.requestAdapter(options);
    if (!adapter) {
      throw new SeedTensorsError("WebGPU found no adapter: the browser blocks this GPU, or its driver is missing");
    }
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    return Gpu.from(await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } }));
  }

  /**
   * Takes a device of yours and checks it: it compares a small fill of each sampler and dtype with known bits.
   * @throws {SeedTensorsError} if the device differs.
   */
  static async from(device: GPUDevice): Promise<Gpu> {
    const gpu = new Gpu(device);
    const key = new Key(BigInt(KNOWN.key.seed), BigInt(KNOWN.key.offset));
    const fills = KNOWN.fills.map(
      ({ sampler, dtype }) => [Fill.fromSampler(key, sampler as Sampler, KNOWN.count), dtype as Dtype] as const,
    );
    const buffers = await gpu.tensors(fills);
    for (const [i, { sampler, dtype, sha256: known }] of KNOWN.fills.entries()) {
      const found = bytesToHex(sha256(new Uint8Array(await gpu.read(buffers[i]!))));
      buffers[i]!.destroy();
      if (found !== known) {
        throw new SeedTensorsError(`this device does not give the exact values of ${sampler.kind} in ${dtype}`);
      }
    }
    return gpu;
  }

  /** Records a fill into an encoder. The fill writes nothing outside the target's range. */
  fill(encoder: GPUCommandEncoder, fill: Fill, target: Target): void {
    this.fillAll(encoder, [[fill, target]]);
  }

  /**
   * Records many fills into an encoder, in one compute pass, so that a whole model takes one submission.
   * @throws {SeedTensorsError} for the first invalid fill; nothing is recorded then.
   */
  fillAll(encoder: GPUCommandEncoder, fills: readonly (readonly [Fill, Target])[]): void {
    this.#checkLost();
    const steps = fills.flatMap(([fill, target]) => this.#plan(fill, target));
    if (steps.length === 0) {
      return;
    }
    const stride = align(PARAMS_SIZE, this.device.limits.minUniformBufferOffsetAlignment);
    const params = this.device.createBuffer({
      label: "seedtensors",
      size: stride * steps.length,
      usage: GPUBufferUsage.UNIFORM,
      mappedAtCreation: true,
    });
    const bytes = new Uint8Array(params.getMappedRange());
    steps.forEach(({ dispatch }, i) => bytes.set(new Uint8Array(dispatch.params.buffer), stride * i));
    params.unmap();
    const pass = encoder.beginComputePass({ label: "seedtensors" });
    steps.forEach(({ dispatch, pipeline, buffer }, i) => {
      const group = this.device.createBindGroup({
        layout: this.#bindings,
        entries: [
          { binding: 0, resource: { buffer: params, size: PARAMS_SIZE } },
          { binding: 1, resource: { buffer, ...dispatch.binding } },
        ],
      });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group, [stride * i]);
      pass.dispatchWorkgroups(...dispatch.grid);
    });
    pass.end();
  }

  /**
   * Allocates a buffer, fills it and submits the work. The buffer has the bytes of the elements, rounded up to a
   * multiple of 4, and the usages `STORAGE`, `COPY_SRC` and `COPY_DST`.
   * @throws {SeedTensorsError} for an invalid fill, a buffer that is too large, and a lack of memory.
   */
  async tensor(fill: Fill, dtype: Dtype): Promise<GPUBuffer> {
    const [buffer] = await this.tensors([[fill, dtype]]);
    return buffer!;
  }

  /** Does {@link Gpu.tensor} for many tensors, in one submission. */
  async tensors(fills: readonly (readonly [Fill, Dtype])[]): Promise<GPUBuffer[]> {
    this.#checkLost();
    const sizes = fills.map(([{ elements }, dtype]) => align(Math.max(elements * sizeOf(dtype), 4), 4));
    const limit = this.device.limits.maxBufferSize;
    const large = sizes.find((size) => size > limit);
    if (large !== undefined) {
      throw bad(`a buffer of this device has at most ${limit} bytes`, large);
    }
    this.device.pushErrorScope("validation");
    this.device.pushErrorScope("out-of-memory");
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffers = sizes.map((size) => this.device.createBuffer({ label: "seedtensors", size, usage }));
    let refused: unknown;
    try {
      const encoder = this.device.createCommandEncoder();
      this.fillAll(encoder, fills.map(([fill, dtype], i) => [fill, { buffer: buffers[i]!, dtype }] as const));
      this.device.queue.submit([encoder.finish()]);
    } catch (error) {
      refused = error;
    }
    const [memory, validation] = await Promise.all([this.device.popErrorScope(), this.device.popErrorScope()]);
    const found = memory ?? validation;
    if (refused || found) {
      buffers.forEach((buffer) => buffer.destroy());
      throw refused ?? new SeedTensorsError(memory ? `out of memory: ${memory.message}` : found!.message);
    }
    return buffers;
  }

  /**
   * Reads `size` bytes at `offset` of a buffer with usage `COPY_SRC`. Both are multiples of 4. Default: the whole
   * buffer.
   */
  async read(buffer: GPUBuffer, offset = 0, size: number = buffer.size - offset): Promise<ArrayBuffer> {
    this.#checkLost();
    const staging = this.device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
    this.device.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(GPUMapMode.READ);
      return staging.getMappedRange().slice(0);
    } catch (error) {
      await Promise.race([this.device.lost, Promise.resolve()]);
      this.#checkLost();
      throw error;
    } finally {
      staging.destroy();
    }
  }

  #checkLost(): void {
    if (this.#lost) {
      throw new SeedTensorsError(`the device is lost (${this.#lost.reason}): ${this.#lost.message}`);
    }
  }

  /** Checks a fill and returns its dispatches with their pipelines. */
  #plan({ key, sampler, arithmetic, selection }: Fill, { buffer, offset = 0, dtype }: Target) {
    const { count } = selection;
    const end = offset + align(count * sizeOf(dtype), 4);
    if (!(Number.isSafeInteger(offset) && offset >= 0 && offset % 4 === 0 && end <= buffer.size)) {
      throw bad(`a range must begin at a multiple of 4 and end within its ${buffer.size} bytes`, `[${offset}, ${end})`);
    }
    const { kind, coefficients } = workOf(sampler, dtype, arithmetic);
    if (count === 0) {
      return [];
    }
    const { limits } = this.device;
    const bounds: Bounds = {
      binding: limits.maxStorageBufferBindingSize,
      alignment: Math.max(limits.minStorageBufferOffsetAlignment, 16),
      workgroups: limits.maxComputeWorkgroupsPerDimension,
    };
    const dispatches = plan({ key, dtype, coefficients, offset, ...selection }, bounds);
    return dispatches.map((dispatch) => ({ dispatch, buffer, pipeline: this.#pipeline(dispatch, kind, dtype) }));
  }

  /** The pipeline of a variant. Its first use compiles it. */
  #pipeline({ entry }: Dispatch, kind: Work["kind"], dtype: Dtype): GPUComputePipeline {
    const name = JSON.stringify([entry, kind, dtype]);
    let pipeline = this.#pipelines.get(name);
    if (!pipeline) {
      const constants = {
        SAMPLER: KINDS[kind],
        DTYPE: { f32: 0, f16: 1, bf16: 2 }[dtype],
        COORDINATES: entry.coordinates ?? 2 ** 32 - 1,
        WIDE: Number(entry.wide),
        EVEN: Number(entry.even),
        STRADDLE: Number(entry.straddle),
      };
      const compute = { module: this.#module, entryPoint: entry.entryPoint, constants };
      pipeline = this.device.createComputePipeline({ label: "seedtensors", layout: this.#layout, compute });
      this.#pipelines.set(name, pipeline);
    }
    return pipeline;
  }
}
