// The files of configs and recipes in JavaScript against those of the command, byte for byte. Run by Node alone:
// `node --test web/tests/models.mjs`, after scripts/web has built the module and the command.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { families, styles, Model } = await import("../dist/models.js");
const { SeedTensorsError } = await import("../dist/seedtensors.js");

/** The small configs by which the templates are tested, as text: JavaScript would write 1.0 as 1, which is no std. */
const records = join(root, "scripts/generate/families");
const smallText = (name) => {
  const text = readFileSync(join(records, `${name}.json`), "utf8");
  return text.slice(text.indexOf("{", 1), text.indexOf("\n }") + 3);
};
const small = (name) => JSON.parse(smallText(name));

/** Calls `use` with a folder that is removed afterwards. */
function inFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), "seedtensors-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The files that the command writes, by name. */
const commands = (given, ...options) =>
  inFolder((folder) => {
    const [name, text] = Object.entries(given)[0];
    writeFileSync(join(folder, name), text);
    const input = name.endsWith(".json") ? ["--config", join(folder, name)] : [join(folder, name)];
    const out = join(folder, "out");
    const all = ["init", ...input, "--seed", "42", "--device", "cpu", "--quiet", "--out", out, ...options];
    execFileSync(join(root, "target/release/seedtensors"), all, { stdio: "pipe" });
    return Object.fromEntries(readdirSync(out).map((name) => [name, readFileSync(join(out, name))]));
  });

/** The files of a model, each from its head and pieces of `piece` elements. */
function assembled(model, piece = 50_000) {
  const files = {};
  model.files().forEach(({ name, bytes, head_bytes, tensors }, f) => {
    const file = (files[name] = Buffer.alloc(bytes, 0xff));
    assert.equal(model.head(f).length, head_bytes);
    file.set(model.head(f));
    let end = head_bytes;
    tensors.forEach(({ elements, offset, bytes, padding, fill, function: through, dtype }, t) => {
      const size = bytes / (elements || 1);
      assert.equal(offset, end);
      end += bytes;
      for (let start = 0; start < elements; start += piece) {
        const count = Math.min(piece, elements - start);
        file.set(model.bytes(f, t, start, count), offset + size * start);
      }
      const zeros = file.subarray(offset + size * padding[0], offset + size * padding[1]);
      assert(zeros.every((byte) => byte === 0));
      assert.equal(fill === null, through !== null || dtype === "i64");
    });
    assert.equal(end, bytes);
  });
  const [index, config] = [model.index(), model.config()];
  return { ...files, ...(index && { [index.name]: index.bytes }), ...(config && { "config.json": config }) };
}

function assertEqualFiles(found, expected) {
  assert.deepEqual(Object.keys(found).sort(), Object.keys(expected).sort());
  for (const [name, bytes] of Object.entries(expected)) {
    assert(Buffer.compare(Buffer.from(found[name]), bytes) === 0, `${name} differs`);
  }
}

const RECIPE = `
[defaults]
layout = "in_out"
[[tensor]]
name = "shard"
shape = [40, 6]
init = { truncated_normal = { std = 0.5, high = inf, bounds = "std" } }
padding = 3
shard = { start = [2, 1], extent = [30, 4] }
[[tensor]]
name = "positions"
shape = [40, 6]
init = "zeros"
function = "sinusoids"
[[tensor]]
name = "count"
shape = []
dtype = "i64"
init = { constant = { value = 7 } }
[[tensor]]
name = "matrix"
shape = [30, 20]
dtype = "f16"
init = "orthogonal"
[[tensor]]
name = "fans"
shape = [5]
layout = "out_in"
fans = { fan_in = 3, fan_out = 4 }
init = { he_uniform = { gain = { leaky_relu = 0.2 } } }
[[tensor]]
name = "nothing"
shape = [0, 3]
init = "ones"
`;

test("the small config of every family gives the command's files", () => {
  const names = readdirSync(records).map((name) => name.replace(".json", ""));
  assert.deepEqual(names.sort(), families().map((family) => family.model_type).sort());
  const found = { function: 0, i64: 0, padding: 0 };
  for (const name of names) {
    const json = smallText(name);
    const model = Model.fromConfig(json, { seed: 42n });
    assertEqualFiles(assembled(model), commands({ "config.json": json }));
    for (const { function: through, dtype, padding } of model.files()[0].tensors) {
      found.function += through !== null;
      found.i64 += dtype === "i64";
      found.padding += padding[1] > 0;
    }
    model.free();
  }
  assert(Object.values(found).every((count) => count > 3), JSON.stringify(found));
});

