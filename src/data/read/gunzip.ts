import { gunzipSync } from 'node:zlib';
import { TrainbookError } from '../../error.js';

/**
 * The contents of a gzipped file.
 *
 * @param who What the error begins with, such as `load`.
 * @throws TrainbookError if it is damaged or ends too early.
 */
export function gunzip(who: string, bytes: Uint8Array, path: string): Buffer {
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    throw new TrainbookError({
      what: `${who}: the gzip file is damaged or cut off`,
      received: `${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: 'a whole gzip file',
      fix: 'copy or download it again',
      cause,
    });
  }
}
