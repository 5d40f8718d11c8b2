// Keys: the seed and the offset of a tensor's random words. Rust counterparts: src/key.rs, src/philox.rs.

import { sha256 } from "@noble/hashes/sha2.js";
import { bad } from "./error.ts";

const MASK_32 = 0xffff_ffffn;
const MASK_64 = 0xffff_ffff_ffff_ffffn;

/** Returns the four words of a Philox4x32-10 block (Salmon, Moraes, Dror, Shaw, SC11). */
export function philox4x32_10(counter: readonly number[], key: readonly number[]): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const [p0, p1] = [0xd2511f53n * c0, 0xcd9e8d57n * c2];
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & MASK_32, (p0 >> 32n) ^ c3 ^ k1, p0 & MASK_32];
    [k0, k1] = [(k0 + 0x9e3779b9n) & MASK_32, (k1 + 0xbb67ae85n) & MASK_32];
  }
  return [Number(c0), Number(c1), Number(c2), Number(c3)];
}

/** The (low, high) words of a 64-bit value. */
export function words(value: bigint): [number, number] {
  return [Number(value & MASK_32), Number((value >> 32n) & MASK_32)];
}

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

  /** The four words of block `b`. Elements `4 b` to `4 b + 3` of a tensor use them. */
  block(b: bigint | number): [number, number, number, number] {
    return philox4x32_10([...words((this.offset + u64("a block", b)) & MASK_64), 0, 0], words(this.seed));
  }

  /** The key that index `i`, below 2^64, derives from this one. */
  foldIn(i: bigint | number): Key {
    const [w0, w1, w2, w3] = this.block(i).map(BigInt) as [bigint, bigint, bigint, bigint];
    return new Key((w1 << 32n) | w0, (w3 << 32n) | w2);
  }

  /**
   * The key of a tensor by its name: `foldIn` of the first 8 bytes, little-endian, of the SHA-256 of the name in UTF-8.
   * @throws {SeedTensorsError} for a name with an unpaired surrogate, which has no UTF-8.
   */
  named(name: string): Key {
    const digest = sha256(new TextEncoder().encode(checkText("a name", name)));
    return this.foldIn(new DataView(digest.buffer, digest.byteOffset).getBigUint64(0, true));
  }
}

function u64(what: string, value: bigint | number): bigint {
  const whole = typeof value === "bigint" || Number.isSafeInteger(value);
  if (!whole || BigInt(value) < 0n || BigInt(value) > MASK_64) {
    throw bad(`${what} is a whole number from 0 to 2^64 - 1 (above 2^53 a bigint)`, value);
  }
  return BigInt(value);
}

/**
 * Refuses an unpaired surrogate: `TextEncoder` encodes every one of them alike, so different names would have one key.
 */
export function checkText(what: string, text: string): string {
  if (/\p{Surrogate}/u.test(text)) {
    throw bad(`${what} must have no half of a surrogate pair`, JSON.stringify(text));
  }
  return text;
}
