import { readFile } from 'node:fs/promises';
import { deduplicate } from 'trainbook';
import type { DeduplicateWork, Document } from 'trainbook';
import type { Json } from '../../src/files.js';
import { joined } from './exact-clusters.js';
import { peakMegabytes, resetPeak, residentMegabytes } from './memory.js';

let documents: readonly Document[] = [];

/** What each contestant answers. */
export interface Deduplicated {
  readonly seconds: number;
  /** Above what the texts took; null where the system does not tell. */
  readonly megabytes: number | null;
  readonly clusters: readonly (readonly number[])[];
  readonly work?: Json;
}

export const answers = {
  start: async ({ file }: { readonly file: string }): Promise<Json> => {
    const texts = JSON.parse(await readFile(file, 'utf8')) as readonly string[];
    documents = texts.map((text, index) => ({ id: `${index}`.padStart(9, '0'), text, source: 's', domain: 'd' }));
    return null;
  },
  deduplicate: async ({
    threshold,
    numHashes,
  }: {
    readonly threshold: number;
    readonly numHashes: number;
  }): Promise<Json> => {
    let work: DeduplicateWork | undefined;
    const before = residentMegabytes();
    resetPeak();
    const started = performance.now();
    const step = deduplicate({ threshold, numHashes, report: (done) => (work = done) });
    const verdicts = await step.judge(documents);
    const seconds = (performance.now() - started) / 1000;
    const peak = peakMegabytes();
    const places = new Map(documents.map(({ id }, place) => [id, place]));
    const pairs = verdicts.flatMap((verdict, place): (readonly [number, number])[] =>
      'drop' in verdict ? [[place, places.get(verdict.like ?? '') ?? place]] : [],
    );
    return {
      seconds,
      megabytes: peak === null ? null : peak - before,
      clusters: joined(pairs),
      work: { ...work } as Json,
    };
  },
};
