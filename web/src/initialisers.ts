// Initialisers: a shape's fans become a sampler. The arithmetic is in double precision, and the results are rounded
// once. Rust counterpart: src/init.rs.

import { bad } from "./error.ts";
import { bound, finite } from "./f32.ts";
import type { Sampler } from "./sampler.ts";
import type { Shape } from "./shape.ts";

/**
 * The fan that divides a variance. "fan_avg" is the mean of both fans, "fan_geo_avg" the square root of their product.
 */
export type Mode = "fan_in" | "fan_out" | "fan_avg" | "fan_geo_avg";

/**
 * The distribution of variance scaling. The truncated normal is cut at two std of the normal before the cut; its own
 * variance is the requested one.
 */
export type Distribution = "uniform" | "normal" | "truncated_normal";

/** The factor that an activation function needs on its weights' std, as in PyTorch's `calculate_gain`. */
export type Gain = "linear" | "conv" | "sigmoid" | "tanh" | "relu" | "selu" | number | { leakyRelu: number };

/**
 * An initialiser, made by one of the functions below. Its numbers are combined with the shape in double precision, and
 * the results are rounded to the nearest f32. A result that is then not finite, such as 1e39, is refused.
 */
export type Init =
  | { kind: "constant"; value: number }
  | { kind: "uniform"; low: number; high: number }
  | { kind: "normal"; mean: number; std: number }
  | { kind: "truncated_normal"; mean: number; std: number; low: number; high: number; bounds: "absolute" | "std" }
  | { kind: "variance_scaling"; scale: number; mode: Mode; distribution: Distribution };

/** Returns the factor of a gain. */
export function gainOf(gain: Gain): number {
  if (typeof gain === "number") {
    return gain;
  }
  if (typeof gain === "object") {
    return Math.sqrt(2 / (1 + gain.leakyRelu * gain.leakyRelu));
  }
  return { linear: 1, conv: 1, sigmoid: 1, tanh: 5 / 3, relu: Math.sqrt(2), selu: 0.75 }[gain];
}

/** Zeros. */
export const zeros = (): Init => constant(0);
/** Ones. */
export const ones = (): Init => constant(1);
/** One value for all elements. */
export const constant = (value: number): Init => ({ kind: "constant", value });
/** Uniform in [low, high). No element is `high`, in any dtype. */
export const uniform = (low = 0, high = 1): Init => ({ kind: "uniform", low, high });
/** Normal with a mean and a std. */
export const normal = (mean = 0, std = 1): Init => ({ kind: "normal", mean, std });

/**
 * Normal, truncated to [low, high]. With `bounds: "std"`, the bounds are multiples of std from the mean. They may be
 * infinite.
 */
export const truncatedNormal = (
  parameters: { mean?: number; std?: number; low?: number; high?: number; bounds?: "absolute" | "std" } = {},
): Init => ({ kind: "truncated_normal", mean: 0, std: 1, low: -2, high: 2, bounds: "absolute", ...parameters });

/** Variance scaling: the variance is scale / n, where n is the fan that the mode names. */
export const varianceScaling = (
  parameters: { scale?: number; mode?: Mode; distribution?: Distribution } = {},
): Init => ({ kind: "variance_scaling", scale: 1, mode: "fan_in", distribution: "normal", ...parameters });

interface XavierOptions {
  /** Default: 1. */
  gain?: Gain;
}

interface HeOptions {
  /** Default: "fan_in". */
  mode?: Mode;
  /** Default: "relu". */
  gain?: Gain;
}

interface NormalOptions {
  /** Default: "normal", as in PyTorch. JAX and Keras use "truncated_normal". */
  distribution?: Distribution;
}

const squared = (gain: Gain): number => gainOf(gain) * gainOf(gain);

/** Uniform, variance gain^2 / fan_avg (Glorot and Bengio, 2010). */
export const xavierUniform = ({ gain = 1 }: XavierOptions = {}): Init =>
  varianceScaling({ scale: squared(gain), mode: "fan_avg", distribution: "uniform" });
