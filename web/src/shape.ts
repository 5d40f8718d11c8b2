// The shape of a tensor, its fans, and its shards. Rust counterparts: src/shape.rs, src/shard.rs.

import { SeedTensorsError, bad } from "./error.ts";

/** The order of dimensions: "out_in" is (out, in, *kernel) as in PyTorch, "in_out" is (*kernel, in, out) as in JAX. */
export type Layout = "out_in" | "in_out";

/** The number of inputs of each output, and the number of outputs of each input. */
export interface Fans {
  fanIn: number;
  fanOut: number;
}

/** The properties of a layer that affect its fans, beside the shape. */
export interface ShapeOptions {
  /** Default: "out_in". */
  layout?: Layout;
  /** The number of groups that the channels are split into. Default: 1. */
  groups?: number;
  /** Whether the layer is a transposed convolution, which swaps inputs and outputs. Default: false. */
  transposed?: boolean;
  /** The fans themselves; the other options then have no effect on them. */
  fans?: Fans;
}

/**
 * The shape of a whole tensor.
 *
 * ```ts
 * new Shape([8, 4, 3, 3]).fans(); // { fanIn: 36, fanOut: 72 }
 * ```
 */
export class Shape {
  readonly dims: readonly number[];
  /** The number of elements. */
  readonly elements: number;
  readonly options: Readonly<ShapeOptions>;

  /**
   * @throws {SeedTensorsError} if a dimension, `groups` or a fan is not a whole number, or if there are 2^53 elements
   * or more.
   */
  constructor(dims: readonly number[], options: ShapeOptions = {}) {
    const { groups = 1, fans } = options;
    dims.forEach((dim) => checkWhole("a dimension", dim));
    checkWhole("groups", groups);
    if (fans) {
      [fans.fanIn, fans.fanOut].forEach((fan) => checkWhole("a fan", fan));
    }
    this.dims = [...dims];
    this.elements = product("the number of elements", dims);
    this.options = { ...options };
  }

  /**
   * The given fans, or those of the shape.
   * @throws {SeedTensorsError} for fewer than two dimensions, and where `groups` does not divide the channels.
   */
  fans(): Fans {
    const { layout = "out_in", groups = 1, transposed = false, fans } = this.options;
    if (fans) {
      return fans;
    }
    const dims = layout === "out_in" ? this.dims : [...this.dims].reverse();
    const [first, second, ...kernel] = dims;
    if (first === undefined || second === undefined) {
      throw bad("fans need at least 2 dimensions", `shape [${this.dims.join(", ")}]`);
    }
    // `first` counts the channels of all groups, `second` those of one group
    if (groups < 1 || first % groups !== 0) {
      throw bad(`groups must divide the ${first} channels of shape [${this.dims.join(", ")}]`, groups);
    }
    const [a, b] = [first / groups, second].map((channels) => product("a fan", [channels, ...kernel]));
    return transposed ? { fanIn: a!, fanOut: b! } : { fanIn: b!, fanOut: a! };
  }

  /**
   * A rectangle of the tensor: the start and the extent in each dimension.
   * @throws {SeedTensorsError} if it does not lie inside the shape, or has more than 8 dimensions.
   */
  shard(start: readonly number[], extent: readonly number[]): Shard {
    const given = `start [${start.join(", ")}] and extent [${extent.join(", ")}]`;
    const dims = `shape [${this.dims.join(", ")}]`;
    if (start.length !== this.dims.length || extent.length !== this.dims.length) {
      throw bad(`a shard needs a start and an extent for each dimension of ${dims}`, given);
    }
    if (start.length > 8) {
      throw bad("a shard has at most 8 dimensions", start.length);
    }
    const whole = [...start, ...extent].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!whole || !this.dims.every((dim, i) => start[i]! + extent[i]! <= dim)) {
      throw bad(`a shard must lie inside ${dims}`, given);
    }
    return new Shard(this, start, extent);
  }
}

/** A dimension of a shard, above its contiguous runs. */
export interface ShardDim {
  extent: number;
  /** The distance in the tensor, in elements, between neighbours along this dimension. */
  stride: number;
}

/** A rectangle of a tensor. {@link Shape.shard} makes it. */
export class Shard {
  readonly start: readonly number[];
  readonly extent: readonly number[];
  /** The number of elements. */
  readonly elements: number;
  /** The number of elements of the whole tensor. */
  readonly whole: number;
  /** Length of a contiguous run: elements that are consecutive in both the shard and the tensor. */
  readonly run: number = 1;
  /** The dimensions above the runs, innermost first. Dimensions that are contiguous in the tensor are merged. */
  readonly dims: readonly ShardDim[];
  readonly #first: number = 0;

  constructor(shape: Shape, start: readonly number[], extent: readonly number[]) {
    this.start = [...start];
    this.extent = [...extent];
    this.elements = product("the number of elements", extent);
    this.whole = shape.elements;
    const dims: ShardDim[] = [];
    let stride = 1;
    for (let i = extent.length - 1; i >= 0 && this.elements > 0; i--) {
      this.#first += start[i]! * stride;
      const last = dims.at(-1);
      if (extent[i] === 1) {
        // a dimension of extent 1 needs no coordinate
      } else if (!last && stride === this.run) {
        this.run *= extent[i]!;
      } else if (last && last.extent * last.stride === stride) {
        last.extent *= extent[i]!;
      } else {
        dims.push({ extent: extent[i]!, stride });
      }
      stride *= shape.dims[i]!;
    }
    this.dims = dims;
  }

  /** Whether every run begins and ends at a multiple of four elements, so that it consists of whole blocks. */
  get isOfBlocks(): boolean {
    return [this.#first, this.run, ...this.dims.map((dim) => dim.stride)].every((count) => count % 4 === 0);
  }

  /** The index in the tensor of an element of the shard. */
  index(element: number): number {
    let rest = Math.floor(element / this.run);
    let index = this.#first + (element % this.run);
    for (const { extent, stride } of this.dims) {
      index += (rest % extent) * stride;
      rest = Math.floor(rest / extent);
    }
    return index;
  }
}

/** Refuses what is not a whole number that a double holds exactly. */
export function checkWhole(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw bad(`${what} is a whole number at or above 0`, value);
  }
}

function product(what: string, factors: readonly number[]): number {
  const product = factors.includes(0) ? 0 : factors.reduce((a, b) => a * b, 1);
  if (!Number.isSafeInteger(product)) {
    throw new SeedTensorsError(`${what} of [${factors.join(", ")}] must be below 2^53`);
  }
  return product;
}
