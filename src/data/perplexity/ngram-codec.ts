import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { noteRead, readJson, writeAtomic } from '../../files.js';
import type { Codec } from '../../files.js';
import { isNgramModel } from './ngram-model.js';
import type { NgramModel } from './ngram-model.js';
import { shared } from './ngram-trie.js';
import { readArpa } from './read-arpa.js';
import type { Units } from './units.js';

// An n-gram model on disk is `ngrams.json`, {"order":5,"units":"words","counts":[31960,…],"numSlots":…,"vocabulary":["<unk>",…]}, and
// `ngrams.bin`: the keys, then the values of its table, little-endian, as they lie in memory.

const schema = z.strictObject({
  order: z.int().positive(),
  /** null: a function, which does not lie on disk. */
  units: z.enum(['words', 'characters', 'spaces']).nullable(),
  counts: z.array(z.int().nonnegative()),
  discounts: z
    .array(z.strictObject({ values: z.tuple([z.number(), z.number(), z.number()]), isFallback: z.boolean() }))
    .optional(),
  numSlots: z.int().positive(),
  vocabulary: z.array(z.string()),
});

/**
 * Keeps an n-gram model in a folder.
 *
 * @example
 * await saveNgrams(model, 'models/en');
 */
export async function saveNgrams(model: NgramModel, folder: string): Promise<void> {
  const { order, units, counts, discounts, table, vocabulary } = model;
  await mkdir(folder, { recursive: true });
  const { keys, values, numSlots } = table;
  const bytes = new Uint8Array(4 * (keys.length + values.length));
  bytes.set(new Uint8Array(keys.buffer, keys.byteOffset, keys.byteLength));
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), keys.byteLength);
  await writeAtomic(join(folder, 'ngrams.bin'), bytes);
  const head: z.infer<typeof schema> = {
    order,
    units: typeof units === 'string' ? units : null,
    counts: [...counts],
    ...(discounts === undefined
      ? {}
      : { discounts: discounts.map(({ values: [a, b, c], isFallback }) => ({ values: [a, b, c], isFallback })) }),
    numSlots,
    vocabulary: [...vocabulary.keys()],
  };
  await writeAtomic(join(folder, 'ngrams.json'), `${JSON.stringify(head)}\n`);
}

/**
 * Reads an n-gram model: a folder that `saveNgrams` wrote, or an ARPA file (`.arpa`, `.arpa.gz`).
 *
 * @param units What the model's units are, where the files do not say: for a model trained with a function, that function; for an
 *   ARPA file `spaces` unless given.
 * @throws TrainbookError if files are missing, damaged or cut off, or the units are not known.
 * @example
 * const model = await loadNgrams('models/en');
 */
export async function loadNgrams(path: string, { units }: { readonly units?: Units } = {}): Promise<NgramModel> {
  if (/\.arpa(\.gz)?$/iu.test(path)) return readArpa(path, units === undefined ? {} : { units });
  noteRead(join(path, 'ngrams.json'));
  noteRead(join(path, 'ngrams.bin'));
  const head = schema.safeParse(await readJson(join(path, 'ngrams.json')));
  if (!head.success) throw damaged(path, 'ngrams.json is of another form');
  const { order, counts, discounts, numSlots, vocabulary } = head.data;
  const own = units ?? head.data.units;
  if (own === null) {
    throw new TrainbookError({
      what: 'loadNgrams: the model was trained with units of a function, which is not kept',
      received: path,
      expected: 'that function',
      fix: 'loadNgrams(path, { units: (text) => tokenizer.encode(text) })',
    });
  }
  const bytes = await readFile(join(path, 'ngrams.bin')).catch((cause: unknown) => {
    throw damaged(path, String(cause));
  });
  const [numKeys, numValues] = [2 * numSlots, 2 * (vocabulary.length + numSlots)];
  if (bytes.length !== 4 * (numKeys + numValues)) {
    throw damaged(path, `ngrams.bin has ${bytes.length} bytes in place of ${4 * (numKeys + numValues)}`);
  }
  const keys = shared(Int32Array, numKeys);
  const values = shared(Float32Array, numValues);
  new Uint8Array(keys.buffer).set(bytes.subarray(0, keys.byteLength));
  new Uint8Array(values.buffer).set(bytes.subarray(keys.byteLength));
  return {
    order,
    units: own,
    vocabulary: new Map(vocabulary.map((name, unit) => [name, unit])),
    counts,
    table: { numUnits: vocabulary.length, numSlots, keys, values },
    ...(discounts === undefined ? {} : { discounts }),
  };
}

function damaged(path: string, received: string): TrainbookError {
  return new TrainbookError({
    what: `loadNgrams: cannot read the model in ${path}`,
    received,
    expected: 'a folder that saveNgrams wrote, or an .arpa or .arpa.gz file',
    fix: 'save the model again',
  });
}

/** How a run keeps an n-gram model. */
export const ngramCodec: Codec<NgramModel> = {
  kind: 'ngram-model',
  is: isNgramModel,
  write: async (model, folder) => {
    if (typeof model.units === 'string') return saveNgrams(model, folder);
    throw new TrainbookError({
      what: 'a stage cannot return an n-gram model whose units are a function: it is not kept',
      expected: 'units that have a name',
      fix: 'train with units words, characters or spaces; or return its scores',
    });
  },
  read: (folder) => loadNgrams(folder),
  summarise: ({ order, units, counts, vocabulary, table, discounts }) => ({
    title: 'n-gram model',
    facts: {
      order,
      units: typeof units === 'string' ? units : 'a function',
      vocabulary: vocabulary.size,
      'n-grams': counts.reduce((sum, count) => sum + count, 0),
      'table (MB)': Number(((table.keys.byteLength + table.values.byteLength) / 1e6).toFixed(1)),
    },
    tables: [
      {
        title: 'Orders',
        columns: ['order', 'n-grams', 'D₁', 'D₂', 'D₃₊', 'discounts'],
        rows: counts.map((count, index) => {
          const own = discounts?.[index];
          const shown = (own?.values ?? []).map((value) => value.toFixed(3));
          const origin = own === undefined ? 'not known' : own.isFallback ? 'fallback' : 'from counts of counts';
          return [index + 1, count, shown[0] ?? '', shown[1] ?? '', shown[2] ?? '', origin];
        }),
      },
    ],
  }),
};
