import { fileURLToPath } from 'node:url';
import { deviceKinds, stepFlops, type Precision } from 'trainbook';
import type { Benchmark, Measurement, Peer } from '../../src/commands/bench.js';
import type { Accelerator, WriteSpeeds } from './accelerator-worker.js';
import type { AttentionStarted } from './attention-worker.js';
import { alternate, median, ratios, summarise } from './blocks.js';
import { start, startModule, withChildren, type Child } from './child.js';
import { measuredDevice } from './device-step.js';
import { adamwNumbers, architectureOf, writeStart, type GptRecipe } from './gpt-recipe.js';
import type { GptStart, GptStarted } from './gpt-worker.js';

/** GPT-2 124M as nanoGPT trains it: 12 rows of 1,024 tokens. */
const gpt: GptRecipe = {
  layers: 12,
  width: 768,
  heads: 12,
  context: 1024,
  vocabularySize: 50_257,
  batchSize: 12,
  numBatches: 2,
  checkSteps: 2,
  rounds: 3,
  secondsPerBlock: 4,
};

const recipeOf = (quick: boolean) => ({
  training: quick
    ? { ...gpt, layers: 1, width: 32, heads: 2, context: 16, vocabularySize: 65, batchSize: 2, secondsPerBlock: 0.1 }
    : gpt,
  product: quick ? 64 : 4096,
  attention: { heads: quick ? 2 : 12, headSize: quick ? 8 : 64, lengths: quick ? [16, 32] : [1024, 4096, 16_384] },
  writing: { promptTokens: quick ? 4 : 128, newTokens: quick ? 8 : 128, batchSize: quick ? 2 : 32 },
  seconds: quick ? 0.1 : 2,
});

const precisions = ['float32', 'tf32', 'bfloat16', 'float16'] as const satisfies readonly Precision[];
/** Those of which PyTorch's speed is taken too. */
const compared: ReadonlySet<Precision> = new Set(['tf32', 'bfloat16']);

/** What of a GPU decides how a training goes: products, a whole step, attention by length, writing. Parts that fail are told. */
export const accelerator: Benchmark = {
  name: 'accelerator',
  title: 'products, GPT-2 124M, attention and writing on a device of a PJRT plugin (--device; else the CPU plugin)',
  workload: (quick) => ({ device: measuredDevice(), ...recipeOf(quick), precisions: [...precisions] }),
  run: async ({ quick, peer, folder, say }) => {
    const recipe = recipeOf(quick);
    const device = measuredDevice();
    const measurements: Measurement[] = [];
    const notes: string[] = [];
    await writeStart(recipe.training, folder);
    const ours = startModule(new URL('accelerator-worker.ts', import.meta.url).href);
    /** A part whose failure does not end the others: time on a GPU is dear. */
    const part = async (name: string, measure: () => Promise<Measurement[]>): Promise<void> => {
      say(name);
      try {
        measurements.push(...(await measure()));
      } catch (error) {
        const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
        measurements.push({ figure: name, value: `not measured: ${reason}` });
      }
    };
    await withChildren([ours], async () => {
      const opened = await ours.ask<Accelerator>('open', { device });
      notes.push(`${opened.name} (${opened.kind}, ${opened.version})`);
      const { product: size, seconds, attention, writing } = recipe;
      const speeds = new Map<Precision, number>();
      for (const precision of precisions) {
        await part(`product of ${size}², ${precision}`, async () => {
          const speed = await ours.ask<number>('products', { size, precision, seconds });
          speeds.set(precision, speed);
          const float32 = speeds.get('float32');
          const figure = `product of ${size}², ${precision}`;
          return [
            { figure, value: speed / 1e12, unit: 'TFLOP/s' },
            ...(precision === 'float32' || float32 === undefined
              ? []
              : [{ figure: `${figure} : float32`, value: speed / float32 }]),
          ];
        });
      }
      for (const precision of precisions) {
        await part(`training, ${precision}`, () =>
          train(ours, peer, { recipe: recipe.training, precision, folder, device, kind: opened.kind }),
        );
      }
      for (const time of attention.lengths) {
        await part(`attention, ${time} tokens`, () => mix(ours, { ...attention, time, seconds }));
      }
      await part('writing', async () => {
        const { stepwise, one, batch } = await ours.ask<WriteSpeeds>('write', { folder, ...writing });
        return [
          { figure: 'one text, token by token', value: stepwise, unit: 'tokens/s' },
          { figure: 'one text in one call', value: one, unit: 'tokens/s' },
          { figure: `${writing.batchSize} texts in one call`, value: batch, unit: 'tokens/s' },
        ];
      });
    });
    if (peer === undefined) notes.push('no PyTorch: --peer-python names a Python that has it');
    return { measurements, notes };
  },
};

