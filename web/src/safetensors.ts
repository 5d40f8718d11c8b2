// A tensor as a .safetensors file, with the bytes that the command `seedtensors init` writes and `seedtensors verify`
// accepts. Rust counterparts: checkpoint/src/text.rs, record.rs, header.rs.

import { type Dtype, sizeOf } from "./dtype.ts";
import { SeedTensorsError, bad } from "./error.ts";
import { type Init, samplerOf } from "./initialisers.ts";
import { Key, checkText } from "./key.ts";
import { workOf } from "./sampler.ts";
import type { Shape, Shard } from "./shape.ts";

/** The version of the values. A change of any value changes it. */
export const VALUES_VERSION = 1;

/** The definition of a tensor. */
export interface Tensor {
  name: string;
  shape: Shape;
  dtype: Dtype;
  init: Init;
  /** The rectangle of the tensor that the file holds; without it, the whole tensor. */
  shard?: Shard | undefined;
}

/**
 * Returns the tensor as a recipe: TOML that `seedtensors init` reads. Numbers stay as they were given, in double
 * precision.
 * @throws {SeedTensorsError} for a name that a file may not have, and an initialiser that does not suit the shape or
 * the dtype.
 */
export function recipeOf({ name, shape, dtype, init, shard }: Tensor): string {
  // throws where the command would refuse the recipe
  workOf(samplerOf(init, shape), dtype, "exact");
  const { layout = "out_in", groups = 1, transposed = false, fans } = shape.options;
  const lines = [
    "[[tensor]]",
    `name = ${quoted(name)}`,
    `shape = [${shape.dims.join(", ")}]`,
    `dtype = "${dtype}"`,
    `init = ${initText(init)}`,
  ];
  if (layout === "in_out") {
    lines.push('layout = "in_out"');
  }
  if (groups !== 1) {
    lines.push(`groups = ${groups}`);
  }
  if (transposed) {
    lines.push("transposed = true");
  }
  if (fans) {
    lines.push(`fans = { fan_in = ${fans.fanIn}, fan_out = ${fans.fanOut} }`);
  }
  if (shard) {
    lines.push(`shard = { start = [${shard.start.join(", ")}], extent = [${shard.extent.join(", ")}] }`);
  }
  return lines.join("\n") + "\n";
}

/**
 * Returns the part of a one-tensor file that comes before the tensor's bytes. The file is this part and the bytes.
 * @throws {SeedTensorsError} for what `recipeOf` refuses, an invalid seed, and 2^53 bytes or more.
 */
export function headerOf(tensor: Tensor, seed: bigint | number): Uint8Array<ArrayBuffer> {
  const dims = tensor.shard?.extent ?? tensor.shape.dims;
  const elements = tensor.shard?.elements ?? tensor.shape.elements;
  const recipe = recipeOf(tensor);
  const bytes = elements * sizeOf(tensor.dtype);
  if (!Number.isSafeInteger(bytes)) {
    throw bad("a tensor's bytes must be below 2^53", bytes);
  }
  // pairs, because an object orders a key such as "0" before all others
  const header: [string, object][] = [
    ["__metadata__", {
      format: "pt",
      "seedtensors.arithmetic": "exact",
      // a digest of all tensors of the checkpoint; `seedtensors.tensors` is their number
      "seedtensors.checkpoint": new Key(0).named(recipe).seed.toString(16).padStart(16, "0"),
      "seedtensors.recipe": recipe,
      "seedtensors.seed": String(new Key(seed).seed),
      "seedtensors.tensors": "1",
      "seedtensors.values": String(VALUES_VERSION),
    }],
    [checkName(tensor.name), { dtype: tensor.dtype.toUpperCase(), shape: dims, data_offsets: [0, bytes] }],
  ];
  const entries = header.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, 8);
  return head;
}

function initText(init: Init): string {
  const pair = (key: string, value: number) => `${key} = ${float(value)}`;
  switch (init.kind) {
    case "constant":
      if (Object.is(init.value, 0)) {
        return '"zeros"';
      }
      return init.value === 1 ? '"ones"' : `{ constant = { ${pair("value", init.value)} } }`;
    case "uniform":
      return `{ uniform = { ${pair("low", init.low)}, ${pair("high", init.high)} } }`;
    case "normal":
      return `{ normal = { ${pair("mean", init.mean)}, ${pair("std", init.std)} } }`;
    case "truncated_normal": {
      const keys = ["mean", "std", "low", "high"] as const;
      const law = keys.map((key) => pair(key, init[key])).join(", ");
      return `{ truncated_normal = { ${law}, bounds = "${init.bounds}" } }`;
    }
    case "variance_scaling": {
      const law = `mode = "${init.mode}", distribution = "${init.distribution}"`;
      return `{ variance_scaling = { ${pair("scale", init.scale)}, ${law} } }`;
    }
  }
}

/** The shortest decimal that reads back as the same number, in the form of Rust's `{:?}`. */
function float(value: number): string {
  if (Math.abs(value) === Infinity) {
    return value < 0 ? "-inf" : "inf";
  }
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    return value.toExponential().replace("e+", "e");
  }
  const text = Object.is(value, -0) ? "-0" : String(value);
  return text.includes(".") ? text : `${text}.0`;
}

/** A TOML string in double quotes, or in single quotes where the name has double quotes. */
function quoted(name: string): string {
  checkName(name);
  return name.includes('"') ? `'${name}'` : `"${name}"`;
}

/** Refuses a name that the command refuses, or that a recipe's text would have to escape. */
function checkName(name: string): string {
  if (name === "" || name === "__metadata__") {
    throw bad("a tensor's name must not be empty, nor __metadata__", JSON.stringify(name));
  }
  if (/[\u0000-\u001f\u007f-\u009f\\]/.test(name) || (name.includes('"') && name.includes("'"))) {
    throw bad("a tensor's name must have no control characters, no \\ and not both quotes", JSON.stringify(name));
  }
  checkText("a tensor's name", name);
  if (name.startsWith("/") || name.split("/").includes("..")) {
    throw new SeedTensorsError(`a tensor's name must not lead out of a folder, as ${JSON.stringify(name)} would`);
  }
  return name;
}
