// The shader text: the files of shaders/ in the form that every device can run and that every compiler keeps exact.
// Rust counterpart: `Form::SAFEST` in src/gpu/form.rs.

import boxMuller from "../../shaders/box_muller.wgsl?raw";
import dtype from "../../shaders/dtype.wgsl?raw";
import fill from "../../shaders/fill.wgsl?raw";
import inverseNormal from "../../shaders/inverse_normal.wgsl?raw";
import llvmpipe from "../../shaders/llvmpipe.wgsl?raw";
import matrix from "../../shaders/matrix.wgsl?raw";
import multiply from "../../shaders/multiply_u16.wgsl?raw";
import philox from "../../shaders/philox.wgsl?raw";
import pin from "../../shaders/pin.wgsl?raw";
import sampler from "../../shaders/sampler.wgsl?raw";
import shard from "../../shaders/shard.wgsl?raw";
import slot from "../../shaders/slot_u32.wgsl?raw";

/** The complete WGSL module. */
export const SOURCE: string = [
  pin, llvmpipe, multiply, slot, philox, boxMuller, inverseNormal, sampler, dtype, shard, matrix, fill,
].join("\n");
