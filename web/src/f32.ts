// Parameters as f32: JavaScript's numbers are doubles, which the library and the command round to f32 before anything
// else. Twin: `finite` in src/init.rs.

import { type Dtype, isFiniteIn } from "./dtype.ts";
import { bad } from "./error.ts";

/** A parameter rounded to the nearest f32, refused where that is not finite in the dtype. */
export function finite(what: string, value: number, dtype: Dtype = "f32"): number {
  const rounded = Math.fround(value);
  if (!isFiniteIn(dtype, rounded)) {
    throw bad(`${what} must be finite in ${dtype}`, shown(value));
  }
  return rounded;
}

/** A bound rounded to the nearest f32; an infinite one stays, one that only rounds to infinity is refused. */
export function bound(what: string, value: number): number {
  return Math.abs(value) === Infinity ? value : finite(what, value);
}

/** A number as messages name it: an f32 by its fewest digits, as Rust writes it, any other as it was given. */
export function shown(value: number): number {
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) {
      return short;
    }
  }
  return value;
}
