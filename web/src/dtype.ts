// The element types, and the values next to a bound in each. Rust counterpart: src/dtype.rs.

/**
 * 2^exponent, for the exponent of a normal number. `2 ** exponent` will not do: JavaScript leaves its precision to the
 * engine.
 */
export function powerOfTwo(exponent: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, (1023 + exponent) << 20);
  return view.getFloat64(0);
}

/** The type of a tensor's elements. */
export type Dtype = "f32" | "f16" | "bf16";

/** Every dtype. */
export const DTYPES: readonly Dtype[] = ["f32", "f16", "bf16"];

/** Returns the number of bytes of an element. */
export function sizeOf(dtype: Dtype): number {
  return dtype === "f32" ? 4 : 2;
}

/** The smallest normal f32, 2^-126. Smaller magnitudes count as 0. */
export const MIN_POSITIVE = powerOfTwo(-126);

/** Each dtype's significant bits, exponent of the smallest normal number, and largest value. */
const FORMATS = {
  f32: [24, -126, (2 - powerOfTwo(-23)) * powerOfTwo(127)],
  f16: [11, -14, 65504],
  bf16: [8, -126, (2 - powerOfTwo(-7)) * powerOfTwo(127)],
} as const;

/** The largest value of the dtype below `high`. It may be subnormal. */
function below(dtype: Dtype, high: number): number {
  const [bits, least, largest] = FORMATS[dtype];
  if (high > largest) {
    return largest;
  }
  const step = powerOfTwo(Math.max(exponent(high), least) - (bits - 1));
  const down = Math.floor(high / step) * step;
  if (down < high) {
    return down < -largest ? -Infinity : down;
  }
  // below a positive power of two, values are half as far apart as above it
  const finer = high > 0 && high === powerOfTwo(exponent(high)) && exponent(high) > least;
  const next = high - (finer ? step / 2 : step);
  return next < -largest ? -Infinity : next;
}

/** The largest value of the dtype below the f32 `high`. A magnitude below 2^-126 counts as 0. */
export function largestBelow(dtype: Dtype, high: number): number {
  const value = below(dtype, high);
  if (value !== 0 && Math.abs(value) < MIN_POSITIVE) {
    return value < 0 && high <= 0 ? -MIN_POSITIVE : 0;
  }
  return value + 0;
}

/** The largest value of the dtype at or below `high`, which must not be subnormal. Infinity gives the largest value. */
export function largestTo(dtype: Dtype, high: number): number {
  return largestBelow(dtype, -below("f32", -high));
}

/** Whether a value is finite after rounding to the dtype. */
export function isFiniteIn(dtype: Dtype, value: number): boolean {
  const [bits, , largest] = FORMATS[dtype];
  // half a unit above the largest value is a tie, which rounds to infinity
  return Math.abs(value) < largest + powerOfTwo(exponent(largest) - bits);
}

/** floor(log2 |value|) of a normal number. 0 gives -1023, infinity 1024. */
export function exponent(value: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return ((view.getUint32(0) >>> 20) & 0x7ff) - 1023;
}
