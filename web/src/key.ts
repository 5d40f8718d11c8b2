import { call } from "./core.ts";
import { bad } from "./error.ts";

/**
 * The seed of a Philox stream and the counter at which it begins. It is the same pair as a key of PyTorch's stateless
 * generator (`torch.func._random`, torch 2.12 and later), with the same derivations.
 *
 * ```ts
 * const key = new Key(42).named("fc1.weight");
 * ```
 */
export class Key {
  /** The key of Philox, below 2^64. */
  readonly seed: bigint;
  /** The counter of the stream's first block, below 2^64. */
  readonly offset: bigint;

  /** @throws {SeedTensorsError} if a number is not a whole number from 0 to 2^64 - 1. */
  constructor(seed: bigint | number, offset: bigint | number = 0n) {
    this.seed = u64("a seed", seed);
    this.offset = u64("an offset", offset);
  }

  /** The four words of block `b` (Philox4x32-10). Elements `4 b` to `4 b + 3` of a tensor use them. */
  block(b: bigint | number): [number, number, number, number] {
    const block = u64("a block", b);
    return [...call((core) => core.keyBlock(this.seed, this.offset, block))] as [number, number, number, number];
  }

  /** The key that index `i`, below 2^64, derives from this one. */
  foldIn(i: bigint | number): Key {
    const index = u64("an index", i);
    return keyOf(call((core) => core.keyFoldIn(this.seed, this.offset, index)));
  }

  /**
   * The key of a tensor by its name: `foldIn` of the first 8 bytes, little-endian, of the SHA-256 of the name in UTF-8.
   * @throws {SeedTensorsError} for a name with an unpaired surrogate, which has no UTF-8.
   */
  named(name: string): Key {
    // every unpaired surrogate would be encoded alike, so different names would have one key
    if (/\p{Surrogate}/u.test(name)) {
      throw bad("a name must have no half of a surrogate pair", JSON.stringify(name));
    }
    return keyOf(call((core) => core.keyNamed(this.seed, this.offset, name)));
  }
}

function keyOf([seed, offset]: BigUint64Array): Key {
  return new Key(seed!, offset!);
}

function u64(what: string, value: bigint | number): bigint {
  const whole = typeof value === "bigint" || Number.isSafeInteger(value);
  if (!whole || BigInt(value) < 0n || BigInt(value) > 0xffff_ffff_ffff_ffffn) {
    throw bad(`${what} is a whole number from 0 to 2^64 - 1 (above 2^53 a bigint)`, value);
  }
  return BigInt(value);
}
