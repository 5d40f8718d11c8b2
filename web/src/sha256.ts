import { core } from "./core.ts";

/**
 * SHA-256 of bytes that come a piece at a time. The browser's own needs all bytes at once.
 *
 * ```ts
 * const hash = new Sha256();
 * for await (const piece of file.stream()) hash.update(piece);
 * hash.hex();
 * ```
 */
export class Sha256 {
  readonly #state = new core.Sha256();

  /** Adds bytes. */
  update(bytes: Uint8Array): void {
    this.#state.update(bytes);
  }

  /** The digest of the bytes so far, in hexadecimal. */
  hex(): string {
    return this.#state.hex();
  }
}
