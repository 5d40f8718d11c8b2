// Statistics of a tensor's values, and the density that its sampler promises.

import { halfValue } from "../src/dtype.ts";
import type { Dtype, Sampler } from "../src/index.ts";

/** Decodes elements to numbers. */
export function valuesOf(bytes: ArrayBuffer, dtype: Dtype): Float32Array {
  if (dtype === "f32") {
    return new Float32Array(bytes);
  }
  const halves = new Uint16Array(bytes);
  // a table of the values of all 65,536 bit patterns
  const table = Float32Array.from({ length: 65536 }, (_, bits) => halfValue(bits, dtype));
  return Float32Array.from(halves, (bits) => table[bits]!);
}

/** The largest distance between neighbouring values of a dtype, up to a magnitude. */
export function stepOf(dtype: Dtype, magnitude: number): number {
  return 2 ** (Math.floor(Math.log2(magnitude)) - { f32: 23, f16: 10, bf16: 7 }[dtype]);
}

export interface Statistics {
  mean: number;
  std: number;
  min: number;
  max: number;
}

export function statisticsOf(values: Float32Array): Statistics {
  let [sum, squares, min, max] = [0, 0, Infinity, -Infinity];
  // relative to the first value, so that a small std stays accurate beside a large mean
  const shift = values[0] ?? 0;
  for (const value of values) {
    sum += value - shift;
    squares += (value - shift) ** 2;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const mean = sum / values.length;
  return { mean: mean + shift, std: Math.sqrt(Math.max(squares / values.length - mean * mean, 0)), min, max };
}

/** The fraction of the values in each cell between `from` and `to`. */
export function histogramOf(values: Float32Array, from: number, to: number, cells: number): Float64Array {
  const counts = new Float64Array(cells);
  const scale = cells / (to - from);
  for (const value of values) {
    const cell = Math.min(Math.floor((value - from) * scale), cells - 1);
    counts[cell]! += 1 / values.length;
  }
  return counts;
}

/** The density of a sampler; undefined for a constant. */
export function densityOf(sampler: Sampler): ((x: number) => number) | undefined {
  if ("uniform" in sampler) {
    const { low, high } = sampler.uniform;
    return low < high ? (x) => (x >= low && x < high ? 1 / (high - low) : 0) : undefined;
  }
  if ("normal" in sampler) {
    const { mean, std } = sampler.normal;
    return std > 0 ? (x) => bell((x - mean) / std) / std : undefined;
  }
  if ("truncated_normal" in sampler) {
    const { mean, std, low, high } = sampler.truncated_normal;
    // Simpson's rule, over the part of the window within 40 std
    const [a, b] = [Math.max((low - mean) / std, -40), Math.min((high - mean) / std, 40)];
    const peak = bell(Math.min(Math.max(0, a), b));
    const steps = 20_000;
    let mass = 0;
    for (let i = 0; i <= steps; i++) {
      const weight = i === 0 || i === steps ? 1 : i % 2 ? 4 : 2;
      mass += weight * (bell(a + ((b - a) * i) / steps) / peak);
    }
    mass *= (b - a) / (3 * steps);
    return (x) => (x >= low && x <= high ? bell((x - mean) / std) / peak / mass / std : 0);
  }
  return undefined;
}

function bell(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}
