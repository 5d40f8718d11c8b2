/** A model family that has a template. */
export interface Family {
  /** The `model_type` of its configurations. */
  model_type: string;
  /** Its name, and remarks. */
  about: string;
  /** The names that a configuration's `architectures` may have. The first is the default. */
  architectures: string[];
  /** The file of transformers that the template follows, and its version. */
  source: string;
  /** The styles that apply. */
  styles: string[];
}

/** A way to initialise a model's weights. */
export interface Style {
  name: string;
  /** Its description, formula and source. */
  about: string;
}

export interface RecipeOptions {
  /** From 0 to 2^64 - 1; above 2^53 a bigint. */
  seed: bigint | number;
  /** The dtype of tensors that name none, as `--dtype`: "f32", "f16" or "bf16". Default: the recipe's, or the config's. */
  dtype?: string | null;
  /** The most bytes of values in a file, as `--max-shard-size`. Default: 5,000,000,000. */
  maxShardSize?: bigint | number | null;
}

export interface ConfigOptions extends RecipeOptions {
  /** The name of a style, as `--style`. Default: "hf". */
  style?: string | null;
}

/** A parameter of an initialiser, as recipes write it. */
export type Parameter = string | number | { leaky_relu: number };

/** Everything that a fill takes, in the forms that serde gives the Rust library's types. */
export interface FillOf {
  /** The seed and the offset of the tensor's own key. */
  key: [seed: bigint, offset: bigint];
  /** The initialiser by its name: `{ normal: { mean: 0, std: 0.02 } }`, or the name alone. */
  init: string | Record<string, Record<string, Parameter>>;
  /** The whole tensor's shape, and what its layer says about its fans. */
  shape: {
    dims: number[];
    layout: "out_in" | "in_out";
    groups: number;
    transposed: boolean;
    fans: { fan_in: number; fan_out: number } | null;
  };
  /** The rectangle of the tensor that the file holds; null is the whole. */
  shard: { start: number[]; extent: number[] } | null;
  dtype: "f32" | "f16" | "bf16";
}

/** A tensor of a file. */
export interface PlannedTensor {
  name: string;
  /** Its dimensions in the file. */
  shape: number[];
  dtype: "f32" | "f16" | "bf16" | "i64";
  /** The elements that the file holds. */
  elements: number;
  /** The byte of the file at which its values begin. */
  offset: number;
  bytes: number;
  /** Its initialiser as a recipe writes it. */
  init: string;
  /** The function that the values of its initialiser go through. */
  function: string | null;
  /** The fill that gives its values; null of what the CPU alone computes: `Model.bytes` gives it. */
  fill: FillOf | null;
  /** The elements, from the first up to the second, that are zeros whatever the fill gives. */
  padding: [start: number, end: number];
}

/** A file of a plan. */
export interface PlannedFile {
  name: string;
  /** Its size, header included. */
  bytes: number;
  /** The bytes before the values, which `Model.head` gives. */
  head_bytes: number;
  /** Its tensors, in the order of the file. */
  tensors: PlannedTensor[];
}

/** The index of several files. */
export interface Index {
  name: string;
  bytes: Uint8Array;
}
