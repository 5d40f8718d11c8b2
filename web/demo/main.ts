// The page: a config or a recipe becomes a plan, the plan's files are filled on the GPU and written to the disk.

import * as st from "../src/index.ts";
import { type PlannedFile, type PlannedTensor, families, styles, writeFiles } from "../src/models.ts";
import { downloads, folder, hasFolders } from "./output.ts";
import { isDrawn, picture } from "./picture.ts";
import { type Plan, Planner } from "./planner.ts";
import { PRESETS } from "./presets.ts";

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const form = element<HTMLFormElement>("form");
const text = element<HTMLTextAreaElement>("config");
const fields = {
  preset: element<HTMLSelectElement>("preset"),
  seed: element<HTMLInputElement>("seed"),
  style: element<HTMLSelectElement>("style"),
  dtype: element<HTMLSelectElement>("dtype"),
  size: element<HTMLInputElement>("size"),
  replace: element<HTMLInputElement>("replace"),
};
const buttons = { make: element<HTMLButtonElement>("make"), cancel: element<HTMLButtonElement>("cancel") };
const tensors = element<HTMLSelectElement>("tensor");
const chosen = element<HTMLInputElement>("file");
const bar = element<HTMLProgressElement>("bar");

/** The most tensors that are offered for the picture: a browser takes seconds for a list of tens of thousands. */
const MOST_OFFERED = 1000;

const planner = new Planner();
let backend: st.Gpu | st.Cpu | undefined;
let files: PlannedFile[] = [];
let working: AbortController | undefined;
/** The text of the config or the recipe: that of a file as it is, where a text area would change its line ends. */
let source = "";
/** The number of plans that were asked for. Only the last one is shown. */
let turns = 0;
/** The timer of the next plan, while something is typed. */
let typing = 0;
/** The number of pictures that were asked for. */
let pictures = 0;

const count = (value: number) => value.toLocaleString("en");
const sized = (bytes: number) => {
  // rounded first: 999,999 bytes are 1.00 MB
  const rounded = Math.max(Number(bytes.toPrecision(3)), 1);
  const power = Math.min(Math.floor(Math.log10(rounded) / 3), 4);
  return power === 0 ? `${Math.round(bytes)} bytes` : `${(rounded / 1000 ** power).toPrecision(3)} ${["", "kB", "MB", "GB", "TB"][power]}`;
};
const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error));

function show(id: string, message: string | undefined): void {
  element(id).textContent = message ?? "";
  element(id).hidden = message === undefined;
}

/** Removes the result of the last work. */
function forget(): void {
  element("written").hidden = true;
  ["done", "failed", "progress"].forEach((id) => show(id, undefined));
  bar.value = 0;
}

/** Shows pairs of terms and texts as a list. */
function list(id: string, pairs: [string, string][]): void {
  element(id).replaceChildren(
    ...pairs.flatMap(([term, text]) => {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      [dt.textContent, dd.textContent, dd.dataset["fact"]] = [term, text, term];
      return [dt, dd];
    }),
  );
}

/** The whole number of a field. */
function whole(what: string, text: string, unit = 1n): bigint {
  if (!/^\s*\d+\s*$/.test(text)) {
    throw new st.SeedTensorsError(`${what} is a whole number, not ${JSON.stringify(text)}`);
  }
  return BigInt(text.trim()) * unit;
}

/** The plan of what the form says. A config is JSON, everything else a recipe in TOML. */
async function plan(): Promise<Plan | undefined> {
  const seed = new st.Key(whole("a seed", fields.seed.value)).seed;
  const maxShardSize = whole("the size of a file in MB", fields.size.value, 1_000_000n);
  const dtype = fields.dtype.value || null;
  const isConfig = source.trimStart().startsWith("{");
  fields.style.disabled = !isConfig;
  return isConfig
    ? planner.fromConfig(source, { seed, dtype, maxShardSize, style: fields.style.value })
    : planner.fromRecipe(source, { seed, dtype, maxShardSize });
}

/** The command that writes the same files. */
function command(): string {
  const isConfig = !fields.style.disabled;
  const options = [
    isConfig ? "--config config.json" : "recipe.toml",
    `--seed ${fields.seed.value.trim()}`,
    ...(isConfig && fields.style.value !== "hf" ? [`--style ${fields.style.value}`] : []),
    ...(fields.dtype.value ? [`--dtype ${fields.dtype.value}`] : []),
    ...(fields.size.value.trim() === "5000" ? [] : [`--max-shard-size ${fields.size.value.trim()}MB`]),
    "--out model",
  ];
  return `seedtensors init ${options.join(" ")}`;
}

