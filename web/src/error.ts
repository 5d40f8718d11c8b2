/** An error of this package. Its message names the rule and the value that breaks it. */
export class SeedTensorsError extends Error {
  override name = "SeedTensorsError";
}

/** Makes the error for a rule and the value that breaks it. */
export function bad(rule: string, value: unknown): SeedTensorsError {
  return new SeedTensorsError(`${rule}, not ${value}`);
}
