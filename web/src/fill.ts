import { call } from "./core.ts";
import { bad } from "./error.ts";
import type { Init } from "./initialisers.ts";
import { Key } from "./key.ts";
import { Shape, type ShapeData, type Shard } from "./shape.ts";

/** "exact" gives the same bits everywhere. "native" normals use the device's own log, sqrt, sin and cos. */
export type Arithmetic = "exact" | "native";

/** The distribution of a tensor's values, with its parameters rounded to f32. */
export type Sampler =
  | { constant: { value: number } }
  /** Uniform in [low, high); never `high`. */
  | { uniform: { low: number; high: number } }
  | { normal: { mean: number; std: number } }
  | { truncated_normal: { mean: number; std: number; low: number; high: number } };

/** A fill as the library reads it: plain data, which a worker can be sent. */
export interface FillData {
  key: [bigint, bigint];
  /** Absent for the raw words. */
  init?: Init;
  shape: ShapeData;
  native?: boolean;
  shard?: { start: number[]; extent: number[] };
  /** The first element, of the tensor or its shard, and the one after the last. */
  range?: [number, number];
}

/**
 * A tensor, or a part of it, to be filled. The same object describes a tensor to be allocated (`Gpu.tensor`), one that
 * exists (`Gpu.fill`), and values to be read (`values`). A part has the values that the whole tensor has there.
 *
 * ```ts
 * const fill = new Fill(new Key(42).named("weight"), heNormal(), [4, 6]);
 * fill.elements; // 24
 * fill.range(18, 24).elements; // 6: the last row
 * fill.shard([0, 5], [4, 1]).elements; // 4: the last column
 * ```
 */
export class Fill {
  /** The key of the whole tensor. */
  readonly key: Key;
  /** The initialiser; undefined for the raw words. */
  readonly init: Init | undefined;
  /** The shape of the whole tensor. */
  readonly shape: Shape;
  /** Default: "exact". */
  readonly arithmetic: Arithmetic;
  /** The number of elements to fill. */
  readonly elements: number;
  readonly #part: Pick<FillData, "shard" | "range">;

  /**
   * The whole tensor of an initialiser and a shape.
   * @throws {SeedTensorsError} for an invalid parameter, and for an initialiser that does not suit the shape.
   */
  constructor(key: Key, init: Init, shape: Shape | readonly number[]);
  /** @internal */
  constructor(
    key: Key,
    init: Init | undefined,
    shape: Shape | readonly number[],
    part?: Pick<FillData, "shard" | "range">,
    arithmetic?: Arithmetic,
  );
  constructor(
    key: Key,
    init: Init | undefined,
    shape: Shape | readonly number[],
    part: Pick<FillData, "shard" | "range"> = {},
    arithmetic: Arithmetic = "exact",
  ) {
    this.key = key;
    this.init = init;
    this.shape = shape instanceof Shape ? shape : new Shape(shape);
    this.arithmetic = arithmetic;
    this.#part = part;
    this.elements = call((core) => core.fillElements(this.data()));
  }

  /**
   * The raw 32-bit words of a key, four to a Philox block, for tests of the generator. Their dtype is "f32".
   * @throws {SeedTensorsError} if `elements` is not a whole number below 2^53.
   */
  static words(key: Key, elements: number): Fill {
    return new Fill(key, undefined, [elements]);
  }

  /** The fill of plain data, as {@link Fill.data} gives it. */
  static fromData({ key: [seed, offset], init, shape, native, shard, range }: FillData): Fill {
    const { dims, fans, ...options } = shape;
    const given = fans && { fans: { fanIn: fans.fan_in, fanOut: fans.fan_out } };
    const part = { ...(shard && { shard }), ...(range && { range }) };
    const whole = new Shape(dims, { ...options, ...given });
    return new Fill(new Key(seed, offset), init, whole, part, native ? "native" : "exact");
  }

  /** The distribution of the values; undefined for a structured matrix and for the raw words. */
  get sampler(): Sampler | undefined {
    return call((core) => core.fillSampler(this.data()));
  }

  /**
   * The elements from `start` up to `end`, in row-major order. `end` is not included.
   * @throws {SeedTensorsError} for a range that does not lie inside these elements.
   */
  range(start: number, end: number): Fill {
    if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end && end <= this.elements)) {
      throw bad(`a range must lie inside its ${this.elements} elements`, `${start}..${end}`);
    }
    // a range of a range counts from the start of the inner one
    const first = this.#part.range?.[0] ?? 0;
    return this.#with({ ...this.#part, range: [first + start, first + end] });
  }

  /**
   * A rectangle of the tensor, in row-major order: the start and the extent in each dimension, or a shard of its shape.
   * @throws {SeedTensorsError} for one that does not lie inside the shape, for a shard of another shape, and where these
   * are not the whole tensor's elements.
   */
  shard(start: readonly number[], extent: readonly number[]): Fill;
  shard(shard: Shard): Fill;
  shard(given: Shard | readonly number[], extent: readonly number[] = []): Fill {
    const shard = "dims" in given ? given : this.shape.shard(given, extent);
    const { dims } = this.shape;
    const rule = `a shard must be of the fill's whole tensor, of shape [${dims.join(", ")}]`;
    if (shard.dims.length !== dims.length || shard.dims.some((dim, i) => dim !== dims[i])) {
      throw bad(rule, `of one of shape [${shard.dims.join(", ")}]`);
    }
    if (this.#part.shard || this.#part.range) {
      throw bad(rule, `of a part of ${this.elements} elements`);
    }
    return this.#with({ shard: { start: [...shard.start], extent: [...shard.extent] } });
  }

  /** The same elements by other functions. */
  withArithmetic(arithmetic: Arithmetic): Fill {
    return new Fill(this.key, this.init, this.shape, this.#part, arithmetic);
  }

  /** The fill as plain data. */
  data(): FillData {
    const { key, init, shape, arithmetic } = this;
    const native = arithmetic === "native";
    return { key: [key.seed, key.offset], ...(init && { init }), shape: shape.data(), native, ...this.#part };
  }

  #with(part: Pick<FillData, "shard" | "range">): Fill {
    return new Fill(this.key, this.init, this.shape, part, this.arithmetic);
  }
}
