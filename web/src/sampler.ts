// Checks a sampler's parameters and computes the shader's numbers from them. Rust counterparts: src/sampler.rs,
// src/coefficients.rs.

import { type Dtype, MIN_POSITIVE, isFiniteIn, largestBelow, largestTo, powerOfTwo } from "./dtype.ts";
import { bad } from "./error.ts";
import { bound, finite, shown } from "./f32.ts";
import { type Narrow, TWO_32, type Wide, probability, windowOf } from "./window.ts";

/**
 * The distribution of a tensor's values and its parameters. `samplerOf` makes one from an initialiser. Every number is
 * rounded to the nearest f32 first, as the library and the command round it: 0.1 means 0.10000000149011612. A number
 * that is then not finite, such as 1e39, is refused.
 */
export type Sampler =
  /** The raw 32-bit words, for tests of the generator. */
  | { kind: "words" }
  | { kind: "constant"; value: number }
  /** Uniform in [low, high); never `high`. */
  | { kind: "uniform"; low: number; high: number }
  | { kind: "normal"; mean: number; std: number }
  /** Normal, truncated to [low, high] by the inverse of its distribution function. A bound may be infinite. */
  | { kind: "truncated_normal"; mean: number; std: number; low: number; high: number };

/** "exact" gives the same bits everywhere. "native" normals use the device's own log, sqrt, sin and cos. */
export type Arithmetic = "exact" | "native";

/** The kernels, by their numbers in shaders/sampler.wgsl (`SAMPLER`). */
export const KINDS = {
  words: 0,
  constant: 1,
  uniform: 2,
  normal: 3,
  normal_native: 4,
  truncated: 5,
  truncated_narrow: 6,
  /** A normal of mean 0 with no value below 2^-126, so that no value is flushed to 0. */
  normal_centred: 7,
  /** A truncated normal at most 2 std to both sides of the mean, with no value below 2^-126. */
  truncated_central: 8,
  truncated_skewed: 9,
  truncated_far: 10,
} as const;

/** The execution of a sampler: a kernel and its coefficients. */
export interface Work {
  kind: keyof typeof KINDS;
  coefficients: Coefficients;
}

/** The `Coefficients` of shaders/sampler.wgsl, as f32 values or words. */
export class Coefficients {
  scale = 0;
  bias = 0;
  /** Uniform: the largest value of the dtype below `high`. Truncated normal: the largest value not above `high`. */
  top = 0;
  /** Truncated normal: the least value of the dtype not below `low`. */
  bottom = 0;
  /** Scale exponent: the kernel computes values times 2^scaleExponent, so that no product is subnormal. */
  scaleExponent = 0;
  /** Constant: the bits of its f32. */
  bits = 0;
  /** Wide windows: the numbers of `Wide`. */
  zero = 0;
  /** Far windows: the probabilities are times 2^exponent. */
  exponent = 0;
  base: readonly number[] = [0, 0];
  share = 0;
  offset = 0;
  /** Wide windows: 1/4, with a correction of what the rounding of `share` changes. */
  quarter = 0;
  /** Narrow window: the middle of the window minus `bias`. */
  residue = 0;
  shift = 0;
  start = 0;
  step = 0;
  series: readonly number[] = [0, 0, 0, 0];

  /** Writes the 96 bytes at `offset` of the shader's parameters. */
  write(view: DataView<ArrayBuffer>, offset: number): void {
    const floats = new Float32Array(view.buffer, offset, 24);
    const ints = new Uint32Array(view.buffer, offset, 24);
    floats.set([this.scale, this.bias, this.top, this.bottom]);
    ints.set([this.scaleExponent << 23, this.bits, this.zero, this.exponent << 23], 4);
    floats.set([...this.base, this.share, this.offset, this.quarter], 8);
    floats.set([this.residue, this.shift, this.start, this.step, ...this.series], 13);
  }
}

/**
 * Checks a sampler for a dtype and computes the shader's numbers.
 * @throws {SeedTensorsError} for invalid parameters.
 */
export function workOf(sampler: Sampler, dtype: Dtype, arithmetic: Arithmetic): Work {
  // each case rounds its parameters first, and uses the given ones in its messages
  switch (sampler.kind) {
    case "words":
      if (dtype !== "f32") {
        throw bad("words are 32 bits and need dtype f32", dtype);
      }
      return { kind: "words", coefficients: new Coefficients() };
    case "constant":
      return { kind: "constant", coefficients: constant(finite("a constant", sampler.value, dtype)) };
    case "uniform":
      return { kind: "uniform", coefficients: uniform(sampler, dtype) };
    case "normal":
      return normal(sampler, dtype, arithmetic === "exact");
    case "truncated_normal":
      return truncated(sampler, dtype);
  }
}

