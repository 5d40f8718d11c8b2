// A tensor's definition: key, sampler, and the elements to fill. Rust counterpart: src/fill.rs.

import { bad } from "./error.ts";
import { type Init, samplerOf } from "./initialisers.ts";
import type { Key } from "./key.ts";
import type { Arithmetic, Sampler } from "./sampler.ts";
import { type Shape, type Shard, checkWhole } from "./shape.ts";

/** Elements of a tensor: a range of the tensor, or of a shard. */
export interface Selection {
  /** A shard that is not contiguous in the tensor. A contiguous one is kept as a range of the tensor. */
  shard: Shard | undefined;
  /** Row-major index, in the tensor or its shard, of the first element. */
  start: number;
  /** The number of elements. */
  count: number;
}

/**
 * A tensor, or a part of it, to be filled. The same object describes a tensor to be allocated (`Gpu.tensor`) and one
 * that exists (`Gpu.fill`). A part has the values that the whole tensor has there.
 *
 * ```ts
 * const shape = new Shape([4, 6]);
 * const fill = new Fill(new Key(42).named("weight"), heNormal(), shape);
 * fill.elements; // 24
 * fill.range(18, 24).elements; // 6: the last row
 * fill.shard(shape.shard([0, 5], [4, 1])).elements; // 4: the last column
 * ```
 */
export class Fill {
  /** The key of the whole tensor. */
  readonly key: Key;
  /** The distribution of the values. */
  readonly sampler: Sampler;
  /** Default: "exact". */
  readonly arithmetic: Arithmetic;
  /** @internal */
  readonly selection: Readonly<Selection>;
  readonly #whole: number;

  /**
   * The whole tensor of an initialiser and a shape.
   * @throws {SeedTensorsError} for an initialiser that does not suit the shape.
   */
  constructor(key: Key, init: Init, shape: Shape);
  /** @internal */
  constructor(key: Key, sampler: Sampler, whole: number, selection?: Selection, arithmetic?: Arithmetic);
  constructor(key: Key, given: Init | Sampler, whole: Shape | number, selection?: Selection, arithmetic: Arithmetic = "exact") {
    this.key = key;
    this.sampler = typeof whole === "number" ? (given as Sampler) : samplerOf(given as Init, whole);
    this.#whole = typeof whole === "number" ? whole : whole.elements;
    this.selection = selection ?? { shard: undefined, start: 0, count: this.#whole };
    this.arithmetic = arithmetic;
  }

  /**
   * A tensor of `elements` elements of a sampler. Its dimensions do not matter.
   * @throws {SeedTensorsError} if `elements` is not a whole number below 2^53.
   */
  static fromSampler(key: Key, sampler: Sampler, elements: number): Fill {
    checkWhole("the number of elements", elements);
    return new Fill(key, sampler, elements);
  }

  /** The number of elements to fill. */
  get elements(): number {
    return this.selection.count;
  }

  /**
   * The elements from `start` up to `end`, in row-major order. `end` is not included.
   * @throws {SeedTensorsError} for a range that does not lie inside these elements.
   */
  range(start: number, end: number): Fill {
    if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end && end <= this.elements)) {
      throw bad(`a range must lie inside its ${this.elements} elements`, `${start}..${end}`);
    }
    return this.#with({ ...this.selection, start: this.selection.start + start, count: end - start });
  }

  /**
   * A rectangle of the tensor, in row-major order.
   * @throws {SeedTensorsError} for a shard of a tensor of another size, and where these are not the whole tensor's
   * elements.
   */
  shard(shard: Shard): Fill {
    const { shard: other, start, count } = this.selection;
    if (shard.whole !== this.#whole || other || start !== 0 || count !== this.#whole) {
      throw bad(
        `a shard must be of the fill's whole tensor, of ${this.#whole} elements`,
        `a shard of a tensor of ${shard.whole} elements, of a fill of ${count} from ${start} on`,
      );
    }
    // faster code fills a range of the tensor
    const contiguous = shard.dims.length === 0;
    const from = contiguous ? { shard: undefined, start: shard.index(0) } : { shard, start: 0 };
    return this.#with({ ...from, count: shard.elements });
  }

  /** The same elements by other functions. */
  withArithmetic(arithmetic: Arithmetic): Fill {
    return new Fill(this.key, this.sampler, this.#whole, this.selection, arithmetic);
  }

  #with(selection: Selection): Fill {
    return new Fill(this.key, this.sampler, this.#whole, selection, this.arithmetic);
  }
}
