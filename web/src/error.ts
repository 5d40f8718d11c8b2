/** What this package refuses, and why: the message names the rule and the value. */
export class SeedTensorsError extends Error {
  override name = "SeedTensorsError";
}

/** An error that names a rule and the value that breaks it. */
export function bad(rule: string, value: unknown): SeedTensorsError {
  return new SeedTensorsError(`${rule}, not ${value}`);
}
