// Runs the steps of matrices.json, which the Rust library planned, on any WebGPU: in Node, in Deno or in a page.

/** Returns bytes from hexadecimal. */
function bytes(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Returns the SHA-256 of the bytes of a matrix on a device, in hexadecimal. */
async function digest(device, pipelineOf, matrix) {
  const { STORAGE, COPY_SRC, COPY_DST, UNIFORM, MAP_READ } = GPUBufferUsage;
  const size = Math.ceil(matrix.bytes / 4) * 4;
  const target = device.createBuffer({ size, usage: STORAGE | COPY_SRC });
  const scratch = device.createBuffer({ size: Math.max(matrix.scratch, 4), usage: STORAGE });
  const encoder = device.createCommandEncoder();
  for (const { entryPoint, constants, params, binding, grid, writesScratch } of matrix.steps) {
    const pipeline = pipelineOf(entryPoint, constants);
    const uniform = device.createBuffer({ size: 512, usage: UNIFORM | COPY_DST });
    device.queue.writeBuffer(uniform, 0, bytes(params));
    // a plan's offsets count from the beginning of its binding
    const [offset, bound] = binding ?? [0, undefined];
    const written = { buffer: writesScratch ? scratch : target, offset, size: bound };
    const entries = [
      { binding: 0, resource: { buffer: uniform } },
      { binding: 1, resource: written },
    ];
    if (entryPoint === "fill_orthogonal") entries.push({ binding: 2, resource: { buffer: scratch } });
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(...grid);
    pass.end();
  }
  const staging = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  encoder.copyBufferToBuffer(target, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", staging.getMappedRange().slice(0, matrix.bytes)));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns the names of the matrices whose bytes are not the Rust library's. */
export async function differing(device, { source, matrices }) {
  const module = device.createShaderModule({ code: source });
  // software takes seconds to compile one
  const pipelines = new Map();
  const pipelineOf = (entryPoint, constants) => {
    const key = JSON.stringify([entryPoint, constants]);
    if (!pipelines.has(key)) {
      const compute = { module, entryPoint, constants };
      pipelines.set(key, device.createComputePipeline({ layout: "auto", compute }));
    }
    return pipelines.get(key);
  };
  const found = [];
  for (const matrix of matrices) {
    if ((await digest(device, pipelineOf, matrix)) !== matrix.sha256) found.push(`${matrix.what} in ${matrix.dtype}`);
  }
  return found;
}