/** The least std for which no normal is below 2^-126: the smallest standard normal is above 2^-47. */
const SMALL_STD = powerOfTwo(-79);
/** The scale exponent of tiny parameters: products of values times 2^96 stay normal. */
const SCALE_EXPONENT = 96;
/** The largest magnitude of a standard normal: sqrt(66 ln 2), plus rounding. */
const LARGEST_NORMAL = 6.764;

function constant(value: number): Coefficients {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  return with_({ bits: value !== 0 && Math.abs(value) < MIN_POSITIVE ? 0 : bits });
}

function uniform(given: Sampler & { kind: "uniform" }, dtype: Dtype): Coefficients {
  let [low, high] = [finite("uniform's low", given.low, dtype), finite("uniform's high", given.high, dtype)];
  if (low > high) {
    throw bad("uniform's low must not be above high", `[${shown(given.low)}, ${shown(given.high)})`);
  }
  if (!isFiniteIn("f32", high - low)) {
    throw bad("uniform's high - low must be finite in f32", `${shown(given.high)} - ${shown(given.low)}`);
  }
  [low, high] = [flush(low), flush(high)];
  const range = high - low;
  const scaleExponent = range > 0 && range < powerOfTwo(-100) ? SCALE_EXPONENT : 0;
  const top = low < high ? largestBelow(dtype, high) : low;
  return with_({
    scale: Math.fround(range * powerOfTwo(scaleExponent)) * powerOfTwo(-24),
    bias: low * powerOfTwo(scaleExponent),
    top: top * powerOfTwo(scaleExponent),
    scaleExponent,
  });
}

function normal(given: Sampler & { kind: "normal" }, dtype: Dtype, exact: boolean): Work {
  let [mean, std] = [finite("normal's mean", given.mean, dtype), finite("normal's std", given.std)];
  if (std < 0) {
    throw bad("normal's std must be at least 0", shown(given.std));
  }
  if (!isFiniteIn(dtype, Math.abs(mean) + LARGEST_NORMAL * std)) {
    const sum = `${Math.abs(shown(given.mean))} + 6.77 * ${shown(given.std)}`;
    throw bad(`normal's |mean| + 6.77 std must be finite in ${dtype}`, sum);
  }
  const kind = !exact ? "normal_native" : mean === 0 && std >= SMALL_STD ? "normal_centred" : "normal";
  [mean, std] = [flush(mean), flush(std)];
  const tiny = std > 0 && std < SMALL_STD && Math.abs(mean) < powerOfTwo(-40);
  const scaleExponent = tiny && exact ? SCALE_EXPONENT : 0;
  return { kind, coefficients: with_({ scale: std * powerOfTwo(scaleExponent), bias: mean * powerOfTwo(scaleExponent), scaleExponent }) };
}

function truncated(given: Sampler & { kind: "truncated_normal" }, dtype: Dtype): Work {
  const mean = flush(finite("truncated normal's mean", given.mean, dtype));
  const std = finite("truncated normal's std", given.std);
  if (std < MIN_POSITIVE) {
    throw bad("truncated normal's std must be above 0 (at least 2^-126)", shown(given.std));
  }
  const [low, high] = windowBounds(given);
  const bounds = `[${shown(given.low)}, ${shown(given.high)}]`;
  // the least and the largest value of the dtype inside the window
  // a sum with 0 is not -0
  const inside = { bottom: 0 - largestTo(dtype, -low), top: largestTo(dtype, high) + 0 };
  if (inside.bottom > inside.top) {
    throw bad(`truncated normal's window must hold a value of ${dtype}`, bounds);
  }
  const inStd = (bound: number) => (bound - mean) / std;
  const window = windowOf(inStd(low), inStd(high));
  if (!window) {
    throw bad(
      "truncated normal's window must have a probability of at least 2^-126",
      `${bounds} of mean ${shown(given.mean)} and std ${shown(given.std)}`,
    );
  }
  if (window.kind === "narrow") {
    finite("truncated normal's low", given.low, dtype);
    finite("truncated normal's high", given.high, dtype);
    return { kind: "truncated_narrow", coefficients: narrow(window, low / 2 + high / 2, std, inside) };
  }
  for (const end of ends(window)) {
    const value = Math.min(Math.max(mean + std * end, low), high);
    if (!isFiniteIn(dtype, value)) {
      throw bad(`truncated normal's least and greatest value must be finite in ${dtype}`, value);
    }
  }
  const coefficients = wide(window, mean, std, inside);
  return { kind: wideKind(window, coefficients), coefficients };
}

