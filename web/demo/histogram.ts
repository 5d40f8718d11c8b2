// The histogram of the values, with the expected density as a line over it.

import type { Dtype } from "../src/index.ts";
import { histogramOf, stepOf } from "./statistics.ts";

/** The approximate number of cells of the histogram. */
const CELLS = 192;

export function draw(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  dtype: Dtype,
  [min, max]: [number, number],
  density: ((x: number) => number) | undefined,
): void {
  const ratio = window.devicePixelRatio;
  const { width, height } = { width: canvas.clientWidth, height: Math.round(canvas.clientWidth / 3) };
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const colour = (name: string) => {
    context.fillStyle = context.strokeStyle = resolve(style, name);
  };

  // a cell spans whole steps of the dtype and begins between two values, so that each cell has the same number of
  // values
  const [least, greatest] = min < max ? [min, max] : [min - 1, max + 1];
  const step = stepOf(dtype, Math.max(Math.abs(least), Math.abs(greatest)));
  const cell = Math.max(Math.round((greatest - least) / CELLS / step), 1) * step;
  const from = least - step / 2;
  const cells = Math.ceil((greatest + step / 2 - from) / cell);
  const to = from + cells * cell;
  const shares = histogramOf(values, from, to, cells);
  const promised = (x: number) => (density ? density(x) * cell : 0);
  const points = Array.from({ length: cells * 4 + 1 }, (_, i) => least + ((greatest - least) * i) / (cells * 4));
  const top = 1.08 * Math.max(...shares, ...points.map(promised));
  const x = (value: number) => ((value - from) / (to - from)) * width;
  const y = (share: number) => (height - 24) * (1 - share / top);

  colour("--bar");
  shares.forEach((share, i) => {
    const [left, right] = [x(from + i * cell), x(from + (i + 1) * cell)];
    context.fillRect(left, y(share), Math.max(right - left - 0.5, 0.5), y(0) - y(share));
  });
  if (density) {
    colour("--curve");
    context.lineWidth = 1.5;
    context.beginPath();
    points.forEach((point) => context.lineTo(x(point), y(promised(point))));
    context.stroke();
  }
  colour("--faint");
  context.fillRect(0, y(0), width, 1);
  context.font = "12px system-ui, sans-serif";
  for (let i = 0; i <= 4; i++) {
    const value = from + ((to - from) * i) / 4;
    context.textAlign = i === 0 ? "left" : i === 4 ? "right" : "center";
    context.fillText(value.toPrecision(4), x(value), height - 6);
  }
  canvas.ariaLabel = `Histogram of the values from ${min} to ${max}${density ? ", with the promised density" : ""}`;
}

/** The colour of a custom property in the active colour scheme. */
function resolve(style: CSSStyleDeclaration, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = style.getPropertyValue(name);
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
