// Writes files to a folder of the disk. A browser that cannot write to folders downloads them.

import { SeedTensorsError } from "../src/index.ts";
import type { Output } from "../src/models.ts";

/** The largest file that is kept in memory until it is downloaded. */
const LARGEST_DOWNLOAD = 2 ** 31;

/** Begins a file. */
export type Create = (name: string, bytes: number) => Promise<Output>;

/** Whether the browser can write into a folder of the disk. */
export const hasFolders = () => "showDirectoryPicker" in window;

/** Asks for a folder. Existing files are kept, unless they are to be replaced. */
export async function folder(replace: boolean): Promise<Create> {
  const directory: FileSystemDirectoryHandle = await (window as any).showDirectoryPicker({ mode: "readwrite" });
  return async (name) => {
    if (!replace && (await exists(directory, name))) {
      throw new SeedTensorsError(`${name} is in the folder already: choose another folder, or allow to replace files`);
    }
    const handle = await directory.getFileHandle(name, { create: true });
    // the browser writes beside the file, and moves it there when it is closed
    const stream = await handle.createWritable();
    return {
      write: (bytes) => stream.write(bytes),
      close: () => stream.close(),
      async abort() {
        await stream.abort();
        // the empty file that `getFileHandle` made
        if ((await handle.getFile()).size === 0) {
          await directory.removeEntry(name);
        }
      },
    };
  };
}

async function exists(directory: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  return directory.getFileHandle(name).then(
    () => true,
    (error: DOMException) => {
      if (error.name === "NotFoundError") {
        return false;
      }
      throw error;
    },
  );
}

/** Downloads each file when it is whole. It is kept in memory until then. */
export const downloads: Create = async (name, bytes) => {
  if (bytes > LARGEST_DOWNLOAD) {
    throw new SeedTensorsError(
      `a download has at most ${LARGEST_DOWNLOAD} bytes, not ${bytes}: choose smaller files, or a browser that writes to folders, such as Chrome or Edge`,
    );
  }
  let pieces: BlobPart[] = [];
  return {
    async write(piece) {
      // a blob may move to the disk
      pieces.push(new Blob([piece]));
    },
    async close() {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(pieces));
      link.download = name;
      link.click();
      pieces = [];
      // the browser reads the blob after this
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    },
    async abort() {
      pieces = [];
    },
  };
};
