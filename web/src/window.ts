// The window of a truncated normal as the kernels' numbers. The arithmetic is in double precision, with only add,
// subtract, multiply and divide, in the same order as in src/window.rs, so that every host gets the same numbers.

import { powerOfTwo } from "./dtype.ts";

/** Windows whose width times max(1, |middle|), in std, is at most this are narrow. */
const NARROW = 1 / 16;
/** A window whose nearer end has a smaller probability beyond it is far out. */
const FAR = 1 / 16;
/** The least probability of a window: the smallest normal f32. */
const LEAST_MASS = powerOfTwo(-126);
/** The largest bound of a window without tails. */
const CENTRAL = 2.00001;
/** The number of words. */
export const TWO_32 = powerOfTwo(32);

/** A wide window: word `w` gives the quantile in the middle of its share. */
export interface Wide {
  kind: "wide";
  /** The part of the line that the window covers. */
  reach: "central" | "symmetric" | "skewed" | "far";
  /** The probability of a word. */
  share: number;
  /** The probabilities below the middle of the first word, and above the middle of the last. */
  base: [number, number];
  /** The first word above the mean. */
  zero: number;
  /** The distance of word `zero` from a half. */
  offset: number;
  /** Whether the window is below the mean: then it is the mirror image of this one. */
  mirrored: boolean;
}

/** A narrow window: `y = start + step t` for t in (-1/2, 1/2), and `x = middle + y (1 + series[0] y + ...)`, in std. */
export interface Narrow {
  kind: "narrow";
  start: number;
  step: number;
  series: [number, number, number, number];
}

/** Returns the window [low, high], in std from the mean, or undefined where its probability is below 2^-126. */
export function windowOf(low: number, high: number): Wide | Narrow | undefined {
  const middle = low + (high - low) / 2;
  if ((high - low) * Math.max(Math.abs(middle), 1) <= NARROW) {
    return density(middle) * (high - low) >= LEAST_MASS ? narrow(low, high) : undefined;
  }
  return wide(low, high);
}

function wide(low: number, high: number): Wide | undefined {
  const mirrored = high <= 0;
  [low, high] = mirrored ? [-high, -low] : [low, high];
  const [below, above] = [probability(low), probability(-high)];
  const mass = low < 0 ? 1 - below - above : probability(-low) - above;
  if (!(mass >= LEAST_MASS)) {
    return undefined;
  }
  const share = mass / TWO_32;
  let reach: Wide["reach"] = low > 0 && probability(-low) < FAR ? "far" : "skewed";
  if (low === -high) {
    reach = high <= CENTRAL ? "central" : "symmetric";
  }
  const zero = low < 0 ? Math.min(Math.floor(fromHalf(-low) / share + 0.5), TWO_32 - 1) : 0;
  const offset = low < 0 ? 0 : fromHalf(low);
  return { kind: "wide", reach, share, base: [below + share / 2, above + share / 2], zero, offset, mirrored };
}

/** The series of the quantile about the window's middle. */
function narrow(low: number, high: number): Narrow {
  const m = low + (high - low) / 2;
  const h = (high - low) / 2;
  const mm = m * m;
  const odd = h * (1 + h * h * ((mm - 1) / 6 + (h * h * (mm * (mm - 6) + 3)) / 120));
  const even = -h * h * m * (0.5 + h * h * ((mm - 3) / 24 + (h * h * (mm * (mm - 10) + 15)) / 720));
  return {
    kind: "narrow",
    start: even,
    step: 2 * odd,
    series: [m / 2, (2 * mm + 1) / 6, (m * (6 * mm + 7)) / 24, (mm * (24 * mm + 46) + 7) / 120],
  };
}

/** The distribution function of the standard normal, with a relative error of 2^-45 below 0. */
export function probability(x: number): number {
  return x > 0 ? 1 - tail(x) : tail(-x);
}

/** The probability that a standard normal is between 0 and x, for x at or above 0. */
function fromHalf(x: number): number {
  if (x >= 2) {
    return 0.5 - tail(x);
  }
  // Abramowitz and Stegun 26.2.11
  let term = x;
  let sum = 0;
  let odd = 1;
  while (term > sum * 1e-17) {
    sum += term;
    odd += 2;
    term *= (x * x) / odd;
  }
  return density(x) * sum;
}

/** The probability that a standard normal is above x, for x at or above 0. */
function tail(x: number): number {
  if (x > 40) {
    return 0;
  }
  if (x < 2) {
    return 0.5 - fromHalf(x);
  }
  // 26.2.14
  let fraction = x;
  for (let k = 199; k >= 1; k--) {
    fraction = x + k / fraction;
  }
  return density(x) / fraction;
}

/** The density of the standard normal, with a relative error of 2^-45 below 40 std. */
export function density(x: number): number {
  const y = (x * x) / 2;
  if (y > 800) {
    return 0;
  }
  // exp(-y) = 2^-n exp(n ln2 - y)
  let n = 0;
  let scale = 0.3989422804014327;
  while (n * Math.LN2 < y) {
    n += 1;
    scale *= 0.5;
  }
  const r = n * 0.693145751953125 - y + n * 1.4286068203094172e-6;
  let sum = 1;
  for (let k = 19; k >= 1; k--) {
    sum = 1 + (sum * r) / k;
  }
  return scale * sum;
}