test("styles, dtypes and shards are the command's", () => {
  const json = JSON.stringify({ ...small("gpt2"), torch_dtype: "float16", quantization_config: { bits: 4 } });
  const model = Model.fromConfig(json, { seed: 42, style: "megatron", dtype: "bf16", maxShardSize: 300_000 });
  const options = ["--style", "megatron", "--dtype", "bf16", "--max-shard-size", "300KB"];
  const files = assembled(model);
  assertEqualFiles(files, commands({ "config.json": json }, ...options));
  assert(Object.keys(files).length > 4 && "model.safetensors.index.json" in files);
  const elements = model.files().flatMap((file) => file.tensors.map((tensor) => tensor.elements));
  assert.equal(model.parameters, elements.reduce((sum, count) => sum + count));
});

test("Python's numbers in a config are taken, and its bytes kept", () => {
  const json = `{"a": -Infinity,  "b": NaN, ${JSON.stringify(small("bert")).slice(1)}`;
  const model = Model.fromConfig(json, { seed: 42n });
  assert.equal(Buffer.from(model.config()).toString(), json);
  assertEqualFiles(assembled(model), commands({ "config.json": json }));
});

test("a recipe gives the command's files, and its own recipe the same", () => {
  for (const [options, ...flags] of [[{}], [{ dtype: "f16", maxShardSize: 1000n }, "--dtype", "f16", "--max-shard-size", "1000"]]) {
    const model = Model.fromRecipe(RECIPE, { seed: 42n, ...options });
    const expected = commands({ "recipe.toml": RECIPE }, ...flags);
    assertEqualFiles(assembled(model), expected);
    // any piece of an orthogonal matrix, of a shard, of a function
    assertEqualFiles(assembled(model, 7), expected);
    const again = Model.fromRecipe(model.recipe(), { seed: 42n, ...options, dtype: null });
    assertEqualFiles(assembled(again), expected);
  }
});

test("a fill is described whole", () => {
  const vectors = JSON.parse(readFileSync(join(root, "web/tests/vectors.json"), "utf8")).keys;
  const [{ key, named }] = vectors.filter(({ key }) => key.offset === "0");
  const [name, expected] = named.find(([name]) => /^[a-z0-9.]+$/.test(name));
  const model = Model.fromRecipe(RECIPE.replace('"shard"', JSON.stringify(name)), { seed: BigInt(key.seed) });
  const fills = Object.fromEntries(model.files()[0].tensors.map(({ name, fill }) => [name, fill]));
  assert.deepEqual(fills[name], {
    key: [BigInt(expected.seed), BigInt(expected.offset)],
    init: { truncated_normal: { mean: 0, std: 0.5, low: -2, high: Infinity, bounds: "std" } },
    shape: { dims: [40, 6], layout: "in_out", groups: 1, transposed: false, fans: null },
    shard: { start: [2, 1], extent: [30, 4] },
    dtype: "f32",
  });
  assert.deepEqual(fills["fans"].shape, { dims: [5], layout: "out_in", groups: 1, transposed: false, fans: { fan_in: 3, fan_out: 4 } });
  assert.deepEqual(fills["matrix"].init, { orthogonal: { gain: 1 } });
  assert.deepEqual([fills["positions"], fills["count"]], [null, null]);
  const [{ padding, init }] = model.files()[0].tensors.filter((tensor) => tensor.name === name);
  assert.deepEqual(padding, [4, 8]);
  assert.equal(init, '{ truncated_normal = { mean = 0.0, std = 0.5, low = -2.0, high = inf, bounds = "std" } }');
});

test("families and styles are listed", () => {
  const llama = families().find((family) => family.model_type === "llama");
  assert.deepEqual(llama.architectures.slice(0, 2), ["LlamaForCausalLM", "LlamaModel"]);
  assert(families().every(({ about, source, styles }) => about && source && styles.includes("hf")));
  assert.deepEqual(styles().map((style) => style.name), ["gpt2", "hf", "megatron", "olmo", "small_init", "torchtitan"]);
});

/** Asserts that `make` throws an error of the library, not a trap. */
function refuses(make, message) {
  assert.throws(make, (error) => {
    assert(error instanceof SeedTensorsError, `${error}`);
    assert.match(error.message, message);
    return true;
  });
}

