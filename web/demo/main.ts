// The page: a form describes a tensor; the page shows its histogram and hashes and offers its file.

import * as st from "../src/index.ts";
import { draw } from "./histogram.ts";
import { densityOf, statisticsOf, valuesOf } from "./statistics.ts";

/** An initialiser of the form: its parameters with their default values, and the function that makes it. */
interface Choice {
  parameters: Record<string, string | string[]>;
  make: (parameters: Record<string, string>) => st.Init;
}

const number = (name: string, text: string): number => {
  const value = /^-?inf(inity)?$/i.test(text.trim()) ? (text.trim().startsWith("-") ? -Infinity : Infinity) : Number(text);
  if (text.trim() === "" || Number.isNaN(value)) {
    throw new st.SeedTensorsError(`${name} must be a number, not ${JSON.stringify(text)}`);
  }
  return value;
};
const numbers = <T extends string>(values: Record<string, string>, ...names: T[]) =>
  Object.fromEntries(names.map((name) => [name, number(name, values[name]!)])) as Record<T, number>;

const modes = ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"];
const laws = ["normal", "truncated_normal"];
const gains = ["relu", "linear", "tanh", "selu", "leaky_relu 0.01"];
const gainOf = (text = ""): st.Gain => (text.startsWith("leaky_relu") ? { leakyRelu: 0.01 } : (text as st.Gain));
const modeOf = (text = "") => text as st.Mode;
const lawOf = (text = "") => text as st.Distribution;

const CHOICES: Record<string, Choice> = {
  he_normal: {
    parameters: { mode: modes, gain: gains, distribution: laws },
    make: (p) => {
      const gain = p["gain"] === "relu" ? {} : { gain: gainOf(p["gain"]) };
      return st.heNormal({ mode: modeOf(p["mode"]), distribution: lawOf(p["distribution"]), ...gain });
    },
  },
  he_uniform: {
    parameters: { mode: modes, gain: gains },
    make: (p) => st.heUniform({ mode: modeOf(p["mode"]), ...(p["gain"] === "relu" ? {} : { gain: gainOf(p["gain"]) }) }),
  },
  xavier_normal: {
    parameters: { gain: "1", distribution: laws },
    make: (p) => st.xavierNormal({ ...numbers(p, "gain"), distribution: lawOf(p["distribution"]) }),
  },
  xavier_uniform: { parameters: { gain: "1" }, make: (p) => st.xavierUniform(numbers(p, "gain")) },
  lecun_normal: {
    parameters: { distribution: laws },
    make: (p) => st.lecunNormal({ distribution: lawOf(p["distribution"]) }),
  },
  lecun_uniform: { parameters: {}, make: () => st.lecunUniform() },
  normal: {
    parameters: { mean: "0", std: "0.02" },
    make: (p) => {
      const { mean, std } = numbers(p, "mean", "std");
      return st.normal(mean, std);
    },
  },
  truncated_normal: {
    parameters: { mean: "0", std: "1", low: "-2", high: "2", bounds: ["absolute", "std"] },
    make: (p) =>
      st.truncatedNormal({ ...numbers(p, "mean", "std", "low", "high"), bounds: p["bounds"] as "absolute" | "std" }),
  },
  uniform: {
    parameters: { low: "0", high: "1" },
    make: (p) => {
      const { low, high } = numbers(p, "low", "high");
      return st.uniform(low, high);
    },
  },
  constant: { parameters: { value: "1" }, make: (p) => st.constant(numbers(p, "value").value) },
};

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const form = element<HTMLFormElement>("form");
const button = form.querySelector("button")!;

function fieldOf(name: string, value: string | string[]): HTMLLabelElement {
  const label = document.createElement("label");
  const field = document.createElement(typeof value === "string" ? "input" : "select");
  field.name = `init.${name}`;
  if (field instanceof HTMLInputElement) {
    field.value = value as string;
    field.autocomplete = "off";
  } else {
    field.append(...(value as string[]).map((option) => new Option(option)));
  }
  label.append(name, field);
  return label;
}

function showParameters(): void {
  const { parameters } = CHOICES[new FormData(form).get("init") as string]!;
  element("parameters").replaceChildren(...Object.entries(parameters).map(([name, value]) => fieldOf(name, value)));
}

const list = (what: string, text: string): number[] =>
  text.trim() === "" ? [] : text.split(/[,\s×x]+/).filter(Boolean).map((part) => number(what, part));

/** The tensor of the form, and its seed. */
function read(): { tensor: st.Tensor; seed: bigint } {
  const fields = Object.fromEntries([...new FormData(form)].map(([key, value]) => [key, String(value)]));
  if (!/^\d+$/.test(fields["seed"]!.trim())) {
    throw new st.SeedTensorsError(`a seed is a whole number from 0 to 2^64 - 1, not ${JSON.stringify(fields["seed"])}`);
  }
  const seed = BigInt(fields["seed"]!.trim());
  const parameters = Object.entries(fields).filter(([key]) => key.startsWith("init."));
  const given = Object.fromEntries(parameters.map(([key, value]) => [key.slice("init.".length), value]));
  const init = CHOICES[fields["init"]!]!.make(given);
  const shape = new st.Shape(list("a dimension", fields["shape"]!), {
    layout: fields["layout"] as st.Layout,
    groups: number("groups", fields["groups"]!),
  });
  const [start, extent] = [list("a start", fields["start"]!), list("an extent", fields["extent"]!)];
  const shard = start.length || extent.length ? shape.shard(start, extent) : undefined;
  const tensor = { name: fields["name"]!, shape, dtype: fields["dtype"] as st.Dtype, init, shard };
  return { tensor, seed };
}

