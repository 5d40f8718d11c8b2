/** An error of this package. Its message names the rule and the value. */
export class SeedTensorsError extends Error {
  override name = "SeedTensorsError";

  // the models' WebAssembly makes plain errors of this name
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === "SeedTensorsError";
  }
}

/** An error for a value that breaks a rule. */
export function bad(rule: string, value: unknown): SeedTensorsError {
  return new SeedTensorsError(`${rule}, not ${String(value)}`);
}

/** Refuses what is not a whole number that a double holds exactly. */
export function checkWhole(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw bad(`${what} is a whole number at or above 0`, value);
  }
}
