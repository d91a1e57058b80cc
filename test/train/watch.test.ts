import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { flatten } from '../../src/engine/tree.js';
import type { Tree } from '../../src/engine/tree.js';
import type { Cell } from '../../src/engine/cell.js';
import { key } from '../../src/engine/key.js';
import { decoder } from '../../src/model/decoder.js';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { loader } from '../../src/tokens/loader.js';
import { pack } from '../../src/tokens/pack.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import type { TrainEvent } from '../../src/train/event.js';
import { causalLanguageModel } from '../../src/train/objectives/causal-language-model.js';
import { startTraining } from '../../src/train/step.js';
import { train } from '../../src/train/train.js';
import type { TrainModelOptions } from '../../src/train/train.js';
import { afterLoss, afterScore, spikeLimit, unwatched, watchSchema } from '../../src/train/watch.js';
import { eventsOf, leastSquares, lineOptions, slopeZero } from './straight-line.js';
import type { Points, Slope } from './straight-line.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watch-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Options = TrainModelOptions<null, Slope, Points>;

/** The slope after each step, by number, and all events. */
async function run(options: Options): Promise<{ slopes: Map<number, number>; events: TrainEvent[]; error?: unknown }> {
  const slopes = new Map<number, number>();
  const events: TrainEvent[] = [];
  const given = options.evaluate;
  try {
    await train(slopeZero, {
      ...options,
      evaluate: async (weights, step) => {
        slopes.set(step, (await weights.slope.data())[0] ?? NaN);
        return given ? given(weights, step) : {};
      },
      on: (event) => {
        events.push(event);
        options.on?.(event);
      },
    });
    return { slopes, events };
  } catch (error) {
    return { slopes, events, error };
  }
}

/** 30 points near height 1, of which the 26th stands out. */
const heights = Array.from({ length: 30 }, (_, index) => (index === 25 ? 50 : 1 + 0.1 * (index % 3)));
const every = { steps: 30, evaluateEvery: 1 };