/** Marks the plan as an old one, which cannot be made any more. */
function outdate(): void {
  turns += 1;
  clearTimeout(typing);
  buttons.make.disabled = true;
  element("plan").ariaBusy = "true";
}

/** Allows to make the plan, if there is one and nothing else is going on. */
function allow(): void {
  buttons.make.disabled = files.length === 0 || !backend || !!working || element("plan").ariaBusy === "true";
}

/**
 * Makes the plan anew and shows it. The page goes on meanwhile, and shows the plan before as an old one. `refused` is an
 * error to show beside the plan.
 */
async function replan(refused?: string): Promise<void> {
  outdate();
  const turn = turns;
  // most plans take less time than this
  const timer = setTimeout(() => turn === turns && show("planning", "Planning …"), 300);
  let planned: Plan | undefined;
  let error: string | undefined;
  try {
    planned = await plan();
  } catch (thrown) {
    error = sentence(thrown);
  }
  clearTimeout(timer);
  if (turn !== turns) {
    return;
  }
  element("plan").ariaBusy = "false";
  show("planning", undefined);
  show("error", error ?? refused);
  element("plan").hidden = !planned;
  files = planned?.files ?? [];
  allow();
  if (!planned) {
    return;
  }
  forget();
  const all = files.flatMap((file) => file.tensors);
  list("facts", [
    ["tensors", count(all.length)],
    ["parameters", count(planned.parameters)],
    ["bytes", `${count(files.reduce((sum, file) => sum + file.bytes, 0))} in ${files.length} ${files.length === 1 ? "file" : "files"}`],
  ]);
  element("command").textContent = command();
  offer(all);
  await drawTensor();
}

/** Offers tensors for the picture. */
function offer(all: PlannedTensor[]): void {
  const chosen = tensors.value;
  const offered = all.slice(0, MOST_OFFERED);
  const options = offered.map(({ name, shape, dtype }) => new Option(`${name} [${shape.join(", ")}] ${dtype}`, name));
  if (offered.length < all.length) {
    const more = new Option(`and ${count(all.length - offered.length)} more`);
    more.disabled = true;
    options.push(more);
  }
  tensors.replaceChildren(...options);
  const first = offered.find(({ fill, init }) => fill && !/zeros|ones/.test(init)) ?? offered[0];
  tensors.value = offered.some(({ name }) => name === chosen) ? chosen : (first?.name ?? "");
}

/** Draws the chosen tensor. */
async function drawTensor(): Promise<void> {
  const turn = ++pictures;
  const tensor = files.flatMap((file) => file.tensors).find(({ name }) => name === tensors.value);
  if (!tensor || !backend) {
    return;
  }
  const canvas = element<HTMLCanvasElement>("histogram");
  // before it is drawn: a hidden one has no width
  canvas.hidden = !isDrawn(tensor);
  // that of the tensor before
  canvas.getContext("2d")!.clearRect(0, 0, canvas.width, canvas.height);
  canvas.ariaLabel = null;
  show("drawing", undefined);
  list("values", [["initialiser", `${tensor.init}${tensor.function ? `, then ${tensor.function}` : ""}`]]);
  try {
    const facts = canvas.hidden ? undefined : await picture(backend, canvas, tensor, () => turn === pictures);
    if (facts) {
      list("values", facts);
    }
  } catch (thrown) {
    if (turn === pictures) {
      show("drawing", sentence(thrown));
    }
  }
}

/** The sentence for the end of the work. */
function endOf(thrown: unknown, isCancelled: boolean): string {
  const name = thrown instanceof DOMException ? thrown.name : "";
  const kept = "New files that were whole are kept, the one that was being written is not. No file was replaced.";
  if (name === "AbortError" && isCancelled) {
    return `Cancelled. ${kept}`;
  }
  return name === "QuotaExceededError" ? `The disk is full: ${sentence(thrown)} ${kept}` : sentence(thrown);
}

