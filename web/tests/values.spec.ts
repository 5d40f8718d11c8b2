// The package in Node.js against the library's numbers: ../tools/src/bin/web_vectors.rs wrote vectors.json.

import { readFileSync } from "node:fs";
import { expect, test } from "@playwright/test";
import {
  Cpu, type Dtype, Fill, type Init, Key, Sha256, Shape, constant, heNormal, heUniform, normal, truncatedNormal, uniform,
} from "../src/index.ts";

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

test("fans, and the samplers of initialisers", () => {
  const [{ inits }, ...cases] = vectors.samplers;
  expect(cases.length).toBeGreaterThan(50);
  for (const { shape: given, fans, samplers } of cases) {
    const shape = new Shape(given.dims, given.options);
    const { fanIn, fanOut } = orNull(() => shape.fans()) ?? {};
    expect(fanIn === undefined ? null : [fanIn, fanOut], JSON.stringify(given)).toEqual(fans);
    const found = inits.map((init: Init) => orNull(() => new Fill(new Key(1), init, shape).sampler));
    expect(found, JSON.stringify(given)).toEqual(samplers);
  }
});

test("what is not finite in f32 is refused, by the value that was given", () => {
  const said = (init: Init) => () => new Fill(new Key(1), init, [4]);
  for (const value of [1e39, -1e39, 3.4028236e38, NaN]) {
    const shown = Number.isNaN(value) ? "NaN" : String(value)[0] === "-" ? "-1" : "";
    const message = (what: string) => `${what} must be finite in f32, not ${shown}`;
    expect(said(constant(value))).toThrow(message("constant's value"));
    expect(said(uniform(value, 1))).toThrow(message("uniform's low"));
    expect(said(normal(value, 1))).toThrow(message("normal's mean"));
    expect(said(truncatedNormal({ high: value }))).toThrow(message("truncated normal's high"));
  }
  expect(said(truncatedNormal({ low: -Infinity, high: Infinity }))).not.toThrow();
});

test("parameters that a dtype cannot hold are refused when it is filled", async () => {
  const said = (init: Init, dtype: Dtype) => new Cpu().bytes(new Fill(new Key(1), init, [4]), dtype);
  await expect(said(constant(65519.999), "f16")).rejects.toThrow("a constant must be finite in f16, not 65520");
  await expect(said(normal(0.1, 9687.3), "f16")).rejects.toThrow("normal's |mean| + 6.77 std must be finite in f16, not 65524.9");
  await expect(said(normal(0, -0.1), "f32")).rejects.toThrow("normal's std must be at least 0, not -0.1");
  await expect(said(uniform(0.3, 0.1), "f32")).rejects.toThrow("uniform's low must not be above high, not [0.3, 0.1)");
  await expect(said(normal(), "f64" as Dtype)).rejects.toThrow('no dtype "f64": expected one of f32, f16, bf16');
});

test("initialisers that are none are refused", () => {
  const said = (init: unknown) => () => new Fill(new Key(1), init as Init, [4, 4]);
  expect(said({ nrmal: {} })).toThrow(/^unknown variant `nrmal`, expected one of `zeros`/);
  expect(said({ normal: { sdt: 1 } })).toThrow(/^unknown field `sdt`, expected `mean` or `std`/);
  expect(said(heUniform({ mode: "fan" as "fan_in" }))).toThrow(/fan_in/);
  expect(said({ normal: {}, uniform: {} })).toThrow("`uniform` is a second one");
});

test("a constant of -0 keeps its sign", async () => {
  const values = await new Cpu().values(new Fill(new Key(1), constant(-0), [3]), "f32");
  expect([...values].map((value) => Object.is(value, -0))).toEqual([true, true, true]);
});

test("a fill as plain data is the same fill", async () => {
  const shape = new Shape([6, 4, 3], { layout: "in_out", groups: 2, fans: { fanIn: 5, fanOut: 7 } });
  const fill = new Fill(new Key(1n << 63n, 3), heNormal({ gain: { leaky_relu: 0.2 } }), shape).shard([1, 0, 1], [4, 3, 2]).range(3, 20);
  const again = Fill.fromData(structuredClone(fill.data()));
  expect(again.data()).toEqual(fill.data());
  expect(await new Cpu().bytes(again, "bf16")).toEqual(await new Cpu().bytes(fill, "bf16"));
});

test("SHA-256 piece by piece", () => {
  const hash = new Sha256();
  hash.update(new TextEncoder().encode("a"));
  hash.update(new TextEncoder().encode("bc"));
  // FIPS 180-4, the first example
  expect(hash.hex()).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test("shapes and shards that are none are refused", () => {
  expect(() => new Shape([2, -1])).toThrow("a dimension is a whole number at or above 0, not -1");
  expect(() => new Shape([2 ** 30, 2 ** 30])).toThrow("must be below 2^53");
  expect(() => new Shape([2], { groups: 1.5 })).toThrow("groups is a whole number at or above 0, not 1.5");
  expect(() => new Shape([2], { fans: { fanIn: 3, fanOut: 0.5 } })).toThrow("a fan is a whole number at or above 0, not 0.5");
  const shape = new Shape([4, 6]);
  expect(() => shape.shard([0, 3], [4, 4])).toThrow("must lie inside shape [4, 6], not start [0, 3] and extent [4, 4]");
  expect(() => shape.shard([0], [4])).toThrow("needs a start and an extent for each dimension");
  expect(() => shape.shard([0.5, 0], [1, 1])).toThrow("a shard's start is a whole number at or above 0, not 0.5");
  expect(() => Fill.words(new Key(1), 100).shard([10], [5])).toThrow("words are a sequence and have no shard");
});
