// Cuts a range of a buffer into dispatches. Rust counterpart: src/gpu/plan.rs, which also gives the long rows of a
// shard dispatches of their own. That is only for speed, and is left out here.

import { type Dtype, sizeOf } from "./dtype.ts";
import type { Selection } from "./fill.ts";
import { type Key, words } from "./key.ts";
import type { Coefficients } from "./sampler.ts";
import type { Shard } from "./shape.ts";

/** Threads of a workgroup, as in shaders/fill.wgsl. */
const WORKGROUP_SIZE = 256;
/** Bytes of a slot: an element of the shader's `array<vec4<u32>>`. */
const SLOT = 16;
/** Bytes that a thread of `fill_slots` writes. */
const THREAD = 4 * SLOT;
/** The least number of elements for which a fill gets one dispatch for its slots and others for its ends. */
const WORTH_SLOTS = 2 ** 14;
/** A run of a shard with at least this many elements is filled by blocks, a shorter one by elements. */
const LEAST_RUN = 8;
/** The most positions of a shard that the coordinates of one dispatch count. */
const MOST_COUNTED = 2 ** 30;
/** The largest binding. Larger ones miscompute on Metal and are not allowed on Vulkan and Direct3D 12. */
const LARGEST_WINDOW = 2 ** 31 - 1;

/** Bytes of `Params` in shaders/fill.wgsl. */
export const PARAMS_SIZE = 512;

/** The limits of a device that a plan depends on. */
export interface Bounds {
  binding: number;
  alignment: number;
  workgroups: number;
}

/** A run of elements of a tensor, or of its shard, and its place in a buffer. */
export interface Run extends Selection {
  key: Key;
  dtype: Dtype;
  coefficients: Coefficients;
  /** Byte offset in the buffer. */
  offset: number;
}

/** A pipeline's entry point and its overrides. */
export interface Entry {
  entryPoint: "fill_slots" | "fill_words" | "fill_runs" | "fill_boundaries" | "fill_scattered";
  straddle: boolean;
  /** The number of coordinates that the shader computes by division; undefined without a shard. */
  coordinates: number | undefined;
  wide: boolean;
  even: boolean;
}

/** One dispatch. */
export interface Dispatch {
  entry: Entry;
  /** Bytes of the buffer to bind. */
  binding: { offset: number; size: number };
  params: DataView<ArrayBuffer>;
  grid: [number, number];
}

/** The shader's `Params`. Missing ones are 0. */
interface Params {
  block: bigint;
  count: number;
  first: number;
  lead: number;
  origin: number;
  limit: number;
  run: number;
  last: number;
  carry: number;
  jump: number;
  threads: number;
  dims: { extent: number; stride: number }[];
}

/**
 * The units of a shard that a dispatch numbers: units of a run, elements from one to the next, and the elements that an
 * index counts as one.
 */
interface Units {
  ofRun: number;
  elements: number;
  counted: number;
}

/** Returns the dispatches that fill a run. */
export function plan(run: Run, bounds: Bounds): Dispatch[] {
  const size = sizeOf(run.dtype);
  const window = Math.floor(Math.min(bounds.binding, LARGEST_WINDOW) / bounds.alignment) * bounds.alignment;
  const end = run.offset + run.count * size;
  const dispatches: Dispatch[] = [];
  for (let at = run.offset; at < end; ) {
    const base = Math.floor(at / bounds.alignment) * bounds.alignment;
    const limit = Math.min(end, base + window);
    const piece = new Piece(run, bounds, { offset: base, size: align(limit, 4) - base }, dispatches);
    if (run.shard) {
      piece.shard(run.shard, at, limit);
    } else {
      piece.range(at, limit);
    }
    at = limit;
  }
  return dispatches;
}

/** One window of a plan. Its methods take ranges in bytes of the buffer. */
class Piece {
  readonly size: number;

  constructor(
    readonly run: Run,
    readonly bounds: Bounds,
    readonly binding: Dispatch["binding"],
    readonly dispatches: Dispatch[],
  ) {
    this.size = sizeOf(run.dtype);
  }

  /** The index, in the tensor or its shard, of the element at a byte of the buffer. */
  element(at: number): number {
    return this.run.start + (at - this.run.offset) / this.size;
  }

  range(from: number, to: number): void {
    const [begin, end] = wholeThreads(from, to);
    const worth = (begin === from && end === to) || to - from >= WORTH_SLOTS * this.size;
    if (!worth || this.element(begin) % 4 !== 0) {
      this.words(from, to);
      return;
    }
    const [first, last] = [this.element(begin), this.element(end)];
    this.words(from, begin);
    const params = { block: this.block(first / 4), jump: (last - first) / 16 };
    this.slots(begin, end, { coordinates: undefined, wide: false, even: true }, params);
    this.words(end, to);
  }