/** The kernel of a wide window. */
function wideKind({ reach }: Wide, { scaleExponent }: Coefficients): Work["kind"] {
  // the central kernel has no flush
  if (reach === "symmetric" || (reach === "central" && scaleExponent !== 0)) {
    return "truncated";
  }
  return `truncated_${reach}`;
}

/** A truncated normal's bounds in f32, low below high. Either may be infinite. */
function windowBounds(given: { low: number; high: number }): [number, number] {
  const [low, high] = [bound("truncated normal's low", given.low), bound("truncated normal's high", given.high)];
  if (!(low < high)) {
    throw bad("truncated normal's low must be below high in f32", `[${shown(given.low)}, ${shown(given.high)}]`);
  }
  const flushed = (bound: number) => (Math.abs(bound) === Infinity ? bound : flush(bound));
  return [flushed(low), flushed(high)];
}

/** The quantiles of the first and the last word in a window, in std, by bisection. */
function ends({ base, mirrored }: Wide): number[] {
  const quantile = (p: number) => {
    let [from, to] = [-40, 40];
    for (let i = 0; i < 50; i++) {
      const middle = (from + to) / 2;
      [from, to] = probability(middle) < p ? [middle, to] : [from, middle];
    }
    return to;
  };
  const [first, last] = [quantile(base[0]), -quantile(base[1])];
  return mirrored ? [-last, -first] : [first, last];
}

function wide(window: Wide, mean: number, std: number, inside: Partial<Coefficients>): Coefficients {
  // far probabilities are scaled to between 1/2 and 1, so that none is subnormal
  let [exponent, unit] = [0, 1];
  while (window.reach === "far" && unit * (window.share * TWO_32 + window.base[1]) < 0.5) {
    exponent += 1;
    unit *= 2;
  }
  const share = Math.fround(window.share * unit);
  const own = {
    scale: window.mirrored ? -std : std,
    bias: mean,
    zero: window.zero,
    exponent,
    base: window.base.map((base) => Math.fround(base * unit)),
    share,
    offset: Math.fround(window.offset),
    quarter: Math.fround(0.25 + correction(window, share)),
  };
  return scaled({ ...own, ...inside }, windowScale(std, mean));
}

/** sqrt(2 pi), and as the shader's f32. */
const SLOPE = Math.sqrt(2 * Math.PI);
const SQRT_TAU = Math.fround(SLOPE);

/** The correction of the centre's 1/4 for a share that was rounded, and for the rounding of `SQRT_TAU`. */
function correction(window: Wide, share: number): number {
  return window.offset > 0 ? 0 : (SLOPE * (window.share / share) - SQRT_TAU) / ((SLOPE * (2 * Math.PI)) / 6);
}

function narrow(window: Narrow, middle: number, std: number, inside: Partial<Coefficients>): Coefficients {
  const [scale, bias] = [std * window.step, Math.fround(middle)];
  const scaleExponent = windowScale(Math.fround(scale), bias);
  // rounded after scaling; before it, the value could be subnormal
  const up = (value: number) => flush(Math.fround(value * powerOfTwo(scaleExponent)));
  // a term below 2^-60 adds nothing
  const small = (value: number) => (Math.abs(value) < powerOfTwo(-60) ? 0 : Math.fround(value));
  const { start, step, series } = window;
  const own = { bias, start: small(start), step: small(step), series: series.map(small), ...inside };
  return Object.assign(scaled(own, scaleExponent), { scale: up(scale), residue: up(middle - bias), shift: up(std * start) });
}

/**
 * The scale exponent of a window. Its quantiles are above 2^-66 in magnitude, so a std below 2^-60 may give subnormal
 * products.
 */
function windowScale(std: number, mean: number): number {
  return std < powerOfTwo(-60) && Math.abs(mean) < powerOfTwo(-20) ? SCALE_EXPONENT : 0;
}

/** Multiplies the coefficients that are values (not probabilities or words) by 2^scaleExponent. */
function scaled(values: Partial<Coefficients>, scaleExponent: number): Coefficients {
  const largest = (2 - powerOfTwo(-23)) * powerOfTwo(127);
  const up = (value = 0) => Math.min(Math.max(value * powerOfTwo(scaleExponent), -largest), largest);
  const { scale, bias, top, bottom } = values;
  return with_({ ...values, scale: up(scale), bias: up(bias), top: up(top), bottom: up(bottom), scaleExponent });
}

function with_(values: Partial<Coefficients>): Coefficients {
  return Object.assign(new Coefficients(), values);
}

/** Replaces zeros, subnormals and numbers that are not finite with +0. */
function flush(value: number): number {
  return Number.isFinite(value) && Math.abs(value) >= MIN_POSITIVE ? value : 0;
}
