import { createReadStream } from 'node:fs';
import { TrainbookError } from '../../error.js';

/** The bytes of a file, a part after another: nothing that reads holds more than a few of them. */
export type Chunks = AsyncIterable<Buffer>;

/** Bytes read from disk at a time. */
const chunkBytes = 1_048_576;

/**
 * The bytes of a file from disk.
 *
 * @throws TrainbookError if it is not there or may not be read.
 */
export async function* readBytes(path: string): AsyncGenerator<Buffer, undefined> {
  try {
    yield* createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>;
  } catch (cause) {
    if (cause instanceof TrainbookError) throw cause;
    throw new TrainbookError({
      what: 'load: cannot read the file',
      received: path,
      expected: 'a file that may be read',
      fix: String(cause),
      cause,
    });
  }
}
