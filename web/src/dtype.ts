/** The type of a tensor's elements. */
export type Dtype = "f32" | "f16" | "bf16";

/** Every dtype. */
export const DTYPES: readonly Dtype[] = ["f32", "f16", "bf16"];

/** Returns the number of bytes of an element. */
export function sizeOf(dtype: Dtype): number {
  return dtype === "f32" ? 4 : 2;
}

/** Rounds up to a multiple of `alignment`. */
export function align(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
