import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { key, uniformNumbers } from 'trainbook';
import type { Benchmark } from '../../src/commands/bench.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const toy = join(root, 'experiments', 'bench', 'ablation-kills-toy.ts');
const namesOf = (quick: boolean): readonly string[] => (quick ? ['first'] : ['first', 'second']);

interface Recipe {
  readonly arms: number;
  readonly seeds: number;
  readonly workers: number;
  readonly kills: number;
  readonly seed: number;
}
const recipeOf = (quick: boolean): Recipe => ({
  arms: quick ? 2 : 12,
  seeds: quick ? 1 : 3,
  workers: quick ? 0 : 1, // each ablation in a process that has one of its own for its cells
  kills: quick ? 1 : 5,
  seed: 6,
});

/** One start of an ablation by its command, in a group of its own: a kill ends all that it has started. */
function start(
  project: string,
  which: string,
  life: number,
  { workers }: Recipe,
  quick: boolean,
): { readonly kill: () => void; readonly ended: Promise<string> } {
  const words = ['ablate', toy, '--json', ...(workers === 0 ? [] : ['--workers', String(workers)])];
  const child = spawn(process.execPath, [join(root, 'bin', 'trainbook.mjs'), ...words], {
    cwd: project,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      KILLS_LOG: join(project, 'log'),
      KILLS_LIFE: String(life),
      KILLS_WHICH: which,
      ...(quick && { KILLS_QUICK: '1' }),
    },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<string>((resolve) =>
    child.once('close', () => {
      resolve(output);
    }),
  );
  return { kill: () => process.kill(-(child.pid ?? 0), 'SIGKILL'), ended };
}

const linesOf = async (path: string): Promise<string[]> =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

async function newProject(folder: string): Promise<string> {
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  return folder;
}

/** The table of a result: without ids, folders and times. */
function tableOf(output: string): string {
  const { arms, numFailed, baseline } = JSON.parse(output) as Record<'arms' | 'numFailed' | 'baseline', unknown>;
  return JSON.stringify({ arms, numFailed, baseline });
}

/** Finished executions that read the same: the second should have been found in the store. */
async function numRepeated(store: string): Promise<{ readonly finished: number; readonly repeated: number }> {
  const files = (await readdir(join(store, 'traces'))).map((name) => join(store, 'traces', name));
  const reads = (await Promise.all(files.map(linesOf))).flat().map((line) => {
    const { stage, reads: read } = JSON.parse(line) as Record<'stage' | 'reads', unknown>;
    return JSON.stringify([stage, read]);
  });
  return { finished: reads.length, repeated: reads.length - new Set(reads).size };
}

/**
 * Two ablations that share arms, at once on one store, killed with all their processes by SIGKILL at random instants. What counts as
 * run is what stages themselves write down when they begin and end.
 */
export const ablationKills: Benchmark = {
  name: 'ablation-kills',
  title: 'Two ablations of 12 arms at once on one store, killed five times: what is lost, what runs again',
  workload: (quick) => ({ ...recipeOf(quick) }),
  run: async ({ quick, folder, say }) => {
    const recipe = recipeOf(quick);
    const names = namesOf(quick);
    const whole = await newProject(join(folder, 'whole'));
    say('two ablations that are not killed');
    const began = performance.now();
    const undisturbed = await Promise.all(names.map((name) => start(whole, name, 0, recipe, quick).ended));
    const wholeSeconds = (performance.now() - began) / 1000;
    const numLines = (await linesOf(join(whole, 'log'))).length;

    const project = await newProject(join(folder, 'killed'));
    const log = join(project, 'log');
    const draws = uniformNumbers(key(recipe.seed), 2 * recipe.kills);
    for (let life = 0; life < recipe.kills; life++) {
      const running = names.map((name) => start(project, name, life, recipe, quick));
      // On average as much is done between two kills as makes the whole last for all of them, and a moment more.
      const until = (await linesOf(log)).length + 1 + (draws[2 * life] ?? 0) * (numLines / (recipe.kills + 1)) * 1.5;
      const over = { isSo: false };
      void Promise.all(running.map(({ ended }) => ended)).then(() => (over.isSo = true));
      while ((await linesOf(log)).length < until && !over.isSo) await sleep(5);
      await sleep((draws[2 * life + 1] ?? 0) * 300);
      for (const { kill } of running) {
        try {
          kill();
        } catch {
          // it has ended already
        }
      }
      await Promise.all(running.map(({ ended }) => ended));
      say(`${life + 1} kills, ${(await linesOf(log)).length} of about ${numLines} lines`);
    }
    const killed = await Promise.all(names.map((name) => start(project, name, recipe.kills, recipe, quick).ended));

    const lines = await linesOf(log);
    const starts = lines.filter((line) => line.includes(' start '));
    const ends = lines.filter((line) => line.includes(' end '));
    const different = names.filter((_, index) => tableOf(killed[index] ?? '') !== tableOf(undisturbed[index] ?? ''));
    const { finished, repeated } = await numRepeated(join(project, 'runs', 'store'));
    const failing = / 3 4 1$/u; // the arm that fails leaves nothing in the store
    const twice = starts.filter((line, index) => !failing.test(line) && starts.indexOf(line) !== index).length;
    return {
      measurements: [
        { figure: 'kills of all processes', value: recipe.kills, goal: { atLeast: recipe.kills } },
        { figure: 'cells', value: names.length * recipe.arms * recipe.seeds },
        { figure: 'stages begun', value: starts.length },
        { figure: 'stages cut off by a kill', value: starts.length - ends.length },
        { figure: 'stages finished', value: finished },
        { figure: 'finished stages that ran again', value: repeated, goal: { atMost: 0 } },
        { figure: 'stages that ran in two live processes', value: twice, goal: { atMost: 0 } },
        { figure: 'tables unlike the undisturbed ones', value: different.length, goal: { atMost: 0 } },
        { figure: 'the two that were not killed', value: wholeSeconds, unit: 's' },
      ],
    };
  },
};
