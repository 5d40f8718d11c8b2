// The host's numbers against the Rust library's: ../tools/src/bin/web_vectors.rs wrote vectors.json.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "@playwright/test";
import { DTYPES, type Dtype } from "../src/dtype.ts";
import { type Init, samplerOf } from "../src/initialisers.ts";
import { Key } from "../src/key.ts";
import { type Tensor, headerOf, recipeOf } from "../src/safetensors.ts";
import { type Arithmetic, KINDS, type Sampler, workOf } from "../src/sampler.ts";
import { Shape } from "../src/shape.ts";

const vectors = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8"), (_, value) =>
  ["inf", "-inf", "NaN"].includes(value) ? Number(value.replace("inf", "Infinity")) : value,
);

/** Returns the result of `make`, or null where it throws an error of this package that names a rule. */
function orNull<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== "SeedTensorsError" || !/must|need|is a whole number/.test(message)) {
      throw error;
    }
    return null;
  }
}

const keyOf = ({ seed, offset }: { seed: string; offset: string }) => new Key(BigInt(seed), BigInt(offset));

test("keys", () => {
  expect(vectors.keys.length).toBeGreaterThan(3);
  for (const { key: given, blocks, folded, named } of vectors.keys) {
    const key = keyOf(given);
    for (const [b, words] of blocks) {
      expect(key.block(BigInt(b))).toEqual(words);
    }
    for (const [i, expected] of folded) {
      expect(key.foldIn(BigInt(i))).toEqual(keyOf(expected));
    }
    for (const [name, expected] of named) {
      expect(key.named(name), name).toEqual(keyOf(expected));
    }
  }
});

test("a seed that is no whole number below 2^64 is refused", () => {
  for (const seed of [-1, 0.5, NaN, 2 ** 53, -1n, 1n << 64n]) {
    expect(() => new Key(seed), String(seed)).toThrow(/a seed is a whole number from 0 to 2\^64 - 1.*, not/);
  }
});

/** A sampler or an initialiser as text, for messages. */
const textOf = (value: unknown) =>
  JSON.stringify(value, (_, value) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value));

/** The kernel number and coefficients that web/ computes for a sampler, in the form of vectors.json. */
const found = (sampler: () => Sampler, dtype: Dtype, arithmetic: Arithmetic) =>
  orNull(() => {
    const { kind, coefficients } = workOf(sampler(), dtype, arithmetic);
    const bytes = new DataView(new ArrayBuffer(96));
    coefficients.write(bytes, 0);
    return [KINDS[kind], Buffer.from(bytes.buffer).toString("hex").replace(/0+$/, "")];
  });

/** The samplers of vectors.json for which web/ computes other coefficients. `given` maps each sampler first. */
const differing = (given: (sampler: Sampler) => Sampler) =>
  vectors.coefficients.flatMap(({ sampler, native, ...exact }: any) => {
    const forms = [["f32", "native", native], ...DTYPES.map((dtype) => [dtype, "exact", exact[dtype]])];
    return forms
      .filter(([dtype, arithmetic, expected]) => !isDeepStrictEqual(found(() => given(sampler), dtype, arithmetic), expected))
      .map(([dtype, arithmetic]) => `${textOf(sampler)} ${dtype} ${arithmetic}`);
  });

test("the shader's parameters of samplers, whose numbers are rounded to f32 first", () => {
  const isFloat = (value: unknown) => typeof value !== "number" || Object.is(Math.fround(value), value);
  const rounded = vectors.coefficients.filter(({ sampler }: any) => !Object.values(sampler).every(isFloat));
  expect(vectors.coefficients.length).toBeGreaterThan(700);
  expect(rounded.length).toBeGreaterThan(60);
  expect(differing((sampler) => sampler)).toEqual([]);
});

test("the shader's parameters of initialisers by the same numbers", () => {
  const shape = new Shape([1]);
  const initOf = (sampler: Sampler) => ({ bounds: "absolute", ...sampler }) as Init;
  expect(differing((sampler) => (sampler.kind === "words" ? sampler : samplerOf(initOf(sampler), shape)))).toEqual([]);
});

