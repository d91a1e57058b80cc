import { TrainbookError } from '../../error.js';
import type { OpenFile } from './found.js';
import { defaultLargestRow } from './options.js';
import type { Chunks } from './bytes.js';

/** The bytes of a file that is one document; undefined if they are more than a document may have. */
export async function wholeFile({ path, options }: OpenFile, chunks: Chunks): Promise<Buffer | undefined> {
  const { largestRow = defaultLargestRow } = options;
  const parts: Buffer[] = [];
  let numBytes = 0;
  for await (const chunk of chunks) {
    numBytes += chunk.length;
    if (numBytes > largestRow) return undefined;
    parts.push(chunk);
  }
  if (numBytes === 0) throw new TrainbookError({ what: 'load: the file is empty', received: path, expected: 'text' });
  return Buffer.concat(parts);
}
