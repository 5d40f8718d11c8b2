/** The type of a tensor's elements. */
export type Dtype = "f32" | "f16" | "bf16";

/** Every dtype. */
export const DTYPES: readonly Dtype[] = ["f32", "f16", "bf16"];

/** Returns the number of bytes of an element. */
export function sizeOf(dtype: Dtype): number {
  return dtype === "f32" ? 4 : 2;
}

/** Returns the value of the bits of an f16 or a bf16. */
export function halfValue(bits: number, dtype: Dtype): number {
  if (dtype === "bf16") {
    return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!;
  }
  const [sign, exponent, mantissa] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) {
    return mantissa ? NaN : sign * Infinity;
  }
  return sign * (exponent ? (1024 + mantissa) * 2 ** (exponent - 25) : mantissa * 2 ** -24);
}

/** Rounds up to a multiple of `alignment`. */
export function align(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
