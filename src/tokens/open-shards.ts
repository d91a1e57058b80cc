import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { hash, hashFile, readJson } from '../files.js';
import { checkShard, damaged, indexName, indexSchema, tokenArrays } from './shard-file.js';
import type { ShardEntry, ShardsIndex } from './shard-file.js';
import type { Tokenizer } from './tokenizer.js';

/**
 * Tokens on disk, as one stream: end of text, then document after document, each with its end of text. Only what is asked for is
 * read; in memory is a line for each shard.
 */
export interface Shards {
  /** Tokens of all documents with their ends: the targets of an epoch. The stream has one more, the end of text before them. */
  readonly numTokens: number;
  readonly numDocuments: number;
  /** UTF-8 bytes of the text. */
  readonly numBytes: number;
  readonly numShards: number;
  readonly vocabularySize: number;
  readonly endOfText: number;
  /** The hash of the tokenizer's `json`. */
  readonly tokenizer: string;
  /** Fills `into` with the tokens of the stream from `start` on. */
  read(start: number, into: Int32Array): void;
  /** The tokens of a document, without its end. */
  document(index: number): Int32Array;
  /** The document that the target at a place, from 0 to numTokens − 1, belongs to: its tokens and its end. */
  documentAt(place: number): number;
  /** Closes the files; a later read opens them again. */
  close(): void;
}

export interface OpenShardsOptions {
  /** The tokenizer that the shards must have been written with. */
  readonly tokenizer?: Tokenizer;
  /** Reads all shards once and compares their hashes; else only sizes and headers are looked at. */
  readonly checkHashes?: boolean;
}

/** Files that are open at a time. */
const mostOpen = 64;

/**
 * Opens a folder that `writeShards` made.
 *
 * @throws TrainbookError if the folder is not whole: a file is missing, cut short, or not what `shards.json` says; or if the
 *   shards are of another tokenizer. Later, while reading, if a token is not one of the vocabulary.
 * @example
 * const shards = await openShards('shards', { tokenizer });
 * tokenizer.decode(shards.document(0));
 */
export async function openShards(folder: string, options: OpenShardsOptions = {}): Promise<Shards> {
  const { tokenizer, checkHashes = false } = options;
  const index = await readIndex(folder);
  if (tokenizer && hash(tokenizer.json) !== index.tokenizer) {
    throw new TrainbookError({
      what: `openShards: ${folder} was written with another tokenizer`,
      received: index.tokenizer,
      expected: hash(tokenizer.json),
      fix: 'write the shards again with this tokenizer',
    });
  }
  const files = openFiles(folder);
  const starts: number[] = [];
  try {
    for (const entry of index.shards) {
      const path = join(folder, entry.file);
      const read = (start: number, numBytes: number): Uint8Array => files.read(entry.file, start, numBytes);
      starts.push(checkShard(path, files.size(entry.file), read, index, entry));
      if (checkHashes && (await hashFile(path)) !== entry.hash) throw damaged(path, 'its hash is another', entry.hash);
    }
  } catch (cause) {
    files.close();
    throw cause;
  }
  return shardsOf(folder, index, starts, files);
}

async function readIndex(folder: string): Promise<ShardsIndex> {
  const path = join(folder, indexName);
  const index = indexSchema.safeParse(await readJson(path));
  if (index.success) return encodable(index.data, path);
  throw damagedIndex(path, z.prettifyError(index.error));
}

function encodable(index: ShardsIndex, path: string): ShardsIndex {
  const { dtype, vocabularySize, endOfText, shards } = index;
  if (endOfText >= vocabularySize) throw damagedIndex(path, `endOfText ${endOfText} of ${vocabularySize} tokens`);
  if (vocabularySize > 2 ** 31 || (dtype === 'uint16' && vocabularySize > 2 ** 16)) {
    throw damagedIndex(path, `${vocabularySize} tokens in ${dtype}`);
  }
  if (new Set(shards.map(({ file }) => file)).size < shards.length) throw damagedIndex(path, 'a shard stands twice');
  return index;
}

function damagedIndex(path: string, received: string): TrainbookError {
  return new TrainbookError({
    what: `${path} is not a list of shards`,
    received,
    expected: 'what writeShards has written',
    fix: 'write the shards again',
  });
}

