// Completes the types in dist/ after the compiler: those of the WebAssembly's JavaScript stand beside the others.

import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";

copyFileSync("wasm/models/seedtensors_web_models.d.ts", "dist/seedtensors_web_models.d.ts");
const types = readFileSync("dist/models.d.ts", "utf8").replaceAll("../wasm/models/", "./");
writeFileSync("dist/models.d.ts", types);
// no public type comes from it
rmSync("dist/core.d.ts");
