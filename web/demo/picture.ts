// The picture of one tensor: its histogram with the promised density, its statistics and the hash of its values.

import { type Cpu, type Gpu, Sha256 } from "../src/index.ts";
import { type PlannedTensor, fillOf, filledBytes } from "../src/models.ts";
import { draw } from "./histogram.ts";
import { densityOf, statisticsOf, valuesOf } from "./statistics.ts";

/** The most elements that are drawn. */
const MOST = 2 ** 22;

/** Whether a tensor has something to draw. */
export const isDrawn = ({ fill, elements }: PlannedTensor) => fill !== null && elements > 0;

/** Draws a tensor that has a fill, and returns its facts by their names; undefined once it is not wanted any more. */
export async function picture(
  backend: Gpu | Cpu,
  canvas: HTMLCanvasElement,
  tensor: PlannedTensor,
  isWanted: () => boolean,
): Promise<[string, string][] | undefined> {
  const { init, elements } = tensor;
  const given = tensor.fill!;
  const count = Math.min(elements, MOST);
  const begin = performance.now();
  const bytes = await filledBytes(backend, tensor, 0, count);
  if (!isWanted()) {
    return undefined;
  }
  const seconds = (performance.now() - begin) / 1000;
  const values = valuesOf(bytes.buffer, given.dtype);
  const { mean, std, min, max } = statisticsOf(values);
  const hash = new Sha256();
  hash.update(bytes);
  const { sampler } = fillOf(given);
  draw(canvas, values, given.dtype, [min, max], sampler && densityOf(sampler));
  const first = count < elements ? `the first ${count.toLocaleString("en")} of ${elements.toLocaleString("en")}` : `all ${count.toLocaleString("en")}`;
  return [
    ["initialiser", init],
    ["elements", first],
    ["time, with reading back", `${(seconds * 1000).toFixed(1)} ms`],
    ["mean, std", `${mean.toPrecision(6)}, ${std.toPrecision(6)}`],
    ["least, greatest", `${min.toPrecision(8)}, ${max.toPrecision(8)}`],
    ["SHA-256 of these values", hash.hex()],
  ];
}
