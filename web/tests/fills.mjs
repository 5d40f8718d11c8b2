// Runs the fills of vectors.json in a page, in Node or in Deno, on WebGPU or on the CPU.

/** Numbers of vectors.json. JSON has no infinities. */
export function revived(value) {
  return JSON.parse(JSON.stringify(value), (_, value) =>
    value === "inf" ? Infinity : value === "-inf" ? -Infinity : value === "NaN" ? NaN : value,
  );
}

/** Returns the fill of a case. */
export function fillOf(st, { key, init, shape, shard, start, count }) {
  const seeded = new st.Key(BigInt(key.seed), BigInt(key.offset));
  const dims = new st.Shape(shape.dims, shape.options);
  const whole = init ? new st.Fill(seeded, revived(init), dims) : st.Fill.words(seeded, dims.elements);
  const part = shard ? whole.shard(shard.start, shard.extent) : whole;
  return part.range(start, start + count);
}

/** Returns the SHA-256 of the bytes of a case by a backend, in hexadecimal. */
export async function digest(st, backend, fill) {
  const bytes = await backend.bytes(fillOf(st, fill), fill.dtype);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Compares every fill with its hash. Then compares the first fill with a hash that has one bit flipped: `noticed` says
 * whether that comparison failed, as it must.
 */
export async function compare(st, backend, fills) {
  const differs = async (fill) => (await digest(st, backend, fill)) !== fill.sha256;
  const differing = [];
  for (const fill of fills) {
    if (await differs(fill)) differing.push(`${fill.what}, ${fill.count} elements of ${fill.dtype}`);
  }
  const [first] = fills;
  const flipped = (parseInt(first.sha256[0], 16) ^ 1).toString(16) + first.sha256.slice(1);
  const noticed = await differs({ ...first, sha256: flipped });
  const elements = fills.reduce((sum, { count }) => sum + count, 0);
  return { fills: fills.length, elements, differing, noticed };
}

/** Returns the description of an adapter. */
export function named({ vendor, architecture, device, description }) {
  return [vendor, architecture, device, description].filter(Boolean).join(", ");
}
