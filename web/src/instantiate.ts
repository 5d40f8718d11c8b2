// Compressed WebAssembly in JavaScript, as web/pack.mjs writes it.

/** Compiles a module from its deflated bytes in base64. */
export async function instantiate(base64: string): Promise<WebAssembly.Module> {
  const deflated = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return WebAssembly.compile(await new Response(stream).arrayBuffer());
}
