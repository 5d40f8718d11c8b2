// Writes the WebAssembly of a folder that `bindgen` made as a module of JavaScript: node pack.mjs FOLDER. The bytes are
// deflated, in base64, which src/instantiate.ts reads.

import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync, gzipSync } from "node:zlib";

const [folder] = process.argv.slice(2);
const name = readdirSync(folder).find((name) => name.endsWith("_bg.wasm"));
const bytes = readFileSync(join(folder, name));
const base64 = deflateRawSync(bytes, { level: 9 }).toString("base64");
const text = `export default "${base64}";\n`;
writeFileSync(join(folder, "module.js"), text);
writeFileSync(join(folder, "module.d.ts"), "declare const module: string;\nexport default module;\n");
rmSync(join(folder, name));
rmSync(join(folder, `${name}.d.ts`), { force: true });
console.log(`${name}: ${bytes.length} bytes, ${text.length} in JavaScript, ${gzipSync(text, { level: 9 }).length} of that by gzip`);
