import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import type { Codec, Json } from '../files.js';
import type { Summary, Table } from '../figure.js';
import { isCorpus, isSplitCorpus } from './corpus.js';
import type { Corpus, SplitCorpus } from './corpus.js';
import { countCharacters } from './document.js';
import type { Document } from './document.js';
import { formatChanges, Ledger, READ } from './ledger/ledger.js';
import type { Fate } from './ledger/ledger.js';

// A corpus on disk is two files of JSON Lines, gzipped: `documents.jsonl.gz`, a document a line as in document.ts, and
// `ledger.jsonl.gz`, first `{"steps":["read","normalise"]}` and then a fate a line as in ledger.ts.

const counts = z.record(z.string(), z.number());
const documentSchema: z.ZodType<Document> = z.strictObject({
  id: z.string(),
  text: z.string(),
  source: z.string(),
  domain: z.string(),
  language: z.string().optional(),
  title: z.string().optional(),
  meta: z.record(z.string(), z.json() as z.ZodType<Json>).optional(),
});
const fateSchema: z.ZodType<Fate> = z.strictObject({
  id: z.string(),
  source: z.string(),
  domain: z.string(),
  title: z.string().optional(),
  language: z.string().optional(),
  characters: z.int(),
  events: z.array(
    z.strictObject({
      step: z.string(),
      changes: counts.optional(),
      dropped: z
        .strictObject({ drop: z.string(), like: z.string().optional(), score: z.number().optional() })
        .optional(),
    }),
  ),
});
const headSchema = z.strictObject({ steps: z.array(z.string()).min(1) });

/** Keeps a corpus in a folder. */
export const corpusCodec: Codec<Corpus> = {
  kind: 'corpus',
  is: isCorpus,
  async write(corpus, folder) {
    await mkdir(folder, { recursive: true });
    await writeLines(join(folder, 'documents.jsonl.gz'), corpus.documents);
    await writeLines(join(folder, 'ledger.jsonl.gz'), [{ steps: corpus.ledger.steps }, ...corpus.ledger.fates]);
  },
  async read(folder) {
    const documents: Document[] = [];
    for await (const line of readLines(join(folder, 'documents.jsonl.gz'))) documents.push(documentSchema.parse(line));
    let steps: readonly string[] | undefined;
    const fates: Fate[] = [];
    for await (const line of readLines(join(folder, 'ledger.jsonl.gz'))) {
      if (steps === undefined) steps = headSchema.parse(line).steps;
      else fates.push(fateSchema.parse(line));
    }
    return { documents, ledger: new Ledger(fates, steps ?? [READ]) };
  },
  summarise: (corpus) => ({
    title: 'Corpus',
    ...describe(corpus),
    tables: [stepTable(corpus), domainTable({ documents: corpus })],
    figures: [corpus.ledger.sankey()],
  }),
};

/** Keeps both parts of a split corpus, each in a folder of its own. */
export const splitCorpusCodec: Codec<SplitCorpus> = {
  kind: 'split-corpus',
  is: isSplitCorpus,
  async write({ train, heldOut }, folder) {
    await corpusCodec.write(train, join(folder, 'train'));
    await corpusCodec.write(heldOut, join(folder, 'held-out'));
  },
  async read(folder) {
    return {
      train: await corpusCodec.read(join(folder, 'train')),
      heldOut: await corpusCodec.read(join(folder, 'held-out')),
    };
  },
  summarise({ train, heldOut }) {
    const facts = {
      ...prefixed('training', describe(train).facts),
      ...prefixed('held-out', describe(heldOut).facts),
      'documents read': train.ledger.fates.length,
    };
    return {
      title: 'Corpus',
      facts,
      tables: [stepTable(train), domainTable({ training: train, 'held out': heldOut })],
      figures: [train.ledger.sankey()],
    };
  },
};

function describe({ documents }: Corpus): Pick<Summary, 'facts'> {
  return {
    facts: {
      documents: documents.length,
      characters: countCharacters(documents),
      'bytes (UTF-8)': documents.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0),
    },
  };
}

function prefixed(prefix: string, facts: Summary['facts']): Summary['facts'] {
  return Object.fromEntries(Object.entries(facts).map(([label, fact]) => [`${prefix} ${label}`, fact]));
}

/** What each step changed and dropped. */
function stepTable({ ledger }: Corpus): Table {
  return {
    title: 'What each step did',
    columns: ['step', 'documents in', 'changed', 'dropped', 'documents out', 'details'],
    rows: ledger.counts().map(({ step, documentsIn, changed, documentsOut, changes, dropped }) => {
      const details = [
        formatChanges(changes),
        ...Object.entries(dropped).map(([why, count]) => `${count} dropped: ${why}`),
      ];
      const text = details.filter((detail) => detail !== '').join('; ');
      return [step, documentsIn, changed, documentsIn - documentsOut, documentsOut, text];
    }),
  };
}

/** Documents and characters of each domain, for each part. */
function domainTable(parts: Readonly<Record<string, Corpus>>): Table {
  const rows = new Map<string, number[]>();
  const names = Object.keys(parts);
  Object.values(parts).forEach(({ documents }, part) => {
    for (const { source, domain, text } of documents) {
      const label = source === domain ? source : `${source}: ${domain}`;
      const row = rows.get(label) ?? new Array<number>(2 * names.length).fill(0);
      row[2 * part] = (row[2 * part] ?? 0) + 1;
      row[2 * part + 1] = (row[2 * part + 1] ?? 0) + text.length;
      rows.set(label, row);
    }
  });
  return {
    title: 'Domains',
    columns: [
      'domain',
      ...names.flatMap((name) =>
        names.length === 1 ? [name, 'characters'] : [`${name}: documents`, `${name}: characters`],
      ),
    ],
    rows: [...rows].map(([label, numbers]) => [label, ...numbers]),
  };
}

async function writeLines(path: string, values: readonly object[]): Promise<void> {
  const lines = Readable.from(
    (function* () {
      for (const value of values) yield `${JSON.stringify(value)}\n`;
    })(),
  );
  await pipeline(lines, createGzip(), createWriteStream(path));
}

async function* readLines(path: string): AsyncGenerator {
  const file = createReadStream(path);
  const unzipped = file.pipe(createGunzip()).setEncoding('utf8');
  file.on('error', (cause) => unzipped.destroy(cause));
  let rest = '';
  try {
    for await (const chunk of unzipped as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as unknown;
    }
  } catch (cause) {
    throw new TrainbookError({
      what: `cannot read ${path}`,
      received: String(cause),
      expected: 'whole lines of JSON, gzipped',
      fix: 'delete the folder that it lies in: it is made again',
      cause,
    });
  }
}
