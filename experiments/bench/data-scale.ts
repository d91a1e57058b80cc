import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { startModule, withChildren } from './child.js';
import type { ShardsRan } from './data-scale-worker.js';
import type { VariedText } from './varied-text.js';

const worker = new URL('data-scale-worker.ts', import.meta.url).href;

async function ask<Answer>(
  question: string,
  input: Parameters<ReturnType<typeof startModule>['ask']>[1],
): Promise<Answer> {
  const child = startModule(worker);
  return withChildren([child], () => child.ask<Answer>(question, input));
}

const memoryText = (quick: boolean): VariedText => ({
  files: quick ? 2 : 32,
  megabytesPerFile: quick ? 4 : 64,
  copies: 0.1,
  seed: 1,
});

/** The peak memory of a whole pipeline over shards, on text that would not fit. */
export const dataMemory: Benchmark = {
  name: 'data-memory',
  title: 'normalise and deduplicate 2 GB of text over shards, two workers: peak memory of the whole process',
  workload: (quick) => ({ ...memoryText(quick), steps: ['normalise', 'deduplicate 0.8'], workers: 2 }),
  run: async ({ quick, folder, say }) => {
    const text = memoryText(quick);
    const corpus = join(folder, 'corpus');
    say('writing the text');
    await ask('generate', { folder: corpus, ...text });
    say('the pipeline');
    const ran = await ask<ShardsRan>('run', { corpus, out: join(folder, 'out'), workers: 2 });
    await rm(folder, { recursive: true, force: true });
    const megabytes = text.files * text.megabytesPerFile;
    const measurements: Measurement[] = [
      { figure: 'text', value: megabytes, unit: 'MB' },
      { figure: 'documents kept', value: ran.rows },
      { figure: 'RSS before', value: ran.before, unit: 'MB' },
      { figure: 'whole pipeline', value: megabytes / ran.seconds, unit: 'MB/s' },
    ];
    if (ran.peak !== null) {
      measurements.push({
        figure: 'peak RSS',
        value: ran.peak,
        unit: 'MB',
        ...(quick ? {} : { goal: { atMost: 1500 } }),
      });
    }
    return { measurements, ...(ran.peak === null ? { notes: ['the peak is only known on Linux'] } : {}) };
  },
};

const scaleText = (quick: boolean): VariedText => ({
  files: quick ? 2 : 8,
  megabytesPerFile: quick ? 2 : 32,
  copies: 0.1,
  seed: 2,
});

/** The speed of a whole pipeline over shards by the number of workers, and whether they give one result. */
export const dataScale: Benchmark = {
  name: 'data-scale',
  title: 'normalise and deduplicate over shards with 1 and 2 workers: speed, and whether the bytes are the same',
  workload: (quick) => ({ ...scaleText(quick), steps: ['normalise', 'deduplicate 0.8'], workers: [1, 2] }),
  run: async ({ quick, folder, say }) => {
    const text = scaleText(quick);
    const corpus = join(folder, 'corpus');
    await ask('generate', { folder: corpus, ...text });
    const megabytes = text.files * text.megabytesPerFile;
    const speeds: number[] = [];
    const hashes = new Set<string>();
    for (const workers of [1, 2]) {
      say(`${workers} workers`);
      const ran = await ask<ShardsRan>('run', { corpus, out: join(folder, `out-${workers}`), workers });
      speeds.push(megabytes / ran.seconds);
      hashes.add(ran.hash);
    }
    await rm(folder, { recursive: true, force: true });
    const [one = NaN, two = NaN] = speeds;
    return {
      measurements: [
        { figure: 'whole pipeline, 1 worker', value: one, unit: 'MB/s' },
        { figure: 'whole pipeline, 2 workers', value: two, unit: 'MB/s' },
        { figure: '2 workers : 1', value: two / one },
        { figure: 'different results', value: hashes.size, goal: { atMost: 1 } },
      ],
    };
  },
};