interface TrainOptions {
  readonly recipe: GptRecipe;
  readonly precision: Precision;
  readonly folder: string;
  readonly device: string;
  readonly kind: string;
}

/** A whole step in one precision, beside PyTorch's compiled one where that is compared. */
async function train(ours: Child, peer: Peer | undefined, options: TrainOptions): Promise<Measurement[]> {
  const { recipe, precision, folder, device, kind } = options;
  const given: GptStart & { readonly device: string } = {
    folder,
    recipe,
    precision,
    target: 'compile',
    threads: 0,
    adamw: adamwNumbers,
    device: device.startsWith('cuda') ? 'cuda' : 'cpu',
  };
  const { losses, secondsToFirstLoss } = await ours.ask<GptStarted>('startTraining', { ...given, target: 'xla' });
  const script = fileURLToPath(new URL('gpt_peer.py', import.meta.url));
  const theirs = peer !== undefined && compared.has(precision) ? start(peer.python, [script]) : undefined;
  return withChildren(theirs === undefined ? [] : [theirs], async () => {
    const started = await theirs?.ask<GptStarted>('start', given);
    const { secondsPerBlock: seconds, rounds } = recipe;
    const [mine = [], other = []] = await alternate(
      [
        () => ours.ask<number>('trainingBlock', { seconds }),
        ...(theirs === undefined ? [] : [() => theirs.ask<number>('block', { seconds })]),
      ],
      rounds,
    );
    const name = `training, ${precision}`;
    const peak = peakOf(kind, precision);
    const { batchSize, context } = recipe;
    const flopsPerToken = stepFlops(architectureOf(recipe), { batchSize }) / (batchSize * context);
    return [
      summarise(name, mine, { unit: 'tokens/s' }),
      { figure: `${name}: first loss after`, value: secondsToFirstLoss, unit: 's' },
      ...(peak === undefined
        ? []
        : [
            {
              figure: `${name}: of the peak (MFU)`,
              value: (100 * median(mine) * flopsPerToken) / peak,
              unit: '%',
              goal: { atLeast: 45 },
            },
          ]),
      ...(started === undefined
        ? []
        : [
            summarise(`${name}: PyTorch compile`, other, { unit: 'tokens/s' }),
            {
              figure: `${name}: first losses differ by`,
              value: Math.abs((losses[0] ?? NaN) - (started.losses[0] ?? NaN)),
              unit: 'nats',
            },
            summarise(`${name}: ours : PyTorch compile`, ratios(mine, other), { goal: { atLeast: 1 } }),
          ]),
    ];
  });
}

/** The peak of a device that is known by name, in FLOP/s, for products in a precision. */
function peakOf(kind: string, precision: Precision): number | undefined {
  const known = Object.entries(deviceKinds).find(([name]) => kind.includes(name));
  if (known === undefined || precision === 'float32') return undefined; // the table's float32 is TF32
  return known[1].flops[precision === 'tf32' ? 'float32' : 'bfloat16'];
}

/** Attention in blocks beside all scores at once. */
async function mix(
  ours: Child,
  {
    seconds,
    ...sizes
  }: { readonly heads: number; readonly headSize: number; readonly time: number; readonly seconds: number },
): Promise<Measurement[]> {
  const name = `attention, ${sizes.time} tokens`;
  const times: number[] = [];
  for (const form of ['at once', 'blocks'] as const) {
    await ours.ask<AttentionStarted>('startAttention', { form, ...sizes });
    times.push(await ours.ask<number>('attentionBlock', { seconds }));
  }
  const [whole = NaN, blocks = NaN] = times;
  return [
    { figure: `${name}: at once`, value: whole, unit: 'ms' },
    { figure: `${name}: in blocks`, value: blocks, unit: 'ms' },
    {
      figure: `${name}: speed, blocks : at once`,
      value: whole / blocks,
      ...(sizes.time >= 4096 && { goal: { atLeast: 1.45 } }),
    },
  ];
}