  shard(shard: Shard, from: number, to: number): void {
    const [begin, end] = wholeThreads(from, to);
    if (!shard.isOfBlocks || begin >= end || this.element(begin) % 4 !== 0) {
      this.unaligned(shard, from, to);
      return;
    }
    this.scattered(shard, from, begin);
    const [first, last] = [this.element(begin) / 4, this.element(end) / 4];
    const jump = this.jump(shard, first, last);
    const units = { ofRun: shard.run / 4, elements: 4, counted: 4 };
    const { coordinates, wide, params } = this.coordinates(shard, first, last, units);
    this.slots(begin, end, { coordinates, wide, even: jump !== undefined }, { ...params, jump: jump ?? 0 });
    this.scattered(shard, end, to);
  }

  /** Fills a range of a shard whose runs begin or end within blocks. */
  unaligned(shard: Shard, from: number, to: number): void {
    const [begin, end] = [this.element(from), this.element(to)];
    const beginsWord = (element: number): boolean => ((element - begin) * this.size) % 4 === 0;
    // whole runs that begin and end with a word
    let first = align(begin, shard.run);
    if (first < end && !beginsWord(first)) {
      first += shard.run;
    }
    let last = Math.floor(end / shard.run) * shard.run;
    if (last > first && !beginsWord(last)) {
      last -= shard.run;
    }
    if (shard.run < LEAST_RUN || first >= last || !beginsWord(first) || !beginsWord(last)) {
      this.scattered(shard, from, to);
      return;
    }
    const byteOf = (element: number): number => from + (element - begin) * this.size;
    this.scattered(shard, from, byteOf(first));
    this.runs(shard, byteOf(first), byteOf(last));
    this.scattered(shard, byteOf(last), to);
  }

  /** Fills whole runs of a shard, wherever they begin. */
  runs(shard: Shard, from: number, to: number): void {
    const { run } = shard;
    const runs = [this.element(from) / run, this.element(to) / run] as const;
    // as in the shader: the blocks of a word of halves overlap
    const elements = this.size === 4 ? 16 : 12;
    // up to three elements of a run's first block are before the run
    const threads = Math.ceil((run + 3) / elements);
    const first = (from - this.binding.offset) / 4;
    const pieces = this.coordinates(shard, runs[0] * threads, runs[1] * threads, { ofRun: threads, elements, counted: 1 });
    const count = (runs[1] - runs[0]) * threads;
    const { coordinates, wide } = pieces;
    const entry = { entryPoint: "fill_runs", straddle: false, coordinates, wide, even: false } as const;
    this.dispatch(entry, count, { ...pieces.params, count, first, run, threads });
    if ((run * this.size) % 4 !== 0) {
      this.boundaries(shard, from, to);
    }
  }

  /** Fills the words that two runs share, after every second run of an odd length. */
  boundaries(shard: Shard, from: number, to: number): void {
    const [begin, end] = [this.element(from), this.element(to)];
    const units = { ofRun: shard.run, elements: 1, counted: 1 };
    const { coordinates, wide, params } = this.coordinates(shard, begin, end, units);
    const entry = { entryPoint: "fill_boundaries", straddle: false, coordinates, wide, even: false } as const;
    const count = (end - begin) / shard.run / 2;
    this.dispatch(entry, count, { ...params, count, first: (from - this.binding.offset) / 4, run: shard.run });
  }

  /** Fills a range of a shard element by element. */
  scattered(shard: Shard, from: number, to: number): void {
    const count = (to - from) / this.size;
    if (count > 0) {
      const first = this.element(from);
      const units = { ofRun: shard.run, elements: 1, counted: 1 };
      const { coordinates, wide, params } = this.coordinates(shard, first, first + count, units);
      const entry = { entryPoint: "fill_scattered", straddle: false, coordinates, wide, even: false } as const;
      this.dispatch(entry, Math.ceil(count / 4), { ...params, count, first: (from - this.binding.offset) / 4 });
    }
  }

  /**
   * The distance in the tensor, in blocks, between the four quarters of a range of a shard. It is defined where the
   * distance is the same for each position and the blocks of a slot are contiguous, which holds for whole rows of an
   * even number of blocks.
   */
  jump(shard: Shard, first: number, last: number): number | undefined {
    const [row, quarter] = [shard.run / 4, (last - first) / 4];
    const together = this.size === 4 || (row % 2 === 0 && first % 2 === 0);
    const [dim] = shard.dims;
    const even = dim && shard.dims.length === 1 && together && quarter % row === 0;
    return even ? (quarter / row) * (dim.stride / 4) : undefined;
  }

