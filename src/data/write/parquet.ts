import { gzipSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { batchesOf } from './batches.js';
import type { Encoder } from './encoders.js';
import { zstdOfNode } from './pack.js';

/** Parquet, a row group a batch, its pages compressed by Snappy (or as is asked for). */
export const encodeParquet: Encoder = async function* (documents, compression) {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const zstd = compression === 'zstd' ? zstdOfNode().zstdCompressSync : undefined;
  const bytes = new ByteWriter();
  const writer = new ParquetWriter({
    writer: bytes,
    schema,
    codec:
      compression === 'gzip'
        ? 'GZIP'
        : zstd !== undefined
          ? 'ZSTD'
          : compression === 'none'
            ? 'UNCOMPRESSED'
            : 'SNAPPY',
    compressors: { GZIP: (page) => gzipSync(page), ...(zstd === undefined ? {} : { ZSTD: (page) => zstd(page) }) },
    statistics: false, // of texts they are useless
    createdBy: 'trainbook',
  });
  const taken = (): Uint8Array => {
    const part = bytes.getBytes().slice();
    bytes.index = 0; // `offset` goes on: places in the file
    return part;
  };
  for await (const columns of batchesOf(documents)) {
    await writer.write({
      columnData: names.map((name) => ({ name, data: columns[name] })),
      rowGroupSize: columns.id.length,
    });
    yield taken();
  }
  await writer.finish();
  yield taken();
};

const names = ['id', 'text', 'source', 'domain', 'language', 'title', 'meta'] as const;

const schema: SchemaElement[] = [
  { name: 'root', num_children: names.length },
  ...names.map((name, index) => ({
    name,
    type: 'BYTE_ARRAY' as const,
    converted_type: 'UTF8' as const,
    repetition_type: index < 4 ? ('REQUIRED' as const) : ('OPTIONAL' as const),
  })),
];
