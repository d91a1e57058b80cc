import { createHash } from 'node:crypto';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { replaceAtomic } from '../files.js';

/*
 * shards/
 *   shards.json           written last: a folder that has it is whole
 *   shard-00000.tokens    8 bytes, the length n of the header (little-endian); n bytes of JSON; the tokens; uint32 ends of documents
 *
 * shards.json:  {"format":1,"dtype":"uint16","vocabularySize":4097,"endOfText":4096,"tokenizer":"<hash>",
 *                "shards":[{"file":"shard-00000.tokens","numTokens":9,"numDocuments":2,"numBytes":21,"hash":"<hash>"}]}
 * the header:   {"format":"trainbook tokens 1","dtype":"uint16","vocabularySize":4097,"endOfText":4096,"tokenizer":"<hash>",
 *                "numTokens":9,"numDocuments":2,"numBytes":21}
 *
 * Tokens: those of each document and its end of text. `numTokens` counts the ends too; `numBytes` is the UTF-8 text. ends[i] is
 * where document i + 1 begins, so the last one is numTokens. `tokenizer` is the hash of its `json`. All is little-endian.
 */

/** What all shards of a folder have in common. */
const encodingSchema = z.strictObject({
  dtype: z.enum(['uint16', 'uint32']),
  vocabularySize: z.int().positive(),
  endOfText: z.int().nonnegative(),
  tokenizer: z.string(),
});
const countsSchema = z.strictObject({
  numTokens: z.int().positive(),
  numDocuments: z.int().positive(),
  numBytes: z.int().nonnegative(),
});
const headerSchema = z.strictObject({
  format: z.literal('trainbook tokens 1'),
  ...encodingSchema.shape,
  ...countsSchema.shape,
});
/** What `shards.json` holds. */
export const indexSchema = z.strictObject({
  format: z.literal(1),
  ...encodingSchema.shape,
  shards: z
    .array(
      z.strictObject({ file: z.string().regex(/^shard-\d{5,}\.tokens$/), ...countsSchema.shape, hash: z.string() }),
    )
    .min(1),
});

export type ShardsIndex = z.output<typeof indexSchema>;
export type ShardEntry = ShardsIndex['shards'][number];
export type Encoding = z.output<typeof encodingSchema>;

/** The file that lists the shards of a folder. */
export const indexName = 'shards.json';

/** The longest header that is read: a hostile length must not fill memory. */
const longestHeader = 65_536;

export const tokenArrays = { uint16: Uint16Array, uint32: Uint32Array } as const;

/** Writes a shard, whole or not at all. */
export async function writeShard(
  path: string,
  file: string,
  encoding: Encoding,
  contents: { readonly tokens: Uint16Array | Uint32Array; readonly ends: Uint32Array; readonly numBytes: number },
): Promise<ShardEntry> {
  const { tokens, ends, numBytes } = contents;
  const counts = { numTokens: tokens.length, numDocuments: ends.length, numBytes };
  const text = JSON.stringify({ format: 'trainbook tokens 1', ...encoding, ...counts });
  const header = Buffer.from(text + ' '.repeat((8 - (text.length % 8)) % 8)); // tokens start at a multiple of 8
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const parts = [length, header, bytesOf(tokens), bytesOf(ends)];
  await replaceAtomic(path, parts);
  const sha = createHash('sha256');
  for (const part of parts) sha.update(part);
  return { file, ...counts, hash: sha.digest('hex').slice(0, 32) };
}

function bytesOf(array: Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Gives `numBytes` bytes of a file from `start` on, or fewer where it ends. */
export type ReadBytes = (start: number, numBytes: number) => Uint8Array;

/**
 * Looks at a shard's header, size and last end of a document; gives where its tokens begin.
 *
 * @throws TrainbookError if it is cut short, is no shard, or another one than the list says.
 */
export function checkShard(path: string, size: number, read: ReadBytes, encoding: Encoding, entry: ShardEntry): number {
  const refuse = (problem: string, expected: string): TrainbookError => damaged(path, problem, expected);
  if (size < 8) throw refuse(`it has ${size} bytes`, 'at least 8');
  const length = Number(Buffer.from(read(0, 8)).readBigUInt64LE());
  if (length > longestHeader) throw refuse(`its header claims ${length} bytes`, `at most ${longestHeader}`);
  const text = read(8, length);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    throw refuse('its header is not JSON', 'a JSON object');
  }
  const header = headerSchema.safeParse(json);
  if (!header.success) throw refuse('its header is malformed', z.prettifyError(header.error));
  const { file: _file, hash: _hash, ...counts } = entry;
  const listed: Record<string, unknown> = { ...encoding, ...counts };
  for (const [name, value] of Object.entries(header.data)) {
    if (name !== 'format' && listed[name] !== value) {
      throw refuse(`its ${name} is ${value}`, `${String(listed[name])}, as ${indexName} says`);
    }
  }
  const start = 8 + length;
  const { numTokens, numDocuments } = entry;
  const whole = start + numTokens * tokenArrays[encoding.dtype].BYTES_PER_ELEMENT + 4 * numDocuments;
  if (size !== whole) throw refuse(`it has ${size} bytes`, `${whole}`);
  const lastEnd = Buffer.from(read(whole - 4, 4)).readUInt32LE();
  if (lastEnd !== numTokens) throw refuse(`its last document ends at ${lastEnd}`, `${numTokens}`);
  return start;
}

/** The error for a file that is not what was written. */
export function damaged(path: string, problem: string, expected: string): TrainbookError {
  return new TrainbookError({
    what: `${path} is not a whole shard: ${problem}`,
    expected,
    fix: 'copy the folder again, or write the shards again',
  });
}
