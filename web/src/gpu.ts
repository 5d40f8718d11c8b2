import { Backend } from "./backend.ts";
import { Cpu } from "./cpu.ts";
import { call, core } from "./core.ts";
import { type Dtype, align, halfValue, sizeOf } from "./dtype.ts";
import { SeedTensorsError, bad } from "./error.ts";
import { Fill } from "./fill.ts";
import { constant, orthogonal } from "./initialisers.ts";
import { Key } from "./key.ts";

/** Bytes of the shaders' parameters. */
const PARAMS_SIZE = 512;

/** A target of which only the size is known. */
type Sized = Omit<Target, "buffer"> & { buffer: { size: number } };

/** One dispatch, as the library plans it. */
interface Step {
  entryPoint: string;
  constants: Record<string, number>;
  params: Uint8Array;
  /** Bytes of the written buffer to bind. */
  binding: { offset: number; size: number };
  grid: [number, number];
  writesScratch: boolean;
  readsScratch: boolean;
}

/** The dispatches of a fill, and the bytes of their scratch buffer. */
interface Plan {
  scratch: number;
  steps: Step[];
}

/**
 * A range of a buffer for a fill's elements. An odd number of 2-byte elements leaves the other 2 bytes of the last word
 * unchanged. An orthogonal matrix that is too large for the device's bindings is computed on the CPU and copied.
 */
export interface Target {
  /** A buffer with usage `STORAGE`, and with `COPY_DST` for an orthogonal matrix that is too large. */
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
export class Gpu extends Backend {
  readonly kind = "webgpu";
  readonly #module: GPUShaderModule;
  /** The layouts of pipelines without and with a source. */
  readonly #layouts: [GPUBindGroupLayout, GPUBindGroupLayout];
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  #lost: GPUDeviceLostInfo | undefined;

  private constructor(
    /** The WebGPU device. You may use it for other work, too. */
    readonly device: GPUDevice,
  ) {
    super();
    device.lost.then((info) => {
      this.#lost = info;
    });
    this.#module = device.createShaderModule({ label: "seedtensors", code: core.shaderSource() });
    const entries = [
      { type: "uniform", hasDynamicOffset: true } as const,
      { type: "storage" } as const,
      { type: "read-only-storage" } as const,
    ].map((buffer, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer }));
    const layout = (count: number) =>
      device.createBindGroupLayout({ label: "seedtensors", entries: entries.slice(0, count) });
    this.#layouts = [layout(2), layout(3)];
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
    const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
    try {
      return await Gpu.from(device);
    } catch (error) {
      device.destroy();
      throw error;
    }
  }

