// The host's numbers against the Rust library's: ../checkpoint/examples/web_vectors.rs wrote vectors.json.

import { readFileSync } from "node:fs";
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

/** What something gives, or null where it throws an error that says why. */
function orNull<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    expect((error as Error).name).toBe("SeedTensorsError");
    expect((error as Error).message).toMatch(/must|need|is a whole number/);
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

test("the shader's parameters of samplers", () => {
  expect(vectors.coefficients.length).toBeGreaterThan(700);
  const found = (sampler: Sampler, dtype: Dtype, arithmetic: Arithmetic) =>
    orNull(() => {
      const { kind, coefficients } = workOf(sampler, dtype, arithmetic);
      const bytes = new DataView(new ArrayBuffer(96));
      coefficients.write(bytes, 0);
      return [KINDS[kind], Buffer.from(bytes.buffer).toString("hex").replace(/0+$/, "")];
    });
  for (const { sampler, native, ...exact } of vectors.coefficients) {
    const what = JSON.stringify(sampler, (_, value) => (Number.isFinite(value) ? value : String(value)));
    expect.soft(found(sampler, "f32", "native"), what).toEqual(native);
    for (const dtype of DTYPES) {
      expect.soft(found(sampler, dtype, "exact"), `${what} ${dtype}`).toEqual(exact[dtype]);
    }
  }
});

test("fans, and the samplers of initialisers", () => {
  const [{ inits }, ...cases] = vectors.samplers;
  expect(cases.length).toBeGreaterThan(50);
  for (const { shape: given, fans, samplers } of cases) {
    const shape = new Shape(given.dims, given.options);
    const { fanIn, fanOut } = orNull(() => shape.fans()) ?? {};
    expect(fanIn === undefined ? null : [fanIn, fanOut], JSON.stringify(given)).toEqual(fans);
    inits.forEach((init: Init, i: number) => {
      expect(orNull(() => samplerOf(init, shape)), JSON.stringify({ given, init })).toEqual(samplers[i]);
    });
  }
});

test("recipes", () => {
  expect(vectors.recipes.length).toBeGreaterThan(50);
  for (const { recipe, shape: given, shard, ...tensor } of vectors.recipes) {
    const shape = new Shape(given.dims, given.options);
    const part = shard && shape.shard(shard.start, shard.extent);
    expect(recipeOf({ ...tensor, shape, shard: part })).toBe(recipe);
  }
});

test("names that files may not have are refused", () => {
  const tensor: Tensor = { name: "", shape: new Shape([2]), dtype: "f32", init: { kind: "constant", value: 1 } };
  for (const name of ["", "__metadata__", "a\nb", "a\\b", "/etc", "a/../b", "'\""]) {
    expect(() => headerOf({ ...tensor, name }, 1), name).toThrow(/a tensor's name must/);
  }
});

test("shapes and shards that are none are refused", () => {
  expect(() => new Shape([2, -1])).toThrow("a dimension is a whole number at or above 0, not -1");
  expect(() => new Shape([2 ** 30, 2 ** 30])).toThrow("must be below 2^53");
  const shape = new Shape([4, 6]);
  expect(() => shape.shard([0, 3], [4, 4])).toThrow("must lie inside shape [4, 6], not start [0, 3] and extent [4, 4]");
  expect(() => shape.shard([0], [4])).toThrow("needs a start and an extent for each dimension");
  expect(() => shape.shard([0.5, 0], [1, 1])).toThrow("must lie inside");
});