/** Writes the files of the plan. */
async function make(): Promise<void> {
  if (buttons.make.disabled || !backend) {
    return;
  }
  forget();
  working = new AbortController();
  allow();
  form.querySelectorAll("fieldset").forEach((set) => (set.disabled = true));
  const { signal } = working;
  try {
    // the folder picker needs a click or a key just before
    const outputs = hasFolders() ? await folder(fields.replace.checked) : downloads;
    if (!outputs) {
      show("failed", "No folder was chosen.");
      return;
    }
    const begin = performance.now();
    buttons.cancel.hidden = element("work").hidden = false;
    // the button that had it is disabled
    buttons.cancel.focus();
    const written = await writeFiles(planner, backend, outputs, {
      signal,
      onProgress(done, all) {
        bar.value = done / all;
        show("progress", `${sized(done)} of ${sized(all)}`);
      },
    });
    const seconds = (performance.now() - begin) / 1000;
    const bytes = written.reduce((sum, file) => sum + file.bytes, 0);
    element("hashes").textContent = written.map(({ name, sha256 }) => `${sha256}  ${name}`).join("\n");
    element("written").hidden = false;
    // last, in a region that is shown: screen readers say it then
    const rate = seconds > 0 ? `, ${sized(bytes / seconds)}/s` : "";
    show("done", `Done: ${written.length} files, ${sized(bytes)} in ${seconds.toFixed(1)} s${rate}.`);
  } catch (thrown) {
    show("failed", endOf(thrown, signal.aborted));
  } finally {
    working = undefined;
    const hadFocus = document.activeElement === buttons.cancel || document.activeElement === document.body;
    buttons.cancel.hidden = element("work").hidden = true;
    form.querySelectorAll("fieldset").forEach((set) => (set.disabled = false));
    allow();
    if (hadFocus) {
      buttons.make.focus();
    }
  }
}

/** Takes a file that was dropped or chosen. */
async function take(file: File | undefined): Promise<void> {
  if (!file || working) {
    return;
  }
  outdate();
  const turn = turns;
  let refused: string | undefined;
  try {
    // as the command: a config or a recipe has at most 64 MiB
    if (file.size > 2 ** 26) {
      throw new st.SeedTensorsError(`a config or a recipe has at most ${2 ** 26} bytes, not ${file.size}`);
    }
    const bytes = await file.arrayBuffer();
    if (turn !== turns) {
      return;
    }
    enter(textOf(bytes));
    fields.preset.value = "";
  } catch (thrown) {
    refused = `${file.name} cannot be read: ${sentence(thrown)}`;
  }
  if (turn === turns) {
    await replan(refused);
  }
}

/** The text of a file, which keeps all of its bytes. */
function textOf(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new st.SeedTensorsError("a config or a recipe is UTF-8 text, and this file is not");
  }
}

/** Takes the text of a config or a recipe, and shows it. */
function enter(given: string): void {
  source = text.value = given;
}

function listen(): void {
  form.addEventListener("input", ({ target }) => {
    if (target === tensors || target === fields.replace || target === chosen) {
      return;
    }
    if (target === fields.preset && fields.preset.value) {
      enter(JSON.stringify(PRESETS[fields.preset.value], null, 2));
    } else if (target === text) {
      fields.preset.value = "";
      source = text.value;
    }
    outdate();
    typing = window.setTimeout(() => void replan(), 200);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void make();
  });
  tensors.addEventListener("change", () => void drawTensor());
  buttons.cancel.addEventListener("click", () => working?.abort());
  chosen.addEventListener("change", () => void take(chosen.files?.[0]));
  // else the same file could not be chosen again
  chosen.addEventListener("click", () => (chosen.value = ""));
  // text that is dragged into a field is the browser's
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (hasFiles(event)) {
      event.preventDefault();
      void take(event.dataTransfer?.files[0]);
    }
  });
}

async function main(): Promise<void> {
  fields.preset.append(...Object.keys(PRESETS).map((name) => new Option(name)));
  fields.style.append(...styles().map(({ name, about }) => new Option(`${name}: ${about.split(/[.;:]/)[0]}`, name)));
  fields.style.value = "hf";
  element("families").textContent = families().map(({ model_type }) => model_type).join(", ");
  fields.preset.value = Object.keys(PRESETS)[0]!;
  enter(JSON.stringify(PRESETS[fields.preset.value], null, 2));
  element("folders").hidden = !hasFolders();
  listen();
  await replan();
  try {
    backend = await st.open();
  } catch (thrown) {
    element("device").textContent = `No tensor can be filled here: ${sentence(thrown)}`;
    return;
  }
  if (backend.kind === "webgpu") {
    // browsers before 2025 lack it
    const { vendor, architecture, description }: Partial<GPUAdapterInfo> = backend.device.adapterInfo ?? {};
    const name = [vendor, architecture, description].filter(Boolean).join(" ") || "a device that does not say its name";
    element("device").textContent = `On ${name}, checked: it gives the exact values.`;
  } else {
    element("device").textContent = "On the CPU, with the same bits.";
    show("why", backend.reason);
    element("without").hidden = false;
  }
  allow();
  await drawTensor();
}

await main();