  /**
   * Takes a device of yours and checks it: it compares a small fill of each sampler and dtype, and an orthogonal matrix,
   * with the CPU's bits.
   * @throws {SeedTensorsError} if the device differs.
   */
  static async from(device: GPUDevice): Promise<Gpu> {
    const gpu = new Gpu(device);
    const fills = core.checkFills().map(({ fill, dtype }) => [Fill.fromData(fill), dtype as Dtype] as const);
    // more than a panel of reflectors, and rows that are not a multiple of anything
    fills.push([new Fill(new Key(42), orthogonal(), [150, 77]), "f32"]);
    const buffers = await gpu.tensors(fills);
    try {
      for (const [i, [fill, dtype]] of fills.entries()) {
        const found = new Uint8Array(await gpu.read(buffers[i]!));
        const expected = await new Cpu().bytes(fill, dtype);
        if (!expected.every((byte, at) => byte === found[at])) {
          throw new SeedTensorsError(`this device does not give the exact values of ${initialiserOf(fill)} in ${dtype}`);
        }
      }
    } finally {
      buffers.forEach((buffer) => buffer.destroy());
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
    this.#record(encoder, fills);
  }

  /** Records fills, and returns the buffers that only they use. */
  #record(encoder: GPUCommandEncoder, fills: readonly (readonly [Fill, Target])[]): GPUBuffer[] {
    this.#checkLost();
    const plans = fills.map(([fill, target]) => ({ fill, target, plan: this.#plan(fill, target) }));
    // matrices follow one another, so one scratch buffer serves all of them
    const size = Math.max(0, ...plans.map(({ plan }) => plan?.scratch ?? 0));
    const scratch = size > 0 ? this.device.createBuffer({ size, usage: GPUBufferUsage.STORAGE }) : undefined;
    const steps = plans.flatMap(({ target, plan }) => plan?.steps.map((step) => ({ step, buffer: target.buffer })) ?? []);
    // before anything is recorded
    const computed = plans.flatMap(({ fill, target, plan }) => (plan ? [] : [{ target, bytes: computedFor(fill, target) }]));
    const params = this.#dispatch(encoder, steps, scratch);
    const copied = computed.flatMap(({ target, bytes }) => this.#copy(encoder, target, bytes));
    return [params, scratch, ...copied].filter((buffer) => buffer !== undefined);
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
    await this.#compile(fills.map(([fill, dtype], i) => [fill, { buffer: { size: sizes[i]! }, dtype }] as const));
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    let buffers: GPUBuffer[] = [];
    try {
      await this.#scoped(() => {
        buffers = sizes.map((size) => this.device.createBuffer({ label: "seedtensors", size, usage }));
        const encoder = this.device.createCommandEncoder();
        const targets = fills.map(([fill, dtype], i) => [fill, { buffer: buffers[i]!, dtype }] as const);
        const temporary = this.#record(encoder, targets);
        this.device.queue.submit([encoder.finish()]);
        // what was submitted keeps them until it is done
        temporary.forEach((buffer) => buffer.destroy());
      });
    } catch (error) {
      buffers.forEach((buffer) => buffer.destroy());
      throw error;
    }
    return buffers;
  }

  /**
   * Reads `size` bytes at `offset` of a buffer with usage `COPY_SRC`. Both are multiples of 4. Default: the whole
   * buffer.
   * @throws {SeedTensorsError} for another range, a buffer without that usage or a destroyed one, and a lack of memory.
   */
  async read(buffer: GPUBuffer, offset = 0, size: number = buffer.size - offset): Promise<ArrayBuffer> {
    this.#checkLost();
    const isWord = (bytes: number) => Number.isSafeInteger(bytes) && bytes >= 0 && bytes % 4 === 0;
    if (!isWord(offset) || !isWord(size) || offset + size > buffer.size) {
      throw bad(`a range must begin and end at multiples of 4 within its ${buffer.size} bytes`, `[${offset}, ${offset + size})`);
    }
    if (!(buffer.usage & GPUBufferUsage.COPY_SRC)) {
      throw bad("a buffer that is read needs usage COPY_SRC", `usage ${buffer.usage}`);
    }
    const staging = await this.#scoped(() => {
      const staging = this.device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
      this.device.queue.submit([encoder.finish()]);
      return staging;
    });
    try {
      await staging.mapAsync(GPUMapMode.READ);
      return staging.getMappedRange().slice(0);
    } catch (error) {
      await Promise.race([this.device.lost, Promise.resolve()]);
      this.#checkLost();
      throw new SeedTensorsError(`the ${size} bytes could not be read: ${(error as Error).message}`);
    } finally {
      staging.destroy();
    }
  }

  /**
   * The bytes of a fill's elements, little-endian, filled on the GPU and read back.
   * @throws {SeedTensorsError} for an invalid fill, a buffer that is too large, and a lack of memory.
   */
  async bytes(fill: Fill, dtype: Dtype): Promise<Uint8Array<ArrayBuffer>> {
    const buffer = await this.tensor(fill, dtype);
    try {
      const bytes = await this.read(buffer);
      return new Uint8Array(bytes.slice(0, fill.elements * sizeOf(dtype)));
    } finally {
      buffer.destroy();
    }
  }

