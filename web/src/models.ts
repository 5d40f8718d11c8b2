/**
 * Whole models: a config.json or a recipe becomes safetensors files, equal to those of the command to the byte. A second
 * module, because its WebAssembly holds the templates of all model families.
 *
 * @packageDocumentation
 */

import module from "../wasm/models/module.js";
import { type Model, type PlannedFile, type PlannedTensor, initSync } from "../wasm/models/seedtensors_web_models.js";
import { type Cpu, type Dtype, Fill, type FillData, type Gpu, SeedTensorsError, Sha256, instantiate } from "./index.ts";

initSync({ module: await instantiate(module) });

export { intoFolder } from "./folder.ts";
export * from "../wasm/models/seedtensors_web_models.js";

/** The most bytes that are filled at a time. */
const PIECE = 2 ** 24;

/** A file that is being written. Nothing of it is seen under its name before `close`, and a file that it replaces stays. */
export interface Output {
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  close(): Promise<void>;
  /** Drops what was written. */
  abort(): Promise<void>;
}

/** The place of a model's files. */
export interface Outputs {
  /** Is told all names before the first file is begun, and may refuse them by an error. */
  check?(names: readonly string[]): Promise<void>;
  /** Begins a file of this name and size. It may refuse it by an error. */
  create(name: string, bytes: number): Promise<Output>;
  /** Is told that all files are closed. Files that replace others may wait for this, so that none is replaced alone. */
  finish?(): Promise<void>;
  /** Is told that not all files will be: drops those that wait. */
  abort?(): Promise<void>;
}

export interface WriteOptions {
  /** Ends the work. What is not whole is dropped, and `writeFiles` throws the signal's reason. */
  signal?: AbortSignal;
  /** Is told the bytes that were written so far, and those of all files. */
  onProgress?: (written: number, all: number) => void;
}

type Promised<T> = { [Name in keyof T]: T[Name] extends (...given: infer Given) => infer Result ? (...given: Given) => Result | Promise<Result> : never };

/** The methods of a `Model` that `writeFiles` calls. They may return promises, as those of a model in a worker do. */
export type ModelFiles = Promised<Pick<Model, "files" | "index" | "config" | "head" | "bytes">>;

/** A file that was written. */
export interface Written {
  name: string;
  bytes: number;
  sha256: string;
}

/**
 * Writes the files of a model, one after the other, and then its index and its config.json, if it has them.
 *
 * @throws what `outputs` throws, an abort's reason, and SeedTensorsError.
 */
export async function writeFiles(
  model: ModelFiles,
  backend: Gpu | Cpu,
  outputs: Outputs,
  { signal, onProgress }: WriteOptions = {},
): Promise<Written[]> {
  const files = await model.files();
  const texts = await textsOf(model);
  const all = [...files, ...texts].reduce((sum, file) => sum + (typeof file.bytes === "number" ? file.bytes : file.bytes.length), 0);
  const written: Written[] = [];
  let done = 0;
  await outputs.check?.([...files, ...texts].map(({ name }) => name));
  const write = async (name: string, bytes: number, pieces: AsyncIterable<Uint8Array<ArrayBuffer>>) => {
    signal?.throwIfAborted();
    const output = await outputs.create(name, bytes);
    const hash = new Sha256();
    try {
      for await (const piece of pieces) {
        signal?.throwIfAborted();
        await output.write(piece);
        hash.update(piece);
        done += piece.length;
        onProgress?.(done, all);
      }
      signal?.throwIfAborted();
      await output.close();
    } catch (error) {
      // the first error is the one to tell
      await output.abort().catch(() => undefined);
      throw error;
    }
    written.push({ name, bytes, sha256: hash.hex() });
  };
  try {
    for (const [i, file] of files.entries()) {
      await write(file.name, file.bytes, piecesOf(model, backend, i, file));
    }
    for (const { name, bytes } of texts) {
      await write(name, bytes.length, one(bytes));
    }
    await outputs.finish?.();
  } catch (error) {
    await outputs.abort?.().catch(() => undefined);
    throw error;
  }
  return written;
}

/** The small files beside the tensors. */
async function textsOf(model: ModelFiles): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }[]> {
  const [index, config] = [await model.index(), await model.config()];
  const found = [index, config && { name: "config.json", bytes: config }].filter((file) => file !== null);
  return found as { name: string; bytes: Uint8Array<ArrayBuffer> }[];
}

async function* one(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield bytes;
}

/** The bytes of a file, a piece at a time. The next piece is filled while one is written. */
async function* piecesOf(
  model: ModelFiles,
  backend: Gpu | Cpu,
  index: number,
  file: PlannedFile,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let next = Promise.resolve(model.head(index)) as Promise<Uint8Array<ArrayBuffer>>;
  for (const [i, tensor] of file.tensors.entries()) {
    const size = tensor.bytes / Math.max(tensor.elements, 1);
    // each part of a matrix would compute the vectors again
    const most = isOrthogonal(tensor) ? tensor.elements : PIECE / size;
    for (let start = 0; start < tensor.elements; start += most) {
      const count = Math.min(most, tensor.elements - start);
      const present = await next;
      next = pieceOf(model, backend, [index, i], tensor, start, count);
      // it is awaited below, unless the reader stops before
      next.catch(() => undefined);
      yield present;
    }
  }
  yield await next;
}

/** The bytes of `count` elements of a tensor. */
async function pieceOf(
  model: ModelFiles,
  backend: Gpu | Cpu,
  [file, index]: [number, number],
  tensor: PlannedTensor,
  start: number,
  count: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = tensor.fill ? filledBytes(backend, tensor, start, count) : model.bytes(file, index, start, count);
  return (await bytes) as Uint8Array<ArrayBuffer>;
}

/**
 * The bytes of `count` elements of a tensor that has a fill, as its file has them: padding is 0.
 * @throws {SeedTensorsError} for a tensor without a fill, for elements that it does not have, and a lack of memory.
 */
export async function filledBytes(
  backend: Gpu | Cpu,
  { name, fill, padding: [first, end] }: PlannedTensor,
  start: number,
  count: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!fill) {
    throw new SeedTensorsError(`${name} has no fill: Model.bytes has its bytes`);
  }
  const bytes = await backend.bytes(fillOf(fill).range(start, start + count), fill.dtype);
  const size = bytes.length / count;
  const within = (element: number) => Math.min(Math.max(element - start, 0), count) * size;
  bytes.fill(0, within(first), within(end));
  return bytes;
}

/** The fill of a tensor of a plan, in the dtype that it names. */
export function fillOf({ dtype: _, shard, ...fill }: NonNullable<PlannedTensor["fill"]> & { dtype: Dtype }): Fill {
  return Fill.fromData({ ...fill, ...(shard && { shard }) } as FillData);
}

/** Whether a tensor is an orthogonal matrix, whose elements depend on one another. */
function isOrthogonal({ fill }: PlannedTensor): boolean {
  const names: readonly string[] = Object.keys(fill?.init ?? {});
  return names.includes("orthogonal") || names.includes("delta_orthogonal");
}