const hex = (bytes: ArrayBuffer) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
const sha256 = async (data: BufferSource) => hex(await crypto.subtle.digest("SHA-256", data));

async function fill(gpu: st.Gpu): Promise<void> {
  const { tensor, seed } = read();
  const { dtype, shard } = tensor;
  const whole = new st.Fill(new st.Key(seed).named(tensor.name), tensor.init, tensor.shape);
  const what = shard ? whole.shard(shard) : whole;
  const { sampler, elements: count } = what;
  if (count === 0) {
    throw new st.SeedTensorsError("a tensor without elements has nothing to draw: its shape must have no 0");
  }
  const header = st.headerOf(tensor, seed);
  const buffer = await gpu.tensor(what, dtype);
  await gpu.device.queue.onSubmittedWorkDone();

  // fill once more for the time, with the buffer allocated and the pipeline compiled
  const encoder = gpu.device.createCommandEncoder();
  gpu.fill(encoder, what, { buffer, dtype });
  const begin = performance.now();
  gpu.device.queue.submit([encoder.finish()]);
  await gpu.device.queue.onSubmittedWorkDone();
  const seconds = (performance.now() - begin) / 1000;

  const bytes = (await gpu.read(buffer)).slice(0, count * st.sizeOf(dtype));
  buffer.destroy();
  const values = valuesOf(bytes, dtype);
  const { mean, std, min, max } = statisticsOf(values);
  const file = new Blob([header, bytes]);
  const rate = (per: number, unit: string) => `${(per / seconds / 1e6).toPrecision(3)} ${unit}`;
  const facts: [string, string][] = [
    ["elements", `${count.toLocaleString("en")} of ${dtype}, ${bytes.byteLength.toLocaleString("en")} bytes`],
    ["time of the fill", `${(seconds * 1000).toFixed(2)} ms: ${rate(count, "M elements/s")}, ${rate(bytes.byteLength, "MB/s")}`],
    ["mean, std", `${mean.toPrecision(6)}, ${std.toPrecision(6)}`],
    ["least, greatest", `${min.toPrecision(8)}, ${max.toPrecision(8)}`],
    ["sampler", JSON.stringify(sampler, (_, value) => (Math.abs(value) === Infinity ? String(value) : value))],
    ["SHA-256 of the values", await sha256(bytes)],
    ["SHA-256 of the file", await sha256(await file.arrayBuffer())],
  ];
  element("facts").replaceChildren(
    ...facts.flatMap(([term, text]) => {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      [dt.textContent, dd.textContent] = [term, text];
      dd.dataset["fact"] = term;
      return [dt, dd];
    }),
  );
  const download = element<HTMLAnchorElement>("download");
  URL.revokeObjectURL(download.href);
  download.href = URL.createObjectURL(file);
  download.download = "tensor.safetensors";
  download.textContent = `Download tensor.safetensors (${file.size.toLocaleString("en")} bytes)`;
  element("recipe").textContent = st.recipeOf(tensor);
  element("command").textContent =
    `seedtensors init tensor.toml --seed ${seed} --out tensor.safetensors && sha256sum tensor.safetensors`;
  element("result").hidden = false;
  draw(element<HTMLCanvasElement>("histogram"), values, dtype, [min, max], densityOf(sampler));
}

/** Runs one fill at a time, and shows its error. */
async function run(gpu: st.Gpu): Promise<void> {
  const error = element("error");
  button.disabled = true;
  try {
    await fill(gpu);
    error.hidden = true;
  } catch (thrown) {
    element("result").hidden = true;
    error.hidden = false;
    error.textContent = thrown instanceof Error ? thrown.message : String(thrown);
  } finally {
    button.disabled = false;
  }
}

async function main(): Promise<void> {
  const select = form.elements.namedItem("init") as HTMLSelectElement;
  select.append(...Object.keys(CHOICES).map((name) => new Option(name)));
  select.addEventListener("change", showParameters);
  form.addEventListener("submit", (event) => event.preventDefault());
  showParameters();
  let gpu: st.Gpu;
  try {
    gpu = await st.Gpu.open();
  } catch (thrown) {
    element("device").hidden = true;
    element("without").hidden = false;
    element("why").textContent = thrown instanceof Error ? thrown.message : String(thrown);
    return;
  }
  const { vendor, architecture, description } = gpu.device.adapterInfo;
  const name = [vendor, architecture, description].filter(Boolean).join(" ") || "a device that does not say its name";
  element("device").textContent = `On ${name}, checked: it gives the exact values.`;
  form.addEventListener("submit", () => void run(gpu));
  await run(gpu);
}

await main();