test("what is not finite in f32 is refused, by the value that was given", () => {
  const truncated = { kind: "truncated_normal", mean: 0.001, std: 0.02, low: -0.04, high: 0.1 } as const;
  const said = (sampler: Sampler, dtype: Dtype = "f32") => () => workOf(sampler, dtype, "exact");
  for (const value of [1e39, -1e39, 3.4028236e38, NaN]) {
    const message = (what: string) => `${what} must be finite in f32, not ${value}`;
    expect(said({ kind: "constant", value })).toThrow(message("a constant"));
    expect(said({ kind: "uniform", low: value, high: 1 })).toThrow(message("uniform's low"));
    expect(said({ kind: "uniform", low: 0, high: value })).toThrow(message("uniform's high"));
    expect(said({ kind: "normal", mean: value, std: 1 })).toThrow(message("normal's mean"));
    expect(said({ kind: "normal", mean: 0, std: value })).toThrow(message("normal's std"));
    for (const name of ["mean", "std", "low", "high"]) {
      expect(said({ ...truncated, [name]: value })).toThrow(message(`truncated normal's ${name}`));
    }
  }
  expect(said({ ...truncated, low: -Infinity, high: Infinity })).not.toThrow();
  expect(said({ ...truncated, mean: Infinity })).toThrow("truncated normal's mean must be finite in f32, not Infinity");
});

test("messages name numbers as they were given, and f32s by their fewest digits", () => {
  const said = (sampler: Sampler, dtype: Dtype = "f32") => () => workOf(sampler, dtype, "exact");
  expect(said({ kind: "normal", mean: 0, std: -0.1 })).toThrow("normal's std must be at least 0, not -0.1");
  expect(said(samplerOf({ kind: "normal", mean: 0, std: -0.1 }, new Shape([1])))).toThrow("at least 0, not -0.1");
  expect(said({ kind: "uniform", low: 0.3, high: 0.1 })).toThrow("uniform's low must not be above high, not [0.3, 0.1)");
  expect(said({ kind: "constant", value: 65519.999 }, "f16")).toThrow("a constant must be finite in f16, not 65519.999");
  expect(said({ kind: "normal", mean: 0.1, std: 9687.3 }, "f16")).toThrow("must be finite in f16, not 0.1 + 6.77 * 9687.3");
  const window = { kind: "truncated_normal", mean: 0.001, std: 0.02, low: 0.01, high: 0.010000000001 } as const;
  expect(said(window)).toThrow("truncated normal's low must be below high in f32, not [0.01, 0.010000000001]");
});

test("fans, and the samplers of initialisers", () => {
  const [{ inits }, ...cases] = vectors.samplers;
  expect(cases.length).toBeGreaterThan(50);
  for (const { shape: given, fans, samplers } of cases) {
    const shape = new Shape(given.dims, given.options);
    const { fanIn, fanOut } = orNull(() => shape.fans()) ?? {};
    expect(fanIn === undefined ? null : [fanIn, fanOut], JSON.stringify(given)).toEqual(fans);
    const found = inits.map((init: Init) => orNull(() => samplerOf(init, shape)));
    expect(found, JSON.stringify(given)).toEqual(samplers);
  }
});

test("recipes", () => {
  expect(vectors.recipes.length).toBeGreaterThan(50);
  for (const { recipe, header, shape: given, shard, ...tensor } of vectors.recipes) {
    const shape = new Shape(given.dims, given.options);
    const part = shard && shape.shard(shard.start, shard.extent);
    expect(recipeOf({ ...tensor, shape, shard: part })).toBe(recipe);
    const bytes = headerOf({ ...tensor, shape, shard: part }, 42);
    expect(new TextDecoder().decode(bytes.subarray(8))).toBe(header);
  }
});

