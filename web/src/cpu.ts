import { Backend } from "./backend.ts";
import { call } from "./core.ts";
import { type Dtype, sizeOf } from "./dtype.ts";
import { SeedTensorsError } from "./error.ts";
import type { Fill } from "./fill.ts";

/** Elements that are computed before the page gets its turn: some ten milliseconds. */
const PIECE = 2 ** 20;

/**
 * Fills on the CPU, in WebAssembly, with the bits of the GPU. It needs no WebGPU and runs in Node.js, too.
 *
 * ```ts
 * const values = await new Cpu().values(new Fill(new Key(42), normal(), [1000]), "f32");
 * ```
 */
export class Cpu extends Backend {
  readonly kind = "cpu";

  constructor(
    /** The reason why {@link open} gave no GPU. */
    readonly reason?: string,
  ) {
    super();
  }

  /**
   * The bytes of a fill's elements, little-endian. The page gets its turn every 2^20 elements. An orthogonal matrix is
   * computed at once.
   * @throws {SeedTensorsError} for parameters that the dtype cannot hold, and a lack of memory.
   */
  async bytes(fill: Fill, dtype: Dtype): Promise<Uint8Array<ArrayBuffer>> {
    const computed = call((core) => new core.CpuFill(fill.data(), dtype));
    try {
      const bytes = allocate(fill.elements * sizeOf(dtype));
      // each part of a matrix would compute the vectors again
      const piece = fill.sampler || !fill.init ? PIECE : Infinity;
      for (let start = 0; start < fill.elements; start += piece) {
        if (start > 0) {
          await turn();
        }
        const count = Math.min(piece, fill.elements - start);
        bytes.set(call(() => computed.bytes(start, count)), start * sizeOf(dtype));
      }
      return bytes;
    } finally {
      computed.free();
    }
  }
}

/** Zeros. */
function allocate(bytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch {
    throw new SeedTensorsError(`no memory for ${bytes} bytes`);
  }
}

/** Waits until what waits for this thread has had its turn. */
function turn(): Promise<void> {
  // a message comes at once, and a timer after 4 ms
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

