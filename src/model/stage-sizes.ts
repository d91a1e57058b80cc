import { TrainbookError } from '../error.js';

/**
 * The size of each part: as even as can be, the first ones larger, or as given.
 *
 * @throws TrainbookError if a part is empty, or the parts together are not the whole.
 */
export function parseSizes(what: string, sizes: number | readonly number[], total: number, units: string): number[] {
  const parts =
    typeof sizes === 'number'
      ? Array.from({ length: sizes }, (_, part) => Math.floor((total + sizes - 1 - part) / sizes))
      : [...sizes];
  const sum = parts.reduce((a, b) => a + b, 0);
  if (sum === total && parts.length > 0 && parts.every((size) => Number.isInteger(size) && size > 0)) return parts;
  throw new TrainbookError({
    what: `${what}: these parts are not the network`,
    received: typeof sizes === 'number' ? `${sizes} parts` : `${units} [${sizes.join(', ')}]`,
    expected: `at most ${total} parts, with ${total} ${units} together and at least one each`,
  });
}
