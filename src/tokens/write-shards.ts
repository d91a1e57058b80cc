import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { epochsOf, withRepeats } from '../data/mix/with-repeats.js';
import { TrainbookError } from '../error.js';
import { hash, writeAtomic } from '../files.js';
import { openShards } from './open-shards.js';
import type { Shards } from './open-shards.js';
import { indexName, tokenArrays, writeShard } from './shard-file.js';
import type { Encoding, ShardEntry, ShardsIndex } from './shard-file.js';
import type { Tokenizer } from './tokenizer.js';

interface Text {
  readonly text: string;
  readonly meta?: Readonly<Record<string, unknown>>;
}

export interface WriteShardsOptions {
  /** A shard ends with the document that reaches this many tokens; 2²⁶ by default, 128 MB of 16-bit tokens. */
  readonly tokensPerShard?: number;
}

/**
 * Encodes documents, one after another, and writes their tokens as shards: files of about `tokensPerShard` tokens of 16 bits, or
 * of 32 where the vocabulary has more than 65,536. One shard and one document are in memory at a time, however many documents
 * come; an array of them is written with the repeats that `mix` gave it (`meta.epochs`), which a stream cannot have. A folder without `shards.json` is not whole: what a run that was killed has left there is written anew.
 *
 * @throws TrainbookError if there are no documents, the folder has shards already, an option is out of range, or a document of a
 *   stream is to be taken several times.
 * @example
 * const shards = await writeShards(corpus.documents, tokenizer, 'shards');
 */
export async function writeShards(
  documents: Iterable<Text> | AsyncIterable<Text>,
  tokenizer: Tokenizer,
  folder: string,
  { tokensPerShard = 2 ** 26 }: WriteShardsOptions = {},
): Promise<Shards> {
  if (!Number.isInteger(tokensPerShard) || tokensPerShard < 1 || tokensPerShard > 2 ** 31) {
    throw new TrainbookError({
      what: 'writeShards: tokensPerShard is out of range',
      received: tokensPerShard,
      expected: 'an integer from 1 to 2^31',
    });
  }
  await prepare(folder);
  const encoding: Encoding = {
    dtype: tokenizer.size <= 2 ** 16 ? 'uint16' : 'uint32',
    vocabularySize: tokenizer.size,
    endOfText: tokenizer.endOfText,
    tokenizer: hash(tokenizer.json),
  };
  const entries: ShardEntry[] = [];
  let shard = emptyShard(encoding);
  const write = async (): Promise<void> => {
    const file = `shard-${String(entries.length).padStart(5, '0')}.tokens`;
    entries.push(await writeShard(join(folder, file), file, encoding, shard.contents()));
    shard = emptyShard(encoding);
  };
  for await (const document of isArray(documents) ? withRepeats(documents) : documents) {
    if (epochsOf(document) > 1) throw repeatedInStream(epochsOf(document));
    const { text } = document;
    shard.add(tokenizer.encode(text), Buffer.byteLength(text));
    if (shard.numTokens() >= tokensPerShard) await write();
  }
  if (shard.numTokens() > 0) await write();
  if (entries.length === 0) {
    throw new TrainbookError({ what: 'writeShards: there are no documents', received: 0, expected: 'at least one' });
  }
  const index: ShardsIndex = { format: 1, ...encoding, shards: entries };
  await writeAtomic(join(folder, indexName), `${JSON.stringify(index, undefined, 2)}\n`);
  return openShards(folder);
}

/** `Array.isArray` does not know of arrays that are not to be changed. */
function isArray(documents: object): documents is readonly Text[] {
  return Array.isArray(documents);
}

function repeatedInStream(epochs: number): TrainbookError {
  return new TrainbookError({
    what: 'writeShards: a document of a stream is to be taken several times',
    received: `meta.epochs: ${epochs}`,
    expected: 'documents that come once, or an array, whose repeats are written after all the others',
    fix: 'give an array, or mix without `epochs`',
  });
}

/** Makes the folder; refuses one that is whole; removes shards that a killed run has left. */
async function prepare(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const whole = await access(join(folder, indexName)).then(
    () => true,
    () => false,
  );
  if (whole) {
    throw new TrainbookError({
      what: `writeShards: ${folder} has shards already`,
      received: indexName,
      expected: 'a folder without shards',
      fix: 'give another folder, or remove this one',
    });
  }
  for (const name of await readdir(folder)) {
    if (/^shard-\d{5,}\.tokens(\.[0-9a-f]{12}\.tmp)?$/.test(name)) await rm(join(folder, name));
  }
}

/** A shard that grows. */
function emptyShard({ dtype, endOfText }: Encoding) {
  const TokenArray = tokenArrays[dtype];
  let tokens = new TokenArray(1024);
  let length = 0;
  let numBytes = 0;
  const ends: number[] = [];
  return {
    numTokens: () => length,
    add(ids: readonly number[], textBytes: number): void {
      const end = length + ids.length + 1;
      if (end > tokens.length) {
        const longer = new TokenArray(Math.max(2 * tokens.length, end));
        longer.set(tokens);
        tokens = longer;
      }
      tokens.set(ids, length);
      tokens[end - 1] = endOfText;
      length = end;
      numBytes += textBytes;
      ends.push(end);
    },
    contents: () => ({ tokens: tokens.subarray(0, length), ends: Uint32Array.from(ends), numBytes }),
  };
}
