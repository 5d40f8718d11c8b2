import { Cpu } from "./cpu.ts";
import { SeedTensorsError } from "./error.ts";
import { Gpu } from "./gpu.ts";

/**
 * Opens the browser's GPU, or the CPU where there is no WebGPU. Both give the same bits. `kind` says which one it is,
 * and `reason` why it is the CPU.
 *
 * ```ts
 * const backend = await open();
 * const values = await backend.values(new Fill(new Key(42).named("fc1.weight"), heNormal(), [512, 784]), "f32");
 * ```
 */
export async function open(options?: GPURequestAdapterOptions): Promise<Gpu | Cpu> {
  try {
    return await Gpu.open(options);
  } catch (error) {
    // another error is a fault of this package
    if (!(error instanceof SeedTensorsError || error instanceof DOMException)) {
      throw error;
    }
    return new Cpu(error.message);
  }
}
