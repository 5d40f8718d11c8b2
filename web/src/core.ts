// The library's host half, compiled to WebAssembly: web/core/. The module is compressed within the JavaScript, so that
// it works with every bundler, without one, and in Node.js.

import { SeedTensorsError } from "./error.ts";
import * as core from "../wasm/core/seedtensors_web_core.js";
import module from "../wasm/core/module.js";
import { instantiate } from "./instantiate.ts";

core.initSync({ module: await instantiate(module) });

/** Calls the library. It throws strings, which name the rule and the value. */
export function call<T>(run: (library: typeof core) => T): T {
  try {
    return run(core);
  } catch (error) {
    throw typeof error === "string" ? new SeedTensorsError(error) : error;
  }
}

export { core };
