import { open } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { TrainbookError } from '../../error.js';
import type { FormatReader, OpenFile } from './found.js';
import { jsonValue } from './json-value.js';
import { unpackLz4Block } from './lz4.js';
import { rowDocument } from './row.js';
import type { Row } from './row.js';
import { compressionOf } from './unpack.js';

/**
 * Reads Parquet, a row group after another, from disk by ranges: memory grows with the largest row group and not with the file. Of many
 * columns only those are read that are asked for by `{ fields, meta }`. A cell that is null is as if it were not there.
 */
export const readParquet: FormatReader = async function* (file) {
  if (compressionOf(file.path).compression !== undefined) {
    throw new TrainbookError({
      what: 'load: Parquet is read by ranges, and cannot be packed as a whole',
      received: file.path,
      expected: 'a .parquet file: its pages are compressed already',
      fix: 'unpack it',
    });
  }
  const [{ parquetMetadataAsync, parquetReadObjects, parquetSchema }, { compressors }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet-compressors'),
  ]);
  const unpackers = {
    ...compressors,
    GZIP: (page: Uint8Array) => gunzipSync(page), // Node's is in C
    BROTLI: (page: Uint8Array) => brotliDecompressSync(page),
    LZ4_RAW: unpackLz4Block, // hyparquet-compressors 1.1.2 refuses blocks that pyarrow writes ("offset out of range")
  };
  const handle = await open(file.disk, 'r');
  try {
    const { size } = await handle.stat();
    if (size === 0)
      throw new TrainbookError({ what: 'load: the file is empty', received: file.path, expected: 'Parquet' });
    const ranges: AsyncBuffer = {
      byteLength: size,
      slice: async (start, end = size) => {
        const from = start < 0 ? size + start : start;
        const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - from));
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
        if (bytesRead !== bytes.length) throw new Error(`${bytes.length} bytes at ${from} are not there`);
        return bytes.buffer;
      },
    };
    const metadata = await orDamaged(file, 'its footer', () => parquetMetadataAsync(ranges));
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    const columns = wantedColumns(file, names);
    let start = 0;
    for (const [index, group] of metadata.row_groups.entries()) {
      const end = start + Number(group.num_rows);
      const rows = await orDamaged(
        file,
        `row group ${index + 1} of ${metadata.row_groups.length} (rows ${start + 1} to ${end})`,
        () =>
          parquetReadObjects({
            file: ranges,
            metadata,
            compressors: unpackers,
            rowStart: start,
            rowEnd: end,
            ...(columns === undefined ? {} : { columns: [...columns] }),
          }),
      );
      checkRows(file, rows.length, end - start, metadata);
      yield rows.map((cells, at) => {
        const row = present(jsonValue(cells) as Row);
        return rowDocument(file, row, start + at + 1, () => JSON.stringify(row));
      });
      start = end;
    }
  } finally {
    await handle.close();
  }
};

/** The cells that are not null. */
function present(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([, cell]) => cell !== null));
}

/** The columns to read; undefined for all. */
export function wantedColumns({ path, options }: OpenFile, names: readonly string[]): readonly string[] | undefined {
  const { text = 'text', title = 'title', domain = 'domain', language = 'language' } = options.fields ?? {};
  if (!names.includes(text)) {
    throw new TrainbookError({
      what: `load: ${path} has no column ${text}`,
      received: names.join(', '),
      expected: 'a column of texts',
      fix: `name it, such as { fields: { text: '${names[0] ?? 'content'}' } }`,
    });
  }
  if (options.meta === undefined) return undefined;
  const wanted = new Set([text, title, domain, language, ...options.meta]);
  return names.filter((name) => wanted.has(name));
}

function checkRows({ path }: OpenFile, received: number, stated: number, { num_rows }: FileMetaData): void {
  if (received === stated) return;
  throw new TrainbookError({
    what: `load: ${path} has not the rows that it states`,
    received: `${received} rows in a group of ${stated}`,
    expected: `${num_rows} rows in all`,
    fix: 'copy or download it again',
  });
}

async function orDamaged<T>({ path }: OpenFile, where: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new TrainbookError({
      what: `load: the Parquet file is damaged or cut off: ${where}`,
      received: `${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: 'a whole Parquet file',
      fix: 'copy or download it again',
      cause,
    });
  }
}