  /** Calls WebGPU, and throws the error that the device has for these calls. */
  async #scoped<Result>(calls: () => Result): Promise<Result> {
    this.device.pushErrorScope("validation");
    this.device.pushErrorScope("out-of-memory");
    let made: { result: Result } | { thrown: unknown };
    try {
      made = { result: calls() };
    } catch (thrown) {
      made = { thrown };
    }
    const [memory, validation] = await Promise.all([this.device.popErrorScope(), this.device.popErrorScope()]);
    if ("thrown" in made) {
      throw made.thrown;
    }
    if (memory) {
      throw new SeedTensorsError(`out of memory: ${memory.message}`);
    }
    if (validation) {
      throw new SeedTensorsError(validation.message);
    }
    return made.result;
  }

  #checkLost(): void {
    if (this.#lost) {
      throw new SeedTensorsError(`the device is lost (${this.#lost.reason}): ${this.#lost.message}`);
    }
  }

  /** Checks a fill and returns its dispatches; undefined where the CPU must compute it. */
  #plan(fill: Fill, { buffer, offset = 0, dtype }: Sized): Plan | undefined {
    const end = offset + align(fill.elements * sizeOf(dtype), 4);
    if (!(Number.isSafeInteger(offset) && offset >= 0 && offset % 4 === 0 && end <= buffer.size)) {
      throw bad(`a range must begin at a multiple of 4 and end within its ${buffer.size} bytes`, `[${offset}, ${end})`);
    }
    const { maxStorageBufferBindingSize: binding, minStorageBufferOffsetAlignment: alignment } = this.device.limits;
    const { maxComputeWorkgroupsPerDimension: workgroups } = this.device.limits;
    return call((core) => core.fillSteps(fill.data(), dtype, offset, binding, alignment, workgroups));
  }

  /** Records dispatches in one compute pass. Returns the buffer of their parameters. */
  #dispatch(
    encoder: GPUCommandEncoder,
    steps: { step: Step; buffer: GPUBuffer }[],
    scratch: GPUBuffer | undefined,
  ): GPUBuffer | undefined {
    if (steps.length === 0) {
      return undefined;
    }
    const stride = align(PARAMS_SIZE, this.device.limits.minUniformBufferOffsetAlignment);
    const params = this.device.createBuffer({
      label: "seedtensors",
      size: stride * steps.length,
      usage: GPUBufferUsage.UNIFORM,
      mappedAtCreation: true,
    });
    const bytes = new Uint8Array(params.getMappedRange());
    steps.forEach(({ step }, i) => bytes.set(step.params, stride * i));
    params.unmap();
    const pass = encoder.beginComputePass({ label: "seedtensors" });
    steps.forEach(({ step, buffer }, i) => {
      const written = { buffer: step.writesScratch ? scratch! : buffer, ...step.binding };
      const resources = [{ buffer: params, size: PARAMS_SIZE }, written, ...(step.readsScratch ? [{ buffer: scratch! }] : [])];
      const entries = resources.map((resource, binding) => ({ binding, resource }));
      const layout = this.#layouts[step.readsScratch ? 1 : 0];
      pass.setPipeline(this.#pipeline(step));
      pass.setBindGroup(0, this.device.createBindGroup({ layout, entries }), [stride * i]);
      pass.dispatchWorkgroups(...step.grid);
    });
    pass.end();
    return params;
  }

  /** Records a copy of bytes that the CPU computed. Returns the buffers that only it uses. */
  #copy(encoder: GPUCommandEncoder, { buffer, offset = 0, dtype }: Target, bytes: Uint8Array): GPUBuffer[] {
    const temporary: GPUBuffer[] = [];
    const size = bytes.length - (bytes.length % 4);
    if (size > 0) {
      const staging = this.device.createBuffer({ size, usage: GPUBufferUsage.COPY_SRC, mappedAtCreation: true });
      new Uint8Array(staging.getMappedRange()).set(bytes.subarray(0, size));
      staging.unmap();
      encoder.copyBufferToBuffer(staging, 0, buffer, offset, size);
      temporary.push(staging);
    }
    if (size < bytes.length) {
      // a copy writes whole words and would overwrite the neighbour, so the last element is filled
      const value = halfValue(bytes[size]! | (bytes[size + 1]! << 8), dtype);
      temporary.push(...this.#record(encoder, [[new Fill(new Key(0), constant(value), [1]), { buffer, offset: offset + size, dtype }]]));
    }
    return temporary;
  }

  /** Compiles the pipelines of fills that are not compiled yet, side by side. */
  async #compile(fills: readonly (readonly [Fill, Sized])[]): Promise<void> {
    const steps = fills.flatMap(([fill, target]) => this.#plan(fill, target)?.steps ?? []);
    const missing = new Map(steps.map((step) => [nameOf(step), step] as const).filter(([name]) => !this.#pipelines.has(name)));
    const compile = async ([name, step]: [string, Step]) => {
      this.#pipelines.set(name, await this.device.createComputePipelineAsync(this.#descriptor(step)));
    };
    await Promise.all([...missing].map(compile));
  }

  /** The pipeline of a step. Its first use compiles it. */
  #pipeline(step: Step): GPUComputePipeline {
    const name = nameOf(step);
    let pipeline = this.#pipelines.get(name);
    if (!pipeline) {
      pipeline = this.device.createComputePipeline(this.#descriptor(step));
      this.#pipelines.set(name, pipeline);
    }
    return pipeline;
  }

  #descriptor({ entryPoint, constants, readsScratch }: Step): GPUComputePipelineDescriptor {
    const bindGroupLayouts = [this.#layouts[readsScratch ? 1 : 0]];
    const layout = this.device.createPipelineLayout({ bindGroupLayouts });
    return { label: "seedtensors", layout, compute: { module: this.#module, entryPoint, constants } };
  }
}

/** The bytes of a matrix that is too large for the device's bindings. The CPU computes it. */
function computedFor(fill: Fill, { buffer, dtype }: Target): Uint8Array {
  if (!(buffer.usage & GPUBufferUsage.COPY_DST)) {
    throw bad("a matrix that is too large for this device's bindings needs a buffer with usage COPY_DST", `usage ${buffer.usage}`);
  }
  const computed = call((core) => new core.CpuFill(fill.data(), dtype));
  try {
    return call(() => computed.bytes(0, fill.elements));
  } finally {
    computed.free();
  }
}

/** The name of a step's pipeline. */
function nameOf({ entryPoint, constants }: Step): string {
  return JSON.stringify([entryPoint, constants]);
}

/** The name of a fill's initialiser, for messages. */
function initialiserOf({ init }: Fill): string {
  return init ? Object.keys(init)[0]! : "words";
}
