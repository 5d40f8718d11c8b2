// Parameters rounded to f32. JavaScript's numbers are doubles. The library and the command round parameters to f32
// first, and so does this package. Rust counterpart: `finite` in src/init.rs.

import { type Dtype, isFiniteIn } from "./dtype.ts";
import { bad } from "./error.ts";

/** Rounds a parameter to the nearest f32. Throws where the result is not finite in the dtype. */
export function finite(what: string, value: number, dtype: Dtype = "f32"): number {
  const rounded = Math.fround(value);
  if (!isFiniteIn(dtype, rounded)) {
    throw bad(`${what} must be finite in ${dtype}`, shown(value));
  }
  return rounded;
}

/**
 * Rounds a bound to the nearest f32. An infinite bound stays infinite; a finite one that rounds to infinity is an
 * error.
 */
export function bound(what: string, value: number): number {
  return Math.abs(value) === Infinity ? value : finite(what, value);
}

/**
 * A number for a message: the shortest decimal that reads back as the same f32, as Rust prints it; another number as
 * given.
 */
export function shown(value: number): number {
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) {
      return short;
    }
  }
  return value;
}