test("headers are the command's, whatever the tensor's name", () => {
  expect(vectors.headers.length).toBeGreaterThan(10);
  for (const { json, seed, name, dtype } of vectors.headers) {
    const header = headerOf({ name, dtype, shape: new Shape([2, 3]), init: { kind: "constant", value: 1 } }, BigInt(seed));
    expect(new TextDecoder("utf-8", { ignoreBOM: true }).decode(header.subarray(8)), name).toBe(json);
    expect(new DataView(header.buffer).getBigUint64(0, true), name).toBe(BigInt(header.length - 8));
  }
});

test("numbers of a header are whole", () => {
  const shape = new Shape([2 ** 51 - 1, 1, 2]);
  const tensor: Tensor = { name: "w", shape, dtype: "f16", init: { kind: "constant", value: 1 } };
  const json = new TextDecoder().decode(headerOf(tensor, 1).subarray(8));
  expect(json).toContain('"shape":[2251799813685247,1,2],"data_offsets":[0,9007199254740988]}');
  expect(() => headerOf({ ...tensor, dtype: "f32" }, 1)).toThrow("a tensor's bytes must be below 2^53, not 18014398509481976");
  expect(new TextDecoder().decode(headerOf({ ...tensor, shape: new Shape([-0]) }, 1))).toContain('"shape":[0],"data_offsets":[0,0]');
});

test("a name without a UTF-8 of its own is refused", () => {
  const tensor: Tensor = { name: "", shape: new Shape([2]), dtype: "f32", init: { kind: "constant", value: 1 } };
  for (const name of ["\ud800", "a\udc00b", "\ude00\ud83d"]) {
    expect(() => headerOf({ ...tensor, name }, 1)).toThrow("a tensor's name must have no half of a surrogate pair, not");
    expect(() => new Key(1).named(name)).toThrow("a name must have no half of a surrogate pair, not");
  }
});

test("names that files may not have are refused", () => {
  const tensor: Tensor = { name: "", shape: new Shape([2]), dtype: "f32", init: { kind: "constant", value: 1 } };
  for (const name of ["", "__metadata__", "a\nb", "a\\b", "/etc", "a/../b", "'\""]) {
    expect(() => headerOf({ ...tensor, name }, 1), name).toThrow(/a tensor's name must/);
  }
});

test("a file of what the command would refuse is refused", () => {
  const tensor: Tensor = { name: "w", shape: new Shape([2]), dtype: "f32", init: { kind: "constant", value: 65519.999 } };
  expect(recipeOf(tensor)).toContain("{ constant = { value = 65519.999 } }");
  expect(() => recipeOf({ ...tensor, dtype: "f16" })).toThrow("a constant must be finite in f16, not 65520");
  for (const value of [NaN, Infinity, 1e39]) {
    expect(() => headerOf({ ...tensor, init: { kind: "constant", value } }, 1)).toThrow(`finite in f32, not ${value}`);
  }
  for (const seed of [-1, 0.5, 2 ** 53]) {
    expect(() => headerOf(tensor, seed)).toThrow(/a seed is a whole number from 0 to 2\^64 - 1.*, not/);
  }
});

test("shapes and shards that are none are refused", () => {
  expect(() => new Shape([2, -1])).toThrow("a dimension is a whole number at or above 0, not -1");
  expect(() => new Shape([2 ** 30, 2 ** 30])).toThrow("must be below 2^53");
  expect(() => new Shape([2], { groups: 1.5 })).toThrow("groups is a whole number at or above 0, not 1.5");
  expect(() => new Shape([2], { fans: { fanIn: 3, fanOut: 0.5 } })).toThrow("a fan is a whole number at or above 0, not 0.5");
  const shape = new Shape([4, 6]);
  expect(() => shape.shard([0, 3], [4, 4])).toThrow("must lie inside shape [4, 6], not start [0, 3] and extent [4, 4]");
  expect(() => shape.shard([0], [4])).toThrow("needs a start and an extent for each dimension");
  expect(() => shape.shard([0.5, 0], [1, 1])).toThrow("must lie inside");
});
