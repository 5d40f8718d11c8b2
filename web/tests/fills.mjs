// Runs the fills of vectors.json on any WebGPU: in Node, in Deno or in a page.

/** Returns the SHA-256 of the bytes of a fill on a device, in hexadecimal. */
async function digest(st, gpu, { key, sampler, dtype, shard, start, count }) {
  // JSON has no infinities
  const bound = (value) => (typeof value === "string" ? (value === "inf" ? Infinity : -Infinity) : value);
  const parameters = Object.entries(sampler).map(([name, value]) => [name, name === "kind" ? value : bound(value)]);
  const shape = shard && new st.Shape(shard.dims);
  const elements = shape ? shape.elements : start + count;
  const seeded = new st.Key(BigInt(key.seed), BigInt(key.offset));
  const whole = st.Fill.fromSampler(seeded, Object.fromEntries(parameters), elements);
  const part = shape ? whole.shard(shape.shard(shard.start, shard.extent)) : whole;
  const buffer = await gpu.tensor(part.range(start, start + count), dtype);
  const bytes = (await gpu.read(buffer)).slice(0, count * st.sizeOf(dtype));
  buffer.destroy();
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Compares every fill with its hash. Then compares the first fill with a hash that has one bit flipped: `noticed` says
 * whether that comparison failed, as it must.
 */
export async function compare(st, gpu, fills) {
  const differs = async (fill) => (await digest(st, gpu, fill)) !== fill.sha256;
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
