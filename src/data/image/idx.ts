import { TrainbookError } from '../../error.js';

/*
 * IDX, the format of MNIST: two zeros, the type of the numbers (8: unsigned bytes), the number of axes, their sizes as big-endian 32-bit
 * integers, and the numbers, the last axis fastest:
 *
 * 00 00 08 03  00 00 0b b8  00 00 00 1c  00 00 00 1c  00 00 00 01 …    3,000 images of 28 × 28
 * 00 00 08 01  00 00 0b b8  09 00 00 03 …                               3,000 labels
 */

/** Numbers of an IDX file. */
export interface Idx {
  readonly shape: readonly number[];
  readonly values: Uint8Array;
}

/**
 * Reads unsigned bytes in IDX.
 *
 * @throws TrainbookError if they are of another type, or there are more or fewer than the sizes say.
 * @example
 * const { shape, values } = readIdx(gunzipSync(await readFile('train-images-idx3-ubyte.gz'))); // [60000, 28, 28]
 */
export function readIdx(bytes: Uint8Array, source = 'the file'): Idx {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const refuse = (received: string): TrainbookError =>
    new TrainbookError({
      what: `${source} does not hold unsigned bytes in IDX`,
      received,
      expected: 'the bytes 00 00 08 and the number of axes, their sizes, and as many bytes as these say',
      fix: 'copy or download the file again; unpack it first if it is packed',
    });
  if (bytes.length < 4 || view.getUint16(0) !== 0 || view.getUint8(2) !== 8 || view.getUint8(3) === 0) {
    throw refuse(`${bytes.length} bytes that begin with ${Buffer.from(bytes.subarray(0, 4)).toString('hex')}`);
  }
  const axes = view.getUint8(3);
  const start = 4 + 4 * axes;
  if (bytes.length < start) throw refuse(`${bytes.length} bytes, ${axes} axes`);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((product, length) => product * length, 1);
  if (bytes.length - start !== size) throw refuse(`${bytes.length - start} numbers for [${shape.join(', ')}]`);
  return { shape, values: bytes.subarray(start) };
}