describe('a step whose loss stands out', () => {
  it('has a limit of mean + k deviations of the losses before, known from the 20th on', () => {
    let watch = unwatched;
    const losses = Array.from({ length: 30 }, (_, index) => 2 + (index % 2));
    for (const loss of losses.slice(0, 19)) watch = afterLoss(watch, loss);
    expect(spikeLimit(watch, 6)).toBe(Infinity);
    watch = afterLoss(watch, losses[19] ?? NaN);
    // Up to 50 losses the moments are plain: ten of 2 and ten of 3.
    expect(watch.mean).toBeCloseTo(2.5, 12);
    expect(watch.variance).toBeCloseTo(0.25, 12);
    expect(spikeLimit(watch, 6)).toBeCloseTo(2.5 + 6 * 0.5, 6);
    expect(watchSchema.parse(JSON.parse(JSON.stringify(watch)))).toEqual(watch);
  });

  it('is recorded with its rows and documents, and trained on', async () => {
    const { slopes, events } = await run(lineOptions(heights, { ...every, spike: {} }));
    const [spike, ...others] = eventsOf(events, 'spike');
    expect(others).toEqual([]);
    expect(spike).toMatchObject({ step: 26, rows: 'the 1 rows before row 26 of epoch 0', documents: ['point 25'] });
    expect(spike?.loss).toBeGreaterThan(spike?.limit ?? NaN);
    expect(slopes.get(26)).not.toBe(slopes.get(25));
    expect(eventsOf(events, 'step')).toHaveLength(30);
  });

  it('is left out if so planned: weights stay to the bit, and the next step goes on from them', async () => {
    const { slopes, events } = await run(lineOptions(heights, { ...every, spike: { action: 'skip' } }));
    expect(slopes.get(26)).toBe(slopes.get(25));
    expect(slopes.get(27)).not.toBe(slopes.get(26));
    expect(eventsOf(events, 'skip')).toMatchObject([{ step: 26, documents: ['point 25'] }]);
    expect(eventsOf(events, 'spike')).toHaveLength(1);
    expect(eventsOf(events, 'step')[25]?.result.skipped).toBe(true);
    // Its loss is not remembered: what follows is judged as if it had not been there.
    const plain = await run(
      lineOptions(
        heights.filter((height) => height < 50),
        { ...every, steps: 29, spike: {} },
      ),
    );
    expect(slopes.get(30)).toBe(plain.slopes.get(29));
  });

  it('leaves the optimizer’s state as it was too, to the bit', async () => {
    const optimizer = adamw({ learningRate: 0.1 });
    const { weights } = slopeZero;
    const training = startTraining(leastSquares(null), { weights, optimizer, target: 'graph', skips: true });
    const numbers = async (): Promise<number[][]> =>
      Promise.all(flatten<Cell>(training.cells as unknown as Tree<Cell>).map(async (kept) => [...(await kept.data())]));
    const point = (y: number): Points => ({ x: Float32Array.of(1), y: Float32Array.of(y) });
    await training.step(point(1), 1, { loss: 10 });
    const before = await numbers();
    expect((await training.step(point(9), 2, { loss: 10 })).skipped).toBe(true);
    expect((await training.step(point(NaN), 3)).skipped).toBe(true);
    expect((await training.step(point(3), 4, { gradientNorm: 1 })).skipped).toBe(true);
    expect(await numbers()).toEqual(before);
    expect((await training.step(point(2), 5, { loss: 10 })).skipped).toBe(false);
    expect(await numbers()).not.toEqual(before);
    training.dispose();
  });

  it('stops the training if so planned, and names the document', async () => {
    const { error, events } = await run(lineOptions(heights, { ...every, spike: { action: 'stop' } }));
    expect(String(error)).toMatch(/at step 26 the loss stands out[\s\S]*row 26 of epoch 0, document point 25\n/);
    expect(eventsOf(events, 'spike')).toHaveLength(1);
    expect(eventsOf(events, 'step')).toHaveLength(25);
  });

  it('is judged alike after a resume: the limit is equal to the last digit', async () => {
    const plan = { ...every, spike: { action: 'skip' as const }, checkpointEvery: 10 };
    const whole = await run(lineOptions(heights, plan));
    const stop = new AbortController();
    const first = await run({
      ...lineOptions(heights, plan),
      checkpoints: folder,
      signal: stop.signal,
      on: (event) => {
        if (event.type === 'step' && event.step === 23) stop.abort();
      },
    });
    expect(first.error).toMatchObject({ name: 'AbortError' });
    const second = await run({ ...lineOptions(heights, plan), checkpoints: folder });
    expect(eventsOf(second.events, 'step')[0]?.step).toBe(24);
    expect(eventsOf(second.events, 'spike')).toEqual(eventsOf(whole.events, 'spike'));
    expect(second.slopes.get(30)).toBe(whole.slopes.get(30));
  });

  it('ends the training where more than 50 in a row are left out', async () => {
    const lost = [...heights.slice(0, 25), ...new Array<number>(75).fill(50)];
    const { error } = await run(lineOptions(lost, { steps: 100, spike: { action: 'skip' } }));
    expect(String(error)).toMatch(/up to step 76 were all left out/);
  });
});

describe('a step whose loss is no number', () => {
  const broken = heights.map((height, index) => (index === 25 ? NaN : height));

  it('stops the training, and names the document', async () => {
    const { error, slopes } = await run(lineOptions(broken, every));
    expect(String(error)).toMatch(/at step 26 the loss is not a number[\s\S]*document point 25\n/);
    expect(slopes.size).toBe(25);
  });

  it('is left out if so planned: weights stay to the bit', async () => {
    const { slopes, events } = await run(lineOptions(broken, { ...every, notFinite: 'skip' }));
    expect(slopes.get(26)).toBe(slopes.get(25));
    expect(slopes.get(30)).toBeGreaterThan(0.9);
    expect(eventsOf(events, 'skip')).toMatchObject([{ step: 26, documents: ['point 25'] }]);
  });

  it('stops also where spikes are left out', async () => {
    const { error } = await run(lineOptions(broken, { ...every, spike: { action: 'skip' } }));
    expect(String(error)).toMatch(/at step 26 the loss is not a number/);
  });
});

