import type { Dtype } from "./dtype.ts";
import type { Fill } from "./fill.ts";

/** A GPU or the CPU: it fills, and gives the elements. */
export abstract class Backend {
  /** The bytes of a fill's elements, little-endian. */
  abstract bytes(fill: Fill, dtype: Dtype): Promise<Uint8Array<ArrayBuffer>>;

  /**
   * The values of a fill's elements; of f16 and bf16 their bits.
   * @throws {SeedTensorsError} what `bytes` throws.
   */
  async values(fill: Fill, dtype: "f32"): Promise<Float32Array<ArrayBuffer>>;
  async values(fill: Fill, dtype: Dtype): Promise<Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>>;
  async values(fill: Fill, dtype: Dtype): Promise<Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>> {
    const { buffer } = await this.bytes(fill, dtype);
    return dtype === "f32" ? new Float32Array(buffer) : new Uint16Array(buffer);
  }
}
