import { SeedTensorsError } from "./index.ts";
import type { Output, Outputs } from "./models.ts";

/** The names that a reader takes for parts of one checkpoint. */
const PART = /^model(-.*-of-.*)?\.safetensors(\.index\.json)?$/;

/**
 * Writes a model's files into a folder of the disk, for {@link writeFiles}. A file has its name when it is whole. Files
 * that replace others get their names at the end, one right after the other: if the work ends before, the old checkpoint
 * is as it was.
 *
 * Before anything is written, it refuses a folder that has files of these names, unless they may be replaced, and one
 * that has parts of another checkpoint, which a reader would take for parts of this one.
 *
 * ```ts
 * const folder = await showDirectoryPicker({ mode: "readwrite" });
 * await writeFiles(model, backend, intoFolder(folder));
 * ```
 */
export function intoFolder(folder: FileSystemDirectoryHandle, { replace = false }: { replace?: boolean } = {}): Outputs {
  const existing = new Set<string>();
  const waiting: Output[] = [];
  return {
    async check(names) {
      existing.clear();
      for await (const found of folder.keys()) {
        if (names.includes(found) && !replace) {
          throw new SeedTensorsError(`${found} is in the folder already: choose another folder, or allow to replace files`);
        }
        if (!names.includes(found) && PART.test(found)) {
          throw new SeedTensorsError(`${found} in the folder is a part of another checkpoint: choose another folder, or remove it`);
        }
        existing.add(found);
      }
    },
    async create(name) {
      const handle = await folder.getFileHandle(name, { create: true });
      // the empty file that `getFileHandle` made
      const tidy = async () => {
        if (!existing.has(name) && (await handle.getFile()).size === 0) {
          await folder.removeEntry(name);
        }
      };
      try {
        // the browser writes beside the file, and moves it there when it is closed
        const output = outputOf(await handle.createWritable(), tidy);
        return existing.has(name) ? { ...output, close: async () => void waiting.push(output) } : output;
      } catch (error) {
        await tidy().catch(() => undefined);
        throw error;
      }
    },
    async finish() {
      const all = waiting.length;
      for (let output = waiting.shift(); output; output = waiting.shift()) {
        try {
          await output.close();
        } catch (error) {
          const replaced = all - waiting.length - 1;
          const reason = error instanceof Error ? error.message : String(error);
          throw new SeedTensorsError(`${replaced} of ${all} files were replaced, and then the browser refused: ${reason}`);
        }
      }
    },
    async abort() {
      await Promise.all(waiting.splice(0).map((output) => output.abort()));
    },
  };
}

function outputOf(stream: FileSystemWritableFileStream, tidy: () => Promise<void>): Output {
  return {
    write: (bytes) => stream.write(bytes),
    close: () => stream.close(),
    async abort() {
      await stream.abort();
      await tidy();
    },
  };
}
