// A tensor's shape, the fans that it gives, and parts of it. Twins: src/shape.rs, src/shard.rs.

import { SeedTensorsError, bad } from "./error.ts";

/** Which dimensions are inputs and outputs: (out, in, *kernel) as in PyTorch, or (*kernel, in, out) as in JAX. */
export type Layout = "out_in" | "in_out";

/** How many inputs each output sums over, and how many outputs each input feeds. */
export interface Fans {
  fanIn: number;
  fanOut: number;
}

/** What a layer says about its fans beyond the shape. */
export interface ShapeOptions {
  /** "out_in" unless given. */
  layout?: Layout;
  /** The groups that the channels are split into, which share nothing; 1 unless given. */
  groups?: number;
  /** Whether it is a transposed convolution, whose inputs and outputs change places. */
  transposed?: boolean;
  /** The fans outright; the others then have no part in them. */
  fans?: Fans;
}

/**
 * The whole tensor's shape.
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
   * @throws {SeedTensorsError} where a dimension, `groups` or a fan is no whole number, or there are 2^53 elements or
   * more.
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
   * The fans: those given, or those of the shape.
   * @throws {SeedTensorsError} below two dimensions, and where `groups` does not divide the channels.
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
    // `first` counts every group's channels, `second` one group's
    if (groups < 1 || first % groups !== 0) {
      throw bad(`groups must divide the ${first} channels of shape [${this.dims.join(", ")}]`, groups);
    }
    const [a, b] = [first / groups, second].map((channels) => product("a fan", [channels, ...kernel]));
    return transposed ? { fanIn: a!, fanOut: b! } : { fanIn: b!, fanOut: a! };
  }

  /**
   * A rectangle of it: the first element and the extent in every dimension.
   * @throws {SeedTensorsError} where it does not lie inside the shape, or has more than 8 dimensions.
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

/** A digit of an element's place in a shard. */
export interface Side {
  extent: number;
  /** How far apart two of its values lie in the tensor, in elements. */
  stride: number;
}

/** A rectangle of a tensor, made by {@link Shape.shard}. */
export class Shard {
  readonly start: readonly number[];
  readonly extent: readonly number[];
  /** The number of elements. */
  readonly elements: number;
  /** Elements in a row that stand in a row in the whole, too. */
  readonly run: number = 1;
  /** The dimensions over the runs, the innermost first, those that the whole has in one piece merged. */
  readonly sides: readonly Side[];
  readonly #first: number = 0;

  constructor(shape: Shape, start: readonly number[], extent: readonly number[]) {
    this.start = [...start];
    this.extent = [...extent];
    this.elements = product("the number of elements", extent);
    const sides: Side[] = [];
    let stride = 1;
    for (let i = extent.length - 1; i >= 0 && this.elements > 0; i--) {
      this.#first += start[i]! * stride;
      const last = sides.at(-1);
      if (extent[i] === 1) {
        // adds nothing
      } else if (!last && stride === this.run) {
        this.run *= extent[i]!;
      } else if (last && last.extent * last.stride === stride) {
        last.extent *= extent[i]!;
      } else {
        sides.push({ extent: extent[i]!, stride });
      }
      stride *= shape.dims[i]!;
    }
    this.sides = sides;
  }

  /** Whether every run begins and ends with a block of four. */
  get isOfBlocks(): boolean {
    return [this.#first, this.run, ...this.sides.map((side) => side.stride)].every((count) => count % 4 === 0);
  }

  /** The index in the whole of an element of the shard. */
  index(element: number): number {
    let rest = Math.floor(element / this.run);
    let index = this.#first + (element % this.run);
    for (const { extent, stride } of this.sides) {
      index += (rest % extent) * stride;
      rest = Math.floor(rest / extent);
    }
    return index;
  }
}

function checkWhole(what: string, value: number): void {
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
