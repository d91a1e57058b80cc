import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { ratios, summarise } from './blocks.js';
import { runProgram } from './built.js';
import { adamwNumbers, type GptRecipe } from './gpt-recipe.js';

/** A model, its batches, and how many steps are timed. A type, not an interface, so that it counts as JSON. */
type Workload = { readonly name: string; readonly recipe: GptRecipe; readonly steps: number; readonly goal: number };

const gpt: GptRecipe = {
  layers: 6,
  width: 384,
  heads: 6,
  context: 256,
  vocabularySize: 65,
  batchSize: 8,
  numBatches: 4,
  checkSteps: 0,
  rounds: 3,
  secondsPerBlock: 0,
};

function workloads(quick: boolean): readonly Workload[] {
  if (quick) {
    const tiny = { ...gpt, layers: 1, width: 32, heads: 2, context: 16, batchSize: 2, rounds: 1 };
    return [{ name: 'tiny', recipe: tiny, steps: 2, goal: 0 }];
  }
  return [
    { name: '10.7M parameters, batch 8 × 256', recipe: gpt, steps: 6, goal: 0.8 },
    { name: '10.7M parameters, batch 32 × 256', recipe: { ...gpt, batchSize: 32 }, steps: 3, goal: 0.9 },
  ];
}

interface Found {
  readonly secondsPerStep: number;
  readonly bytesSent: number;
  readonly losses: readonly number[];
  readonly numParameters: number;
}

/** Two processes with half of the cores each, beside one with all: the same global batch, launches in turn. */
export const dataParallel: Benchmark = {
  name: 'data-parallel',
  title: 'a step shared by two processes, beside one process with all threads',
  workload: (quick) => ({
    workloads: [...workloads(quick)],
    adamw: adamwNumbers,
    dtype: 'float32',
    threads: availableParallelism(),
  }),
  run: async ({ quick, say }) => {
    const measurements: Measurement[] = [];
    for (const { name, recipe, steps, goal } of workloads(quick)) {
      const [one, two]: [Found[], Found[]] = [[], []];
      for (let round = 0; round < recipe.rounds; round++) {
        say(`${name}: round ${round + 1} of ${recipe.rounds}`);
        one.push(await launched(1, recipe, steps));
        two.push(await launched(2, recipe, steps));
      }
      const speed = ({ secondsPerStep }: Found): number => 1 / secondsPerStep;
      const [first, second] = [one[0] as Found, two[0] as Found];
      measurements.push(
        summarise(
          `${name}: one process`,
          one.map(({ secondsPerStep }) => secondsPerStep),
          { unit: 's a step' },
        ),
        summarise(
          `${name}: two processes`,
          two.map(({ secondsPerStep }) => secondsPerStep),
          { unit: 's a step' },
        ),
        summarise(`${name}: speed, two : one`, ratios(two.map(speed), one.map(speed)), { goal: { atLeast: goal } }),
        {
          figure: `${name}: bytes sent a step, of 4 a parameter`,
          value: second.bytesSent / (4 * second.numParameters),
        },
        {
          figure: `${name}: losses differ by at most`,
          value: Math.max(...first.losses.map((loss, step) => Math.abs(loss - (second.losses[step] ?? NaN)))),
          unit: 'nats',
        },
      );
    }
    return { measurements };
  },
};

async function launched(processes: number, recipe: GptRecipe, steps: number): Promise<Found> {
  const cli = fileURLToPath(new URL('../../bin/trainbook.mjs', import.meta.url));
  const worker = fileURLToPath(new URL('data-parallel-worker.ts', import.meta.url));
  const environment = { ...process.env, TRAINBOOK_BENCH: JSON.stringify({ recipe, steps }) };
  const { code, stdout, stderr } = await runProgram(
    process.execPath,
    [cli, 'launch', '--processes', String(processes), worker],
    { environment },
  );
  const line = /\{.*\}/.exec(stdout)?.[0];
  if (code === 0 && line !== undefined) return JSON.parse(line) as Found;
  throw new Error(
    `launch --processes ${processes} ended with ${code}: ${stderr.trim().split('\n').slice(-5).join('\n')}`,
  );
}
