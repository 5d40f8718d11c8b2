// The window of a truncated normal as the samplers' numbers, in double precision by add, subtract, multiply and
// divide alone, in the order of its twin, src/window.rs, so that every host gets the same.

import { powerOfTwo } from "./dtype.ts";

/** Windows whose width times max(1, |middle|), in std, is at most this are narrow. */
const NARROW = 1 / 16;
/** Below this probability of the nearer tail a window is far out: its integers are scaled. */
const FAR = 1 / 16;
/** The least probability of a window: f32's smallest normal number. */
const LEAST_MASS = powerOfTwo(-126);
/** Between a half's neighbourhood and the tails: 0.1 * 2^32. */
const CENTRE = 0x1999999a;
const TWO_64 = powerOfTwo(64);

/** Element `w` has the quantile of probability `base + w range 2^-32`, in units of 2^-octaves. */
export interface Wide {
  kind: "wide";
  base: bigint;
  range: bigint;
  octaves: number;
  /** The least high word of a probability that is near a half. */
  centre: number;
  /** Whether the window stands mirrored, because it lies above the mean. */
  mirrored: boolean;
}

/** With t in (-1/2, 1/2), `y = start + step t` and `x = middle + y (1 + series[0] y + ...)`, in std. */
export interface Narrow {
  kind: "narrow";
  start: number;
  step: number;
  series: [number, number, number, number];
}

/** The window [low, high] in std from the mean; none where its probability is below 2^-126. */
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
  // far windows are scaled to between 2^62 and 2^63, whose top bit says "below a half"
  let octaves = 64;
  let scale = TWO_64;
  while (above < FAR && above * scale < TWO_64 / 4) {
    octaves += 1;
    scale *= 2;
  }
  const range = integer((above - below) * scale);
  const base = integer(below * scale) + (range >> 33n);
  return { kind: "wide", base, range, octaves, centre: octaves === 64 ? CENTRE : 0xffffffff, mirrored };
}

/** The quantile's series about the window's middle. */
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

/** A value below 2^64 rounded down; the probability 1 as the largest integer. */
function integer(value: number): bigint {
  return value >= TWO_64 ? 0xffff_ffff_ffff_ffffn : BigInt(Math.floor(value));
}

/** The standard normal's distribution function, to 2^-45 of itself below 0. */
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

/** The standard normal's density, below 40 std to 2^-45 of itself. */
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
