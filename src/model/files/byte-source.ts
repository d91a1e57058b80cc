import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { TrainbookError } from '../../error.js';

/** Bytes that are read at positions: of a file, or in memory. */
export interface ByteSource {
  /** Stands in errors: a path. */
  readonly name: string;
  readonly size: number;
  /**
   * Fills `target` with the bytes from `position` on.
   *
   * @throws TrainbookError if there are too few, or the source is closed.
   */
  readInto(target: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

/** What one call of the system reads at most: 1 GiB (Linux stops below 2 GiB). */
const longestRead = 2 ** 30;

/**
 * A file, opened; nothing of it is read yet.
 *
 * @throws TrainbookError if there is no such file; `expected` says what it should have been.
 */
export async function fileSource(path: string, expected: string): Promise<ByteSource> {
  const refuse = (cause: unknown): TrainbookError =>
    new TrainbookError({ what: `cannot read ${path}`, received: String(cause), expected, cause });
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (cause) {
    throw refuse(cause);
  }
  const status = await file.stat();
  if (!status.isFile()) {
    await file.close();
    throw refuse('not a file');
  }
  return {
    name: path,
    size: status.size,
    readInto: async (target, position) => {
      checkRange(path, status.size, position, target.length);
      let done = 0;
      while (done < target.length) {
        const length = Math.min(target.length - done, longestRead);
        let bytesRead: number;
        try {
          ({ bytesRead } = await file.read(target, done, length, position + done));
        } catch (cause) {
          throw refuse(cause);
        }
        if (bytesRead === 0) throw refuse(`it has become shorter: it ends at ${position + done}`);
        done += bytesRead;
      }
    },
    close: () => file.close(),
  };
}

/** Bytes in memory as a source; `name` stands in errors. */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.length,
    // eslint-disable-next-line @typescript-eslint/require-await -- its refusals are rejections
    readInto: async (target, position) => {
      checkRange(name, bytes.length, position, target.length);
      target.set(bytes.subarray(position, position + target.length));
    },
    close: () => Promise.resolve(),
  };
}

/** Some bytes of a source as an array of their own. */
export async function readBytes(source: ByteSource, position: number, length: number): Promise<Uint8Array> {
  checkRange(source.name, source.size, position, length); // before memory is taken
  const bytes = new Uint8Array(length);
  await source.readInto(bytes, position);
  return bytes;
}

/** Runs a reader on a source that it has opened: if the reader refuses, the source is closed. */
export async function closedOnRefusal<T>(source: ByteSource, read: (source: ByteSource) => Promise<T>): Promise<T> {
  try {
    return await read(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

function checkRange(name: string, size: number, position: number, length: number): void {
  if (Number.isSafeInteger(position) && position >= 0 && length >= 0 && position + length <= size) return;
  throw new TrainbookError({
    what: `${name} ends too early`,
    received: `${size} bytes`,
    expected: `${length} bytes from ${position} on`,
    fix: 'copy or download the file again',
  });
}
