// The text that the device runs: the files of shaders/, the ones that the Rust library runs.

import boxMuller from "../../shaders/box_muller.wgsl?raw";
import dtype from "../../shaders/dtype.wgsl?raw";
import fill from "../../shaders/fill.wgsl?raw";
import inverseNormal from "../../shaders/inverse_normal.wgsl?raw";
import mulHigh from "../../shaders/mul_high_u16.wgsl?raw";
import philox from "../../shaders/philox.wgsl?raw";
import pin from "../../shaders/pin.wgsl?raw";
import sampler from "../../shaders/sampler.wgsl?raw";

/** The whole WGSL module. */
export const SOURCE: string = [pin, mulHigh, philox, boxMuller, inverseNormal, sampler, dtype, fill].join("\n");
