import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { readJson } from '../files.js';
import { readGpt2Files } from './gpt2-files.js';
import { parseTokenizer } from './parse-tokenizer.js';
import type { TokenizerOptions } from './parse-tokenizer.js';
import { readSentencePiece } from './sentencepiece.js';
import type { Tokenizer } from './tokenizer.js';
import { readVocabTxt } from './vocab-txt.js';

// {"eos_token": "</s>"} or {"eos_token": {"content": "</s>", …}}
const configSchema = z.looseObject({
  eos_token: z.union([z.string(), z.looseObject({ content: z.string() })]).nullish(),
  do_lower_case: z.boolean().optional(),
});

/** The files that hold a tokenizer, in the order in which they are looked for. */
const readers: readonly {
  readonly file: string;
  readonly read: (path: string, folder: string, config: z.output<typeof configSchema>) => Promise<Tokenizer>;
}[] = [
  {
    file: 'tokenizer.json',
    read: async (path, _folder, { eos_token: end }) => parseTokenizer(await readFile(path, 'utf8'), path, endOf(end)),
  },
  {
    file: 'vocab.json',
    read: async (path, folder) =>
      readGpt2Files({
        vocab: await readFile(path, 'utf8'),
        merges: await readFile(join(folder, 'merges.txt'), 'utf8'),
      }),
  },
  {
    file: 'vocab.txt',
    read: async (path, _folder, { do_lower_case: lowercase = true }) =>
      readVocabTxt(await readFile(path, 'utf8'), { lowercase }),
  },
  ...['tokenizer.model', 'spiece.model', 'sentencepiece.bpe.model'].map((file) => ({
    file,
    read: async (path: string) => readSentencePiece(await readFile(path), path),
  })),
];

/**
 * The tokenizer of a folder, such as one of Hugging Face's: `tokenizer.json`; or else `vocab.json` with `merges.txt`, `vocab.txt`, or
 * a SentencePiece model. The path of one of these files will do too.
 *
 * @throws TrainbookError if there is none, or it cannot be read.
 * @example
 * const tokenizer = await loadTokenizer('models/SmolLM2-135M-Instruct');
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const folder = isFolder ? path : join(path, '..');
  const candidates = isFolder
    ? readers
    : readers.filter(({ file }) => file === basename(path) || (file === 'tokenizer.model' && path.endsWith('.model')));
  for (const { file, read } of candidates) {
    const found = isFolder ? join(folder, file) : path;
    if ((await stat(found).catch(() => undefined))?.isFile() !== true) continue;
    return read(found, folder, await readConfig(folder));
  }
  throw new TrainbookError({
    what: 'loadTokenizer: no tokenizer here',
    received: path,
    expected: `a folder with one of ${readers.map(({ file }) => file).join(', ')}`,
  });
}

async function readConfig(folder: string): Promise<z.output<typeof configSchema>> {
  const path = join(folder, 'tokenizer_config.json');
  if ((await stat(path).catch(() => undefined)) === undefined) return {};
  const parsed = configSchema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  throw new TrainbookError({
    what: `${path} is not a tokenizer's config`,
    received: z.prettifyError(parsed.error),
    expected: '{"eos_token": "…", …}',
  });
}

function endOf(end: z.output<typeof configSchema>['eos_token']): TokenizerOptions {
  if (end === null || end === undefined) return {};
  return { endOfText: typeof end === 'string' ? end : end.content };
}