function shardsOf(folder: string, index: ShardsIndex, starts: readonly number[], files: OpenFiles): Shards {
  const { dtype, vocabularySize, endOfText, tokenizer, shards } = index;
  const TokenArray = tokenArrays[dtype];
  const width = TokenArray.BYTES_PER_ELEMENT;
  const tokensBefore = runningSums(shards.map(({ numTokens }) => numTokens));
  const documentsBefore = runningSums(shards.map(({ numDocuments }) => numDocuments));
  const numTokens = tokensBefore.at(-1) ?? 0;
  const numDocuments = documentsBefore.at(-1) ?? 0;

  /** Fills `into` with the tokens of one shard from `from` on. */
  const readShard = (number: number, from: number, into: Int32Array): void => {
    const { file } = shards[number] as ShardEntry;
    const bytes = files.read(file, (starts[number] ?? 0) + from * width, into.length * width);
    into.set(new TokenArray(bytes.buffer));
    const unknown = into.find((token) => token < 0 || token >= vocabularySize);
    if (unknown !== undefined) {
      throw damaged(join(folder, file), `it has the token ${unknown}`, `ids from 0 to ${vocabularySize - 1}`);
    }
  };
  /** Where the documents of a shard end, read one at a time. */
  const endsOf = (number: number): ((own: number) => number) => {
    const { file, numTokens: size } = shards[number] as ShardEntry;
    const ends = (starts[number] ?? 0) + size * width;
    return (own) => Buffer.from(files.read(file, ends + 4 * own, 4)).readUInt32LE();
  };
  return {
    numTokens,
    numDocuments,
    numBytes: shards.reduce((sum, { numBytes }) => sum + numBytes, 0),
    numShards: shards.length,
    vocabularySize,
    endOfText,
    tokenizer,
    read(start, into) {
      checkRange('read', start, start + into.length, numTokens + 1);
      let done = 0;
      if (start === 0 && into.length > 0) into[done++] = endOfText;
      while (done < into.length) {
        const at = start + done - 1; // the stream's first token is in no shard
        const number = placeOf(tokensBefore, at);
        const length = Math.min(into.length - done, (tokensBefore[number + 1] ?? 0) - at);
        readShard(number, at - (tokensBefore[number] ?? 0), into.subarray(done, done + length));
        done += length;
      }
    },
    document(place) {
      checkRange('document', place, place + 1, numDocuments);
      const number = placeOf(documentsBefore, place);
      const { file, numTokens: size } = shards[number] as ShardEntry;
      const own = place - (documentsBefore[number] ?? 0);
      const readEnd = endsOf(number);
      const from = own === 0 ? 0 : readEnd(own - 1);
      const to = readEnd(own);
      if (from >= to || to > size) {
        throw damaged(join(folder, file), `document ${own} is from ${from} to ${to}`, `within ${size} tokens`);
      }
      const tokens = new Int32Array(to - from);
      readShard(number, from, tokens);
      return tokens.subarray(0, -1);
    },
    documentAt(place) {
      checkRange('documentAt', place, place + 1, numTokens);
      const number = placeOf(tokensBefore, place);
      const readEnd = endsOf(number);
      const at = place - (tokensBefore[number] ?? 0);
      let low = 0; // the first document that ends after the place, by halving
      let high = (shards[number] as ShardEntry).numDocuments - 1;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (readEnd(middle) > at) high = middle;
        else low = middle + 1;
      }
      return (documentsBefore[number] ?? 0) + low;
    },
    close: files.close,
  };
}

interface OpenFiles {
  size(file: string): number;
  /** These bytes, at the start of a buffer of their own; an error if the file ends before. */
  read(file: string, start: number, numBytes: number): Uint8Array<ArrayBuffer>;
  readonly close: () => void;
}

/** Files of a folder, opened when they are read; of too many, the one that was opened first is closed. */
function openFiles(folder: string): OpenFiles {
  const open = new Map<string, number>();
  const descriptor = (file: string): number => {
    const found = open.get(file);
    if (found !== undefined) return found;
    const [oldest] = open;
    if (oldest && open.size >= mostOpen) {
      closeSync(oldest[1]);
      open.delete(oldest[0]);
    }
    let opened: number;
    try {
      opened = openSync(join(folder, file), 'r');
    } catch (cause) {
      throw new TrainbookError({
        what: `cannot read ${join(folder, file)}`,
        received: String(cause),
        expected: 'a shard that shards.json lists',
        fix: 'copy the folder again, or write the shards again',
        cause,
      });
    }
    open.set(file, opened);
    return opened;
  };
  return {
    size: (file) => fstatSync(descriptor(file)).size,
    read(file, start, numBytes) {
      const bytes = new Uint8Array(numBytes);
      for (let done = 0; done < numBytes;) {
        const count = readSync(descriptor(file), bytes, done, numBytes - done, start + done);
        if (count === 0) throw damaged(join(folder, file), `it ends at ${start + done}`, `${start + numBytes} bytes`);
        done += count;
      }
      return bytes;
    },
    close() {
      for (const file of open.values()) closeSync(file);
      open.clear();
    },
  };
}

/** 0, then the sums of the first 1, 2, … numbers. */
function runningSums(numbers: readonly number[]): number[] {
  const sums = [0];
  for (const number of numbers) sums.push((sums.at(-1) ?? 0) + number);
  return sums;
}

/** The last i with sums[i] ≤ value, by halving. */
function placeOf(sums: readonly number[], value: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((sums[middle] ?? 0) <= value) low = middle;
    else high = middle;
  }
  return low;
}

function checkRange(what: string, from: number, to: number, size: number): void {
  if (Number.isInteger(from) && from >= 0 && to <= size) return;
  throw new TrainbookError({
    what: `shards: ${what} lies outside of them`,
    received: `${from} to ${to}`,
    expected: `within 0 to ${size}`,
  });
}
