import { call } from "./core.ts";
import { bad, checkWhole } from "./error.ts";

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

/** A shape as the library reads it. */
export interface ShapeData {
  dims: number[];
  layout: Layout;
  groups: number;
  transposed: boolean;
  fans?: { fan_in: number; fan_out: number };
}

/** A rectangle of a tensor: the start and the extent in each dimension. {@link Shape.shard} makes it. */
export interface Shard {
  readonly start: readonly number[];
  readonly extent: readonly number[];
  /** The number of elements. */
  readonly elements: number;
  /** The dimensions of the whole tensor. */
  readonly dims: readonly number[];
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
  readonly options: Readonly<ShapeOptions>;
  /** The number of elements. */
  readonly elements: number;

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
    this.options = { ...options };
    this.elements = call((core) => core.shapeElements(this.data(), undefined));
    if (!Number.isSafeInteger(this.elements)) {
      throw bad("a tensor's elements must be below 2^53", this.elements);
    }
  }

  /**
   * The given fans, or those of the shape.
   * @throws {SeedTensorsError} for fewer than two dimensions, and where `groups` does not divide the channels.
   */
  fans(): Fans {
    const [fanIn, fanOut] = call((core) => core.shapeFans(this.data()));
    return { fanIn: fanIn!, fanOut: fanOut! };
  }

  /**
   * A rectangle of the tensor.
   * @throws {SeedTensorsError} if it does not lie inside the shape, or has more than 8 dimensions.
   */
  shard(start: readonly number[], extent: readonly number[]): Shard {
    start.forEach((index) => checkWhole("a shard's start", index));
    extent.forEach((count) => checkWhole("a shard's extent", count));
    const rectangle = { start: [...start], extent: [...extent] };
    const elements = call((core) => core.shapeElements(this.data(), rectangle));
    return { ...rectangle, elements, dims: this.dims };
  }

  /** @internal */
  data(): ShapeData {
    const { layout = "out_in", groups = 1, transposed = false, fans } = this.options;
    const given = fans && { fans: { fan_in: fans.fanIn, fan_out: fans.fanOut } };
    return { dims: [...this.dims], layout, groups, transposed, ...given };
  }
}
