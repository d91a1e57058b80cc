import { TrainbookError } from '../../error.js';
import { checkNames } from './read-columns.js';
import type { FoundColumns } from './read-columns.js';

/**
 * The columns of a Parquet file (Apache Parquet, format 2), with all its compressions. Times become `Date`s.
 *
 * @throws TrainbookError if the file is cut off or damaged, or two columns have one name.
 */
export async function parseParquet(bytes: Uint8Array, path: string): Promise<FoundColumns> {
  const ends = [bytes.subarray(0, 4), bytes.subarray(-4)].map((end) => Buffer.from(end).toString('latin1'));
  if (bytes.length < 12 || ends.some((end) => end !== 'PAR1')) throw damaged('Parquet', bytes, path, 'PAR1');
  // Loaded only by who reads such a file.
  const [{ parquetMetadataAsync, parquetRead, parquetSchema }, { compressors }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet-compressors'),
  ]);
  const buffer = new Uint8Array(bytes).buffer;
  const file = { byteLength: bytes.length, slice: (start: number, end?: number) => buffer.slice(start, end) };
  try {
    const metadata = await parquetMetadataAsync(file);
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    checkNames(names, path);
    let rows: unknown[][] = [];
    await parquetRead({ file, metadata, compressors, onComplete: (all) => (rows = all) });
    if (rows.length !== Number(metadata.num_rows)) throw new Error(`${rows.length} of ${metadata.num_rows} rows`);
    return new Map(names.map((name, column) => [name, rows.map((row) => row[column])]));
  } catch (cause) {
    if (cause instanceof TrainbookError) throw cause;
    throw damaged('Parquet', bytes, path, 'PAR1', cause);
  }
}

/** How a stream of Arrow ends: a message of length 0. */
const END_OF_STREAM = Buffer.from([255, 255, 255, 255, 0, 0, 0, 0]);

/**
 * The columns of an Arrow file or stream (Arrow IPC, Feather 2) without compression. Times become `Date`s.
 *
 * @throws TrainbookError if it is cut off, damaged or compressed, or two columns have one name.
 */
export async function parseArrow(bytes: Uint8Array, path: string): Promise<FoundColumns> {
  const isFile = Buffer.from(bytes.subarray(0, 6)).toString('latin1') === 'ARROW1';
  const isWhole = isFile
    ? Buffer.from(bytes.subarray(-6)).toString('latin1') === 'ARROW1' && bytes.length > 12
    : bytes.length > 8 && END_OF_STREAM.equals(bytes.subarray(-8));
  if (!isWhole) throw damaged('Arrow', bytes, path, 'ARROW1');
  const { tableFromIPC } = await import('@uwdata/flechette');
  try {
    const table = tableFromIPC(bytes, { useBigInt: true, useDate: true });
    const names = table.schema.fields.map(({ name }) => name);
    checkNames(names, path);
    return new Map(names.map((name, at) => [name, [...table.getChildAt(at)] as unknown[]]));
  } catch (cause) {
    if (cause instanceof TrainbookError) throw cause;
    throw damaged('Arrow', bytes, path, 'ARROW1', cause);
  }
}

function damaged(format: string, bytes: Uint8Array, path: string, mark: string, cause?: unknown): TrainbookError {
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  const compressed = reason.includes('compress');
  return new TrainbookError({
    what: compressed
      ? `readTable: this ${format} file is compressed in a way that is not read`
      : `readTable: this ${format} file is damaged or cut off`,
    received: `${path}, ${bytes.length} bytes${reason}`,
    expected: `a whole ${format} file${format === 'Parquet' ? `, from ${mark} to ${mark}` : ''}`,
    fix: compressed ? 'write it without compression' : 'copy or write it again',
    ...(cause === undefined ? {} : { cause }),
  });
}