test("bad inputs are refused with a sentence", () => {
  const config = (change, options = { seed: 1n }) => () =>
    Model.fromConfig(typeof change === "string" ? change : JSON.stringify({ ...small("gpt2"), ...change }), options);
  refuses(config(""), /^this is no config: the file is empty$/);
  refuses(config("[1]"), /^this is no config: invalid type: sequence, expected a map/);
  refuses(config("{"), /^this is no config: EOF while parsing/);
  refuses(config("{}"), /^the config needs the model_type of a family$/);
  refuses(config({ model_type: "gtp2" }), /^there is no recipe for model_type "gtp2"; the nearest are gpt2/);
  refuses(config({ n_embd: -1 }), /n_embd must be a whole number above 0, not -1$/);
  refuses(config({ n_embd: 1e300 }), /n_embd must be a whole number above 0, not 1e300|n_embd must be/);
  refuses(config({}, { seed: -1n }), /^a seed is a whole number from 0 to 2\^64 - 1 .*, not -1$/);
  refuses(config({}, { seed: 0.5 }), /^a seed is .*, not 0.5$/);
  refuses(config({}, {}), /^a seed is .*, not undefined$/);
  refuses(config({}, { seed: 1n, style: "hg" }), /^there is no style "hg", but gpt2, hf/);
  refuses(config({}, { seed: 1n, dtype: "f8" }), /f8.*f32, f16/);
  refuses(config({}, { seed: 1n, shards: 2 }), /^an option is one of seed, dtype, maxShardSize, style, not "shards"$/);
  refuses(config({}, { seed: 1n, maxShardSize: 0 }), /^maxShardSize is above 0, not 0$/);
  refuses(config({}, null), /^options are an object, not null$/);
  refuses(() => Model.fromConfig(undefined, { seed: 1n }), /^a config is a text, not undefined$/);
  refuses(() => Model.fromRecipe("[[tensor]]\nshap = 1", { seed: 1n }), /^line 2: unknown field `shap`/);
  refuses(() => Model.fromRecipe("", { seed: 1n }), /^a recipe needs at least one \[\[tensor\]\]/);
  refuses(() => Model.fromRecipe(RECIPE, { seed: 1n, style: "hf" }), /^an option is one of seed, dtype, maxShardSize, not "style"$/);
  const model = Model.fromRecipe(RECIPE, { seed: 1n });
  refuses(() => model.head(1), /^the index of a file is below 1, not 1$/);
  refuses(() => model.bytes(0, 9, 0, 1), /^the index of a tensor is below 6, not 9$/);
  refuses(() => model.bytes(0, 0, 1, 1), /^a range must lie inside the tensor's 1 elements, not 1 from 1 on$/);
  refuses(() => model.bytes(0, 0, 2n ** 64n - 1n, 1), /^a range must lie inside/);
  refuses(() => model.bytes(0, "0", 0, 1), /^the index of a tensor is a whole number .*, not "0"$/);
});

test("hostile inputs are refused, and the module works on", () => {
  const config = (change) => () => Model.fromConfig(JSON.stringify({ ...small("gpt2"), ...change }), { seed: 1n });
  const deep = (open, close) => open.repeat(100_000) + close.repeat(100_000);
  refuses(() => Model.fromConfig(`{"a":${deep("[", "]")}}`, { seed: 1n }), /recursion limit exceeded/);
  refuses(() => Model.fromConfig(`{"a":${deep('{"a":', "}")}}`, { seed: 1n }), /recursion limit exceeded/);
  refuses(() => Model.fromRecipe(`a = ${deep("[", "]")}`, { seed: 1n }), /./);
  refuses(() => Model.fromRecipe(`a = ${deep("{a = ", "}")}`, { seed: 1n }), /./);
  refuses(() => Model.fromRecipe(`${"a.".repeat(100_000)}a = 1`, { seed: 1n }), /./);
  refuses(config({ n_layer: 2 ** 40 }), /cannot convert number/);
  refuses(config({ n_layer: 10_000_000 }), /range has too many elements/);
  refuses(config({ n_layer: 99_999 }), /takes too long|longer than/);
  refuses(config({ n_embd: 2 ** 50 }), /more than an integer can count|2\^53|64 bits/);
  refuses(config({ vocab_size: 2 ** 52 }), /2\^53/);
  refuses(() => Model.fromRecipe('[[tensor]]\nname = "w"\nshape = [4611686018427387904, 0]\ninit = "ones"', { seed: 1n }).files(), /a dimension must be below 2\^53/);
  const large = Model.fromRecipe('[[tensor]]\nname = "w"\nshape = [1099511627776]\ninit = "ones"\n', { seed: 1n });
  refuses(() => large.bytes(0, 0, 0, 2 ** 40), /^no memory for 4398046511104 bytes$/);
  refuses(() => large.bytes(0, 0, 0, 1_000_000_000), /^no memory for 4000000000 bytes$/);
  assert.deepEqual([...large.bytes(0, 0, 2 ** 40 - 1, 1)], [0, 0, 0x80, 0x3f]);
  // an element of an orthogonal matrix needs the random numbers of all, and not the memory
  const matrix = Model.fromRecipe('[[tensor]]\nname = "w"\nshape = [65536, 8192]\ninit = "orthogonal"\n', { seed: 1n });
  assert.equal(matrix.bytes(0, 0, 0, 1).length, 4);
  assertEqualFiles(assembled(Model.fromRecipe(RECIPE, { seed: 42n })), commands({ "recipe.toml": RECIPE }));
});