  /** The parameters by which the shader finds the indices of a shard's units in the tensor. */
  coordinates(shard: Shard, from: number, to: number, { ofRun, elements, counted }: Units) {
    const indexOf = (number: number): number =>
      shard.index(Math.floor(number / ofRun) * shard.run) + (number % ofRun) * elements;
    const total = (shard.elements / shard.run) * ofRun;
    const run = ofRun > 1 ? [{ extent: ofRun, stride: elements / counted }] : [];
    const dims = [...run, ...shard.dims.map(({ extent, stride }) => ({ extent, stride: stride / counted }))];
    let coordinates = 0;
    let below = 1;
    while (coordinates + 1 < dims.length && below * dims[coordinates]!.extent <= MOST_COUNTED) {
      below *= dims[coordinates]!.extent;
      coordinates += 1;
    }
    const origin = from % below;
    const index = indexOf(from - origin);
    const params: Partial<Params> = {
      block: this.block(Math.floor(index / 4)),
      lead: index % 4,
      origin,
      dims: dims.slice(0, coordinates),
    };
    const above = dims[coordinates];
    if (above) {
      params.last = above.stride;
      // the coordinate above may wrap once within a window
      const left = above.extent - (Math.floor(from / below) % above.extent);
      const next = from - origin + left * below;
      if (coordinates + 1 < dims.length && left < 2 ** 32 - 1 && next < total) {
        params.limit = left;
        params.carry = (indexOf(next) - index) / counted - left * above.stride;
      }
    }
    const last = indexOf(Math.min(to, total) - 1) + elements - 1;
    // the threads after the last element look up one more position
    return { coordinates, wide: Math.floor((last - index) / counted) >= 2 ** 32 - 65, params };
  }

  slots(from: number, to: number, entry: Pick<Entry, "coordinates" | "wide" | "even">, params: Partial<Params>): void {
    const count = (to - from) / THREAD;
    if (count > 0) {
      const first = (from - this.binding.offset) / SLOT;
      this.dispatch({ entryPoint: "fill_slots", straddle: false, ...entry }, count, { ...params, count, first });
    }
  }

  /** Fills a run of the tensor word by word. */
  words(from: number, to: number): void {
    const count = (to - from) / this.size;
    if (count === 0) {
      return;
    }
    const index = this.element(from);
    const straddle = this.size === 2 && index % 2 === 1;
    const even = index - (straddle ? 1 : 0);
    const entry = { entryPoint: "fill_words", straddle, coordinates: undefined, wide: false, even: false } as const;
    const [block, first] = [this.block(Math.floor(even / 4)), (from - this.binding.offset) / 4];
    this.dispatch(entry, Math.ceil(((even % 4) + count) / 4), { block, count, first, lead: even % 4 });
  }

  /** The counter of a block. */
  block(block: number): bigint {
    return BigInt.asUintN(64, this.run.key.offset + BigInt(block));
  }

  dispatch(entry: Entry, threads: number, params: Partial<Params>): void {
    const workgroups = Math.ceil(threads / WORKGROUP_SIZE);
    const rows = Math.ceil(workgroups / this.bounds.workgroups);
    const columns = Math.ceil(workgroups / rows);
    this.dispatches.push({
      entry,
      binding: this.binding,
      params: bytesOf(this.run, columns * WORKGROUP_SIZE, params),
      grid: [columns, rows],
    });
  }
}

/** The bytes of the shader's `Params`. */
function bytesOf({ key, coefficients }: Run, width: number, params: Partial<Params>): DataView<ArrayBuffer> {
  const { block = 0n, count = 0, first = 0, lead = 0, origin = 0, limit = 2 ** 32 - 1 } = params;
  const { run: length = 0, last = 0, carry = 0, jump = 0, threads = 0, dims = [] } = params;
  const view = new DataView(new ArrayBuffer(PARAMS_SIZE));
  const ints = new Uint32Array(view.buffer);
  ints.set([...words(key.seed), ...words(block), count, width, first, lead, 0, origin, limit, length]);
  ints.set([...wordsOf(last), ...wordsOf(carry), ...wordsOf(jump), threads], 12);
  coefficients.write(view, 80);
  dims.forEach(({ extent, stride }, i) => {
    // positions below 2^31 are divided by a multiplication (Granlund and Montgomery, 1994)
    const bits = BigInt(32 - Math.clz32(extent - 1));
    const powerOfTwo = 1n << bits === BigInt(extent);
    const magic = (1n << (31n + bits)) / BigInt(extent) + (powerOfTwo ? 0n : 1n);
    ints.set([extent, Number(magic), Number(bits - 1n), 0, ...wordsOf(stride)], 44 + 8 * i);
  });
  return view;
}

/** The (low, high) words of a whole number between -2^53 and 2^53. */
function wordsOf(value: number): [number, number] {
  return words(BigInt.asUintN(64, BigInt(value)));
}

/** The part of a range that whole threads of `fill_slots` write. */
function wholeThreads(from: number, to: number): [number, number] {
  const begin = align(from, SLOT);
  return [begin, begin + Math.floor(Math.max(to - begin, 0) / THREAD) * THREAD];
}

/** Rounds up to a multiple of `alignment`. */
export function align(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