it('a language model’s error names ten documents of its batch, and how many more', async () => {
  const documents = Array.from({ length: 14 }, (_, index) => ({ text: 'abab', id: `doc-${index}` }));
  const tokenizer = characterTokenizer({ documents });
  const architecture = decoder({ layers: 1, width: 8, heads: 2, context: 7, vocabularySize: tokenizer.size });
  const packed = pack({ documents }, tokenizer, 7);
  const batchSize = packed.numRows;
  const training = train(
    { architecture, weights: architecture.init(key(1)) },
    {
      objective: causalLanguageModel(),
      data: (options) => loader(packed, options),
      optimizer: adamw({ learningRate: NaN }),
      plan: { steps: 3, batchSize },
      key: key(1),
      target: 'graph',
    },
  );
  await expect(training).rejects.toThrow(
    /at step 2 .* not a number[\s\S]*, documents (doc-\d+, ){9}doc-\d+ and 4 more/,
  );
});

describe('the best score', () => {
  const better = (direction: 'lower' | 'higher', values: readonly number[]) => {
    let watch = unwatched;
    values.forEach((value, index) => {
      watch = afterScore(watch, value, index + 1, { metric: 'score', better: direction });
    });
    return watch;
  };

  it('is the lowest or the highest, the first of equals, and never NaN or infinite', () => {
    expect(better('lower', [3, 2, 2, 5])).toMatchObject({ best: { value: 2, step: 2 }, waited: 2 });
    expect(better('higher', [3, 2, 7, 5])).toMatchObject({ best: { value: 7, step: 3 }, waited: 1 });
    expect(better('lower', [NaN, 2, NaN])).toMatchObject({ best: { value: 2, step: 2 }, waited: 1 });
    expect(better('higher', [NaN, Infinity])).toMatchObject({ best: null, waited: 2 });
  });

  /** Scores by step. */
  const scored = (direction: 'lower' | 'higher', scores: readonly number[], more: Partial<Options> = {}): Options => ({
    ...lineOptions(heights, {
      steps: 12,
      evaluateEvery: 1,
      checkpointEvery: 3,
      keepLast: 1,
      best: { metric: 'score', better: direction, patience: 3 },
    }),
    evaluate: (_: Slope, step: number) => Promise.resolve({ score: scores[step - 1] ?? NaN }),
    ...more,
  });
  const falling = [5, 4, 3, 6, NaN, 6, 1, 1, 1, 1, 1, 1];

  it.each([
    ['lower', falling],
    ['higher', falling.map((score) => -score)],
  ] as const)('ends the training after three evaluations without a better one: %s', async (direction, scores) => {
    const { events, error } = await run(scored(direction, scores, { checkpoints: folder }));
    expect(error).toBeUndefined();
    expect(eventsOf(events, 'end')).toEqual([{ type: 'end', step: 6, reason: 'no better score' }]);
    expect(await readdir(folder)).toEqual(['step-00000003', 'step-00000006']); // the best, and the newest
  });

  it('is remembered by a resume, which ends at the same step, and ends at once when that is over', async () => {
    const stop = new AbortController();
    const first = await run(
      scored('lower', falling, {
        checkpoints: folder,
        signal: stop.signal,
        on: (event) => {
          if (event.type === 'step' && event.step === 4) stop.abort();
        },
      }),
    );
    expect(first.error).toMatchObject({ name: 'AbortError' });
    const second = await run(scored('lower', falling, { checkpoints: folder }));
    expect(eventsOf(second.events, 'step').map(({ step }) => step)).toEqual([5, 6]);
    expect(eventsOf(second.events, 'end')).toMatchObject([{ step: 6, reason: 'no better score' }]);
    const third = await run(scored('lower', falling, { checkpoints: folder }));
    expect(eventsOf(third.events, 'step')).toEqual([]);
  });
});
