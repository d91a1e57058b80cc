import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { key, uniformNumbers } from 'trainbook';
import type { Benchmark } from '../../src/commands/bench.js';
import { startModule, withChildren } from './child.js';
import type { ShardsRan } from './data-scale-worker.js';

type Recipe = {
  readonly files: number;
  readonly megabytesPerFile: number;
  readonly kills: number;
  readonly seed: number;
};

const recipeOf = (quick: boolean): Recipe => ({
  files: quick ? 3 : 8,
  megabytesPerFile: quick ? 0.5 : 4,
  kills: quick ? 2 : 20,
  seed: 5,
});

const worker = new URL('data-scale-worker.ts', import.meta.url).href;

/** The bytes of all files of a folder, by name. */
async function folderHash(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.sort()) hash.update(path.slice(folder.length)).update(await readFile(path));
  return hash.digest('hex');
}

/** Runs the pipeline, and kills its process so many milliseconds after it began; the code is loaded by then. */
async function runOrKill(corpus: string, out: string, milliseconds: number | undefined): Promise<'killed' | 'ended'> {
  const child = startModule(worker);
  return withChildren([child], async () => {
    await child.ask('ready', null);
    const over = new AbortController();
    const ended = child.ask<ShardsRan>('run', { corpus, out, workers: 2 }).then(() => 'ended' as const);
    if (milliseconds === undefined) return ended;
    const killed = sleep(milliseconds, 'killed' as const, { signal: over.signal });
    const first = await Promise.race([ended, killed]);
    if (first === 'killed') await Promise.all([child.kill(), ended.catch(() => undefined)]);
    else over.abort();
    await killed.catch(() => undefined);
    return first;
  });
}

/**
 * Whether a killed pipeline goes on exactly: SIGKILL at instants drawn evenly from the start of each process on; each time the
 * pipeline ends the files of its folder are compared with those of one that was never killed, byte by byte.
 */
export const dataKills: Benchmark = {
  name: 'data-kills',
  title: '20 kills at random instants of a pipeline over shards with two workers: what it ends with',
  workload: recipeOf,
  run: async ({ quick, folder, say }) => {
    const { kills, seed, ...text } = recipeOf(quick);
    const corpus = join(folder, 'corpus');
    const child = startModule(worker);
    const whole = await withChildren([child], async () => {
      await child.ask('generate', { folder: corpus, copies: 0.3, seed, ...text });
      return child.ask<ShardsRan>('run', { corpus, out: join(folder, 'whole'), workers: 2 });
    });
    const expected = await folderHash(join(folder, 'whole'));
    // Between two kills at most a quarter of the whole is done: a run is killed some eight times on its way.
    const draws = uniformNumbers(key(seed), 20 * kills);
    let [numKilled, numDrawn, numRuns, numDiffering] = [0, 0, 0, 0];
    for (; numKilled < kills && numDrawn < draws.length; numRuns++) {
      const out = join(folder, `killed-${numRuns}`);
      for (;;) {
        const milliseconds = numKilled < kills ? (draws[numDrawn++] ?? 0) * 250 * whole.seconds : undefined;
        if ((await runOrKill(corpus, out, milliseconds)) === 'ended') break;
        numKilled++;
        say(`${numKilled} kills`);
      }
      if ((await folderHash(out)) !== expected) numDiffering++;
    }
    return {
      measurements: [
        { figure: 'kills', value: numKilled, goal: { atLeast: kills } },
        { figure: 'pipelines to the end', value: numRuns },
        { figure: 'pipelines that end with other bytes', value: numDiffering, goal: { atMost: 0 } },
        { figure: 'the pipeline that was not killed', value: whole.seconds, unit: 's' },
      ],
    };
  },
};