/** Normal, variance gain^2 / fan_avg (Glorot and Bengio, 2010). */
export const xavierNormal = ({ gain = 1, distribution = "normal" }: XavierOptions & NormalOptions = {}): Init =>
  varianceScaling({ scale: squared(gain), mode: "fan_avg", distribution });
/** Uniform, variance gain^2 / fan, by default 2 / fan_in (He, Zhang, Ren, Sun, 2015). */
export const heUniform = ({ mode = "fan_in", gain }: HeOptions = {}): Init =>
  varianceScaling({ scale: gain === undefined ? 2 : squared(gain), mode, distribution: "uniform" });
/** Normal, variance gain^2 / fan, by default 2 / fan_in (He, Zhang, Ren, Sun, 2015). */
export const heNormal = ({ mode = "fan_in", gain, distribution = "normal" }: HeOptions & NormalOptions = {}): Init =>
  varianceScaling({ scale: gain === undefined ? 2 : squared(gain), mode, distribution });
/** Uniform, variance 1 / fan_in (LeCun, Bottou, Orr, Müller, 1998). */
export const lecunUniform = (): Init => varianceScaling({ distribution: "uniform" });
/** Normal, variance 1 / fan_in (LeCun, Bottou, Orr, Müller, 1998). */
export const lecunNormal = ({ distribution = "normal" }: NormalOptions = {}): Init =>
  varianceScaling({ distribution });

/** The std of a standard normal cut at -2 and 2. */
const STD_WITHIN_TWO = 0.8796256610342398;

/**
 * Returns the sampler of an initialiser for a tensor of this whole shape. Its numbers are rounded to f32.
 * @throws {SeedTensorsError} for an invalid parameter, and for a shape without the fans that the initialiser needs.
 */
export function samplerOf(init: Init, shape: Shape): Sampler {
  if (shape.elements === 0) {
    return { kind: "constant", value: 0 };
  }
  switch (init.kind) {
    case "constant":
      return { kind: "constant", value: finite("constant's value", init.value) };
    case "uniform":
      return { kind: "uniform", low: finite("uniform's low", init.low), high: finite("uniform's high", init.high) };
    case "normal":
      return { kind: "normal", mean: finite("normal's mean", init.mean), std: finite("normal's std", init.std) };
    case "truncated_normal": {
      const { mean, std, low, high, bounds } = init;
      return bounds === "absolute"
        ? truncated(mean, std, low, high)
        : truncated(mean, std, mean + low * std, mean + high * std);
    }
    case "variance_scaling":
      return scaled(init.scale, init.mode, init.distribution, shape);
  }
}

function truncated(mean: number, std: number, low: number, high: number): Sampler {
  return {
    kind: "truncated_normal",
    mean: finite("truncated normal's mean", mean),
    std: finite("truncated normal's std", std),
    low: bound("truncated normal's low", low),
    high: bound("truncated normal's high", high),
  };
}

function scaled(scale: number, mode: Mode, distribution: Distribution, shape: Shape): Sampler {
  if (!(scale >= 0 && Number.isFinite(scale))) {
    throw bad("variance scaling's scale (the gain squared) must be finite and at least 0", scale);
  }
  const { fanIn, fanOut } = shape.fans();
  const n = {
    fan_in: fanIn,
    fan_out: fanOut,
    fan_avg: (fanIn + fanOut) / 2,
    fan_geo_avg: Math.sqrt(fanIn * fanOut),
  }[mode];
  if (n === 0) {
    throw bad("variance scaling needs a fan above 0", `${mode} of fan_in ${fanIn} and fan_out ${fanOut}`);
  }
  const std = Math.sqrt(scale / n);
  switch (distribution) {
    case "uniform": {
      const high = finite("the uniform's bound", Math.sqrt(3) * std);
      return { kind: "uniform", low: -high, high };
    }
    case "normal":
      return { kind: "normal", mean: 0, std: finite("the normal's std", std) };
    case "truncated_normal": {
      const before = std / STD_WITHIN_TWO;
      // a variance of 0 leaves only the value 0
      return std === 0 ? { kind: "constant", value: 0 } : truncated(0, before, -2 * before, 2 * before);
    }
  }
}
