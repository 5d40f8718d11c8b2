// The place of the files: a folder of the disk, or downloads where the browser cannot write to folders.

import { SeedTensorsError } from "../src/index.ts";
import { type Output, type Outputs, intoFolder } from "../src/models.ts";

/** The largest file that is kept in memory until it is downloaded. */
const LARGEST_DOWNLOAD = 2 ** 31;

/** Whether the browser can write into a folder of the disk. */
export const hasFolders = () => "showDirectoryPicker" in window;

/** Asks for a folder; undefined where none is chosen. */
export async function folder(replace: boolean): Promise<Outputs | undefined> {
  try {
    return intoFolder(await (window as any).showDirectoryPicker({ mode: "readwrite" }), { replace });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      return undefined;
    }
    throw error;
  }
}

/** Downloads each file when it is whole. It is kept in memory until then. */
export const downloads: Outputs = { create: download };

async function download(name: string, bytes: number): Promise<Output> {
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
}
