// Initialisers, in the form of a recipe. The library combines them with a shape.

/**
 * The fan that divides a variance. "fan_avg" is the mean of both fans, "fan_geo_avg" the square root of their product.
 */
export type Mode = "fan_in" | "fan_out" | "fan_avg" | "fan_geo_avg";

/**
 * The distribution of variance scaling. The truncated normal is cut at two std of the normal before the cut; its own
 * variance is the requested one.
 */
export type Distribution = "uniform" | "normal" | "truncated_normal";

/** A distribution of the initialisers that are named normal: plain as in PyTorch, or truncated as in JAX and Keras. */
export type NormalDistribution = "normal" | "truncated_normal";

/** The factor that an activation function needs on its weights' std, as in PyTorch's `calculate_gain`. */
export type Gain = "linear" | "conv" | "sigmoid" | "tanh" | "relu" | "selu" | number | { leaky_relu: number };

/**
 * An initialiser, made by one of the functions below, or as a recipe of the command writes it. Its numbers are combined
 * with the shape in double precision, and the results are rounded to the nearest f32. A result that is then not finite,
 * such as 1e39, is refused when a fill is made.
 */
export type Init =
  | { constant: { value: number } }
  | { uniform: { low?: number; high?: number } }
  | { normal: { mean?: number; std?: number } }
  | { truncated_normal: TruncatedNormalOptions }
  | { variance_scaling: { scale: number; mode: Mode; distribution: Distribution } }
  | { xavier_uniform: XavierOptions }
  | { xavier_normal: XavierOptions & NormalOptions }
  | { he_uniform: HeOptions }
  | { he_normal: HeOptions & NormalOptions }
  | { lecun_uniform: Record<string, never> }
  | { lecun_normal: NormalOptions }
  | { eye: { gain?: number } }
  | { dirac: { groups?: number } }
  | { orthogonal: { gain?: number } }
  | { delta_orthogonal: { gain?: number } }
  | { sparse: { sparsity: number; std?: number } };

export interface TruncatedNormalOptions {
  /** Of the normal before it is truncated. Default: 0. */
  mean?: number;
  /** Of the normal before it is truncated. Default: 1. */
  std?: number;
  /** Default: -2. May be infinite, as `high` may. */
  low?: number;
  /** Default: 2. */
  high?: number;
  /** "absolute" bounds are values; bounds in "std" are multiples of std from the mean. Default: "absolute". */
  bounds?: "absolute" | "std";
}

export interface XavierOptions {
  /** Default: 1. */
  gain?: Gain;
}

export interface HeOptions {
  /** Default: "fan_in". */
  mode?: Mode;
  /** Default: "relu". */
  gain?: Gain;
}

export interface NormalOptions {
  /** Default: "normal", as in PyTorch. JAX and Keras use "truncated_normal". */
  distribution?: NormalDistribution;
}

/** Zeros. */
export const zeros = (): Init => constant(0);
/** Ones. */
export const ones = (): Init => constant(1);
/** One value for all elements. */
export const constant = (value: number): Init => ({ constant: { value } });
/** Uniform in [low, high). No element is `high`, in any dtype. */
export const uniform = (low = 0, high = 1): Init => ({ uniform: { low, high } });
/** Normal with a mean and a std. */
export const normal = (mean = 0, std = 1): Init => ({ normal: { mean, std } });
/** Normal, truncated to [low, high] by the inverse of its distribution function. */
export const truncatedNormal = (options: TruncatedNormalOptions = {}): Init => ({ truncated_normal: options });

/** Variance scaling: the variance is scale / n, where n is the fan that the mode names. */
export const varianceScaling = (
  options: { scale?: number; mode?: Mode; distribution?: Distribution } = {},
): Init => ({ variance_scaling: { scale: 1, mode: "fan_in", distribution: "normal", ...options } });

/** Uniform, variance gain^2 / fan_avg (Glorot and Bengio, 2010). */
export const xavierUniform = (options: XavierOptions = {}): Init => ({ xavier_uniform: options });
/** Normal, variance gain^2 / fan_avg (Glorot and Bengio, 2010). */
export const xavierNormal = (options: XavierOptions & NormalOptions = {}): Init => ({ xavier_normal: options });
/** Uniform, variance gain^2 / fan, by default 2 / fan_in (He, Zhang, Ren, Sun, 2015). */
export const heUniform = (options: HeOptions = {}): Init => ({ he_uniform: options });
/** Normal, variance gain^2 / fan, by default 2 / fan_in (He, Zhang, Ren, Sun, 2015). */
export const heNormal = (options: HeOptions & NormalOptions = {}): Init => ({ he_normal: options });
/** Uniform, variance 1 / fan_in (LeCun, Bottou, Orr, Müller, 1998). */
export const lecunUniform = (): Init => ({ lecun_uniform: {} });
/** Normal, variance 1 / fan_in (LeCun, Bottou, Orr, Müller, 1998). */
export const lecunNormal = (options: NormalOptions = {}): Init => ({ lecun_normal: options });

/** `gain` on the diagonal, 0 elsewhere. Two dimensions. */
export const eye = (gain = 1): Init => ({ eye: { gain } });
/** A convolution that copies its inputs to its outputs. Three to five dimensions. */
export const dirac = (groups = 1): Init => ({ dirac: { groups } });
/**
 * Orthonormal columns times `gain`, or rows where the first dimension is smaller than the product of the others
 * (Saxe, McClelland, Ganguli, 2013). Two dimensions or more.
 */
export const orthogonal = (gain = 1): Init => ({ orthogonal: { gain } });
/** A convolution whose kernel's centre is an orthogonal matrix (Xiao and others, 2018). */
export const deltaOrthogonal = (gain = 1): Init => ({ delta_orthogonal: { gain } });
/** A share of each column is 0, and the rest is normal (Martens, 2010). Two dimensions. */
export const sparse = (sparsity: number, std = 0.01): Init => ({ sparse: { sparsity, std } });
