import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { TrainbookError } from '../../error.js';
import { jsonValue } from '../read/json-value.js';
import { unpackLz4Block } from '../read/lz4.js';

/**
 * The rows of a Parquet file, a row group after another: memory grows with the largest group. Cells that are null are left out.
 *
 * @throws TrainbookError if the file is damaged or cut off.
 */
export async function* parquetRows(
  disk: string,
  path: string,
): AsyncGenerator<{ readonly row: number; readonly value: unknown }, undefined> {
  // Loaded only by who reads such a file.
  const [{ asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects }, { compressors }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet-compressors'),
  ]);
  const unpackers = {
    ...compressors,
    GZIP: (page: Uint8Array) => gunzipSync(page),
    BROTLI: (page: Uint8Array) => brotliDecompressSync(page),
    LZ4_RAW: unpackLz4Block,
  };
  let row = 0;
  try {
    const file = await asyncBufferFromFile(disk);
    const metadata = await parquetMetadataAsync(file);
    for (const group of metadata.row_groups) {
      const [rowStart, rowEnd] = [row, row + Number(group.num_rows)];
      const cells = await parquetReadObjects({ file, metadata, compressors: unpackers, rowStart, rowEnd });
      for (const each of cells) {
        const value = Object.fromEntries(
          Object.entries(each).flatMap(([name, cell]) => {
            const json = jsonValue(cell);
            return json === undefined ? [] : [[name, json]];
          }),
        );
        yield { row: ++row, value };
      }
    }
  } catch (cause) {
    throw new TrainbookError({
      what: 'the Parquet file is damaged or cut off',
      received: `${path}, after row ${row}: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: 'a whole Parquet file',
      fix: 'copy or download it again',
      cause,
    });
  }
}
