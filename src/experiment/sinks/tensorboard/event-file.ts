import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TrainbookError } from '../../../error.js';

/**
 * Appends bytes to a file of which `length` bytes are known to be written, though a process that was killed may have written some
 * of the same bytes already: those are not written again. What stands in the file is never changed: TensorBoard may be reading it.
 *
 * @throws TrainbookError if something else stands there
 */
export async function appendOnce(path: string, length: number, bytes: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a+');
  try {
    const { size } = await file.stat();
    const written = Buffer.alloc(Math.max(0, size - length));
    await file.read(written, 0, written.length, length);
    if (size < length || !bytes.subarray(0, written.length).equals(written)) {
      throw new TrainbookError({
        what: 'tensorboard: a file of events was changed by another program',
        received: `${path}: ${size} bytes, of which ${length} are ours`,
        expected: 'a file that we alone append to',
        fix: 'remove the folder that it lies in: all is written again',
      });
    }
    await file.writeFile(bytes.subarray(written.length));
    await file.sync();
  } finally {
    await file.close();
  }
}
