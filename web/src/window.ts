// The window of a truncated normal as the kernels' numbers. The arithmetic is in double precision, with only add,
// subtract, multiply and divide, in the same order as in src/window.rs, so that every host gets the same numbers.

import { powerOfTwo } from "./dtype.ts";

/** Windows whose width times max(1, |middle|), in std, is at most this are narrow. */
const NARROW = 1 / 16;
/** A window whose nearer tail has a probability below this one lies far out, and its integers are scaled. */
const FAR = 1 / 16;
/** The least probability of a window: the smallest normal f32. */
const LEAST_MASS = powerOfTwo(-126);
/** The border between the centre, near probability 1/2, and the tails: 0.1 * 2^32. */
const CENTRE = 0x1999999a;
const TWO_64 = powerOfTwo(64);

/** A wide window: word `w` gives the quantile of the probability `base + w range 2^-32`, in units of 2^-exponent. */
export interface Wide {
  kind: "wide";
  base: bigint;
  range: bigint;
  exponent: number;
  /** The least high word of a probability in the centre. */
  centre: number;
  /** Whether the window is mirrored, because it lies above the mean. */
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
  const mirrored = low >= 0;
  const [below, above] = mirrored ? [probability(-high), probability(-low)] : [probability(low), probability(high)];
  if (!(above - below >= LEAST_MASS)) {
    return undefined;
  }
  // a far window is scaled to between 2^62 and 2^63: its top bit then says "below 1/2"
  let exponent = 64;
  let scale = TWO_64;
  while (above < FAR && above * scale < TWO_64 / 4) {
    exponent += 1;
    scale *= 2;
  }
  const range = integer((above - below) * scale);
  const base = integer(below * scale) + (range >> 33n);
  return { kind: "wide", base, range, exponent, centre: exponent === 64 ? CENTRE : 0xffffffff, mirrored };
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

/** Rounds a value below 2^64 down. The probability 1, which is 2^64, becomes the largest integer. */
function integer(value: number): bigint {
  return value >= TWO_64 ? 0xffff_ffff_ffff_ffffn : BigInt(Math.floor(value));
}

/** The distribution function of the standard normal, with a relative error of 2^-45 below 0. */
export function probability(x: number): number {
  return x > 0 ? 1 - tail(x) : tail(-x);
}

/** The probability that a standard normal is above x, for x at or above 0. */
function tail(x: number): number {
  if (x > 40) {
    return 0;
  }
  if (x < 2) {
    // Abramowitz and Stegun 26.2.11
    let term = x;
    let sum = 0;
    let odd = 1;
    while (term > sum * 1e-17) {
      sum += term;
      odd += 2;
      term *= (x * x) / odd;
    }
    return 0.5 - density(x) * sum;
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
