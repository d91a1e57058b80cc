import { createReadStream, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { readJson } from '../../files.js';
import type { Judged } from './judged.js';

// What a pipeline writes: kept documents in part-00000-of-00004.jsonl.gz, dropped ones, as they were then, in
// dropped/part-00000-of-00004.jsonl.gz, each line of these with
// {…, "dropped":{"step":"deduplicate","drop":"near-duplicate","like":"9e10…","score":0.94}}

const lineSchema = z.looseObject({
  id: z.string(),
  text: z.string(),
  source: z.string(),
  domain: z.string(),
  dropped: z
    .object({
      step: z.string().optional(),
      drop: z.string(),
      like: z.string().optional(),
      score: z.number().optional(),
      evidence: z.string().optional(),
    })
    .optional(),
});

const cardSchema = z.looseObject({ pipeline: z.array(z.looseObject({ name: z.string() })) });

const part = /^part-\d+-of-\d+\.jsonl(\.gz)?$/u;

/** Whether a folder was written by a pipeline. */
export async function isWrittenFolder(folder: string): Promise<boolean> {
  return existsSync(join(folder, 'card.json')) && (await partsIn(folder)).length > 0;
}

/** The steps that the documents of a folder went through, in order. */
export async function writtenSteps(folder: string): Promise<readonly string[]> {
  const card = cardSchema.safeParse(await readJson(join(folder, 'card.json')));
  return card.success ? ['read', ...card.data.pipeline.map(({ name }) => name)] : ['read'];
}

/** All documents of a folder that a pipeline wrote, kept and dropped, one after the other. */
export async function* judgedInFolder(folder: string): AsyncGenerator<Judged, undefined> {
  const dropped = join(folder, 'dropped');
  for (const place of existsSync(dropped) ? [folder, dropped] : [folder]) {
    for (const name of await partsIn(place)) yield* judgedInFile(join(place, name));
  }
}

async function partsIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => part.test(name)).sort();
}

async function* judgedInFile(path: string): AsyncGenerator<Judged, undefined> {
  let number = 0;
  try {
    for await (const line of linesOf(path)) {
      number++;
      if (line === '') continue;
      const { dropped, ...document } = lineSchema.parse(JSON.parse(line));
      if (dropped === undefined) yield { document: document, verdict: { keep: document } };
      else {
        const { step, drop, like, score, evidence } = dropped;
        const verdict = {
          drop,
          ...(like === undefined ? {} : { like }),
          ...(score === undefined ? {} : { score }),
          ...(evidence === undefined ? {} : { evidence }),
        };
        yield { document: document, verdict, ...(step === undefined ? {} : { step }) };
      }
    }
  } catch (cause) {
    throw new TrainbookError({
      what: `cannot read the documents of ${path}`,
      received: `line ${number}: ${cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)}`,
      expected: 'lines as a pipeline writes them',
      fix: 'run the pipeline again',
      cause,
    });
  }
}

async function* linesOf(path: string): AsyncGenerator<string, undefined> {
  const file = createReadStream(path);
  const input = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  if (input !== file) file.on('error', (cause) => input.destroy(cause));
  let rest = '';
  for await (const chunk of input.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
