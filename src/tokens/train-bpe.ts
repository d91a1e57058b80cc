import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { silent } from '../progress.js';
import type { OnProgress } from '../progress.js';
import { byteLevelBpe } from './byte-level-bpe.js';
import { byteCharacters, byteLevel, wordPattern } from './byte-level.js';
import { END_OF_TEXT } from './tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

/** The alphabet of bytes and the end of text: the smallest vocabulary. */
const SMALLEST = 257;

/** The trainer of `tokenizers` 0.23.2 for Node always learns a vocabulary of 30,000, of which up to 256 are bytes. */
const LARGEST = 30_000;

/** The schema of the tokenizer's options in a config. */
export const bpeOptions = z.strictObject({
  /** Tokens in all: 256 bytes, `<|endoftext|>`, and merges. */
  vocabularySize: z.int().min(SMALLEST).max(LARGEST),
});

export type BpeOptions = z.infer<typeof bpeOptions>;

/**
 * Learns a byte-level BPE tokenizer: starting from bytes, again and again the pair of neighbouring tokens that is most frequent
 * in the words of all documents becomes a token (of equally frequent pairs the one whose tokens came first), until there
 * are `vocabularySize`. Ids: 0 is `<|endoftext|>`, 1 to 256 the bytes in the order of their characters, then the merges.
 * It is the tokenizer that Hugging Face's `BpeTrainer(vocab_size, special_tokens=['<|endoftext|>'],
 * initial_alphabet=ByteLevel.alphabet())` gives for the same documents.
 *
 * The work is done by the `tokenizers` package in a process of its own: the event loop stays free.
 *
 * @throws TrainbookError if the size is below 257 or above 30,000, or if the documents have too few different words for it.
 * @example
 * const tokenizer = await trainBpe(corpus.train, { vocabularySize: 4096 });
 */
export async function trainBpe(
  corpus: { readonly documents: readonly { readonly text: string }[] },
  { vocabularySize }: BpeOptions,
  progress: OnProgress = silent,
): Promise<Tokenizer> {
  if (!Number.isInteger(vocabularySize) || vocabularySize < SMALLEST || vocabularySize > LARGEST) {
    throw new TrainbookError({
      what: 'trainBpe: no such size of vocabulary',
      received: vocabularySize,
      expected: `an integer from ${SMALLEST} (256 bytes and ${END_OF_TEXT}) to ${LARGEST}`,
      fix: '4,096 suits a few megabytes of text',
    });
  }
  const folder = await mkdtemp(join(tmpdir(), 'trainbook-bpe-'));
  try {
    await writeWords(corpus.documents, join(folder, 'words.txt'), progress);
    await learnMerges(join(folder, 'words.txt'), join(folder, 'tokenizer.json'));
    const learnt = learntSchema.parse(JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')));
    progress({ task: 'train the tokenizer', done: 2, total: 2, note: `${learnt.model.merges.length} merges` });
    return firstMerges(learnt.model.merges, vocabularySize);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const learntSchema = z.object({ model: z.object({ merges: z.array(z.tuple([z.string(), z.string()])) }) });

/** The tokenizer of the first merges: those by which the vocabulary grows to `vocabularySize`. */
function firstMerges(merges: readonly (readonly [string, string])[], vocabularySize: number): Tokenizer {
  const vocab = new Map([END_OF_TEXT, ...[...byteCharacters].sort()].map((token, id) => [token, id]));
  const taken: (readonly [string, string])[] = [];
  for (const merge of merges) {
    if (vocab.size >= vocabularySize) break;
    taken.push(merge);
    // Two merges may make one token: a + bc and ab + c.
    const token = merge.join('');
    if (!vocab.has(token)) vocab.set(token, vocab.size);
  }
  if (vocab.size < vocabularySize) {
    throw new TrainbookError({
      what: 'trainBpe: the documents have too few different words',
      received: `a vocabulary of ${vocabularySize}`,
      expected: `at most ${vocab.size}: then every word of the documents is a token`,
      fix: `give more text, or set vocabularySize to ${vocab.size} or less`,
    });
  }
  return byteLevelBpe(Object.fromEntries(vocab), taken);
}

/**
 * Writes all words of the documents in the byte-level alphabet, a space between. The trainer reads files by lines: so words
 * that hold a line feed (Ċ) stay whole.
 */
async function writeWords(
  documents: readonly { readonly text: string }[],
  path: string,
  progress: OnProgress,
): Promise<void> {
  const file = createWriteStream(path);
  // Most words come again and again.
  const known = new Map<string, string>();
  const written = (word: string): string => {
    const before = known.get(word);
    if (before !== undefined) return before;
    const now = byteLevel(word);
    if (known.size < 1_000_000) known.set(word, now);
    return now;
  };
  let last = performance.now();
  for (const [index, { text }] of documents.entries()) {
    const words = (text.match(wordPattern) ?? []).map(written).join(' ');
    if (!file.write(`${words}\n`)) await once(file, 'drain');
    if (performance.now() - last < 50) continue;
    progress({
      task: 'train the tokenizer',
      done: (index + 1) / documents.length,
      total: 2,
      note: `words of ${index + 1} documents`,
    });
    await setImmediate();
    last = performance.now();
  }
  file.end();
  await once(file, 'close');
}

/** What the process runs; CommonJS, since `tokenizers` is. Without a terminal its own progress bars stay away. */
const program = `
const [library, words, result] = process.argv.slice(1);
const { Tokenizer, BPE, whitespaceSplitPreTokenizer } = require(library);
const tokenizer = new Tokenizer(BPE.empty());
tokenizer.setPreTokenizer(whitespaceSplitPreTokenizer());
tokenizer.train([words]);
tokenizer.save(result);
`;

async function learnMerges(words: string, result: string): Promise<void> {
  const library = createRequire(import.meta.url).resolve('tokenizers');
  const trainer = spawn(process.execPath, ['--input-type=commonjs', '-e', program, library, words, result], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let errors = '';
  trainer.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-2000)));
  const [code] = (await once(trainer, 'close')) as [number | null];
  if (code !== 0) {
    throw new TrainbookError({
      what: 'trainBpe: the tokenizers package failed',
      received: errors.trim() === '' ? `exit code ${String(code)}` : errors.trim(),
      expected: 'tokenizers 0.23.2 for this system',
      fix: 'npm install tokenizers@0.23.2',
    });
  }
}
