import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import '../../../src/engine/backend.js';
import { cell } from '../../../src/engine/cell.js';
import type { Cell } from '../../../src/engine/cell.js';
import { flatten } from '../../../src/engine/tree.js';
import type { Tree } from '../../../src/engine/tree.js';
import { compile } from '../../../src/engine/compile.js';
import { canonicalJson, hash, hashFile } from '../../../src/files.js';
import type { Json } from '../../../src/files.js';
import { readSafetensors } from '../../../src/model/files/safetensors.js';
import { dtypeOf } from '../../../src/model/files/stored-tensor.js';
import { latestCheckpoint, restore, takeSnapshot, writeCheckpoint } from '../../../src/train/checkpoints/checkpoint.js';
import { startSaver } from '../../../src/train/checkpoints/saver.js';
import type { Position } from '../../../src/train/checkpoints/checkpoint-state.js';
import type { TrainingCells } from '../../../src/train/step.js';
import { treeFiles } from '../../../src/train/checkpoints/tree-files.js';
import { afterScore, unwatched } from '../../../src/train/watch.js';
import { settledMemory } from '../../settled-memory.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** Cells of every dtype that is stored, with numbers that only that dtype holds. */
function everyDtype(seed: number): TrainingCells {
  const numbers = tf.tensor1d([seed + 0.1, -1e-39, -0, 3e38, 1 / 3, -6e-8]);
  return {
    parameters: { layers: [{ weight: cell(tf.tensor2d([[seed, 2, 3]])) }] },
    optimizer: [
      cell(numbers),
      { half: cell(numbers, { storage: 'bfloat16' }), other: cell(tf.mul(numbers, 1e-30), { storage: 'float16' }) },
      cell(tf.tensor1d([seed, -(2 ** 31), 2 ** 31 - 1, 0x7fc0ffee], 'int32')),
    ],
    average: [],
    lossScale: { found: cell(tf.tensor1d([true, false, true], 'bool')) },
  };
}

/** Two weights and a mean: small enough to damage every bit. */
function few(seed: number): TrainingCells {
  return {
    parameters: { weight: cell(tf.tensor1d([seed, 2])) },
    optimizer: [cell(tf.tensor1d([seed / 3]))],
    lossScale: [],
    average: [],
  };
}

const filesOf = (cells: TrainingCells) => treeFiles(takeSnapshot(cells).weights);
const position = (step: number): Position => ({
  step,
  cursor: { epoch: 1, row: 5 },
  watch: unwatched,
  run: 'this run',
});

async function written(cells: TrainingCells, step: number, maxShardBytes?: number): Promise<string> {
  return writeCheckpoint(folder, takeSnapshot(cells), position(step), { files: filesOf(cells), maxShardBytes });
}

async function found(cells: TrainingCells) {
  const checkpoint = await latestCheckpoint(folder, 'this run');
  if (checkpoint === undefined) throw new Error('no checkpoint');
  await restore(cells, checkpoint, filesOf(cells));
  return checkpoint;
}

/** The bits of all cells. */
async function bits(cells: TrainingCells): Promise<unknown> {
  const values: string[] = [];
  for (const kept of flatten<Cell>(cells as unknown as Tree<Cell>)) {
    values.push(Buffer.from((await kept.data()).buffer as ArrayBuffer).toString('hex'));
  }
  return values;
}

describe('a checkpoint', () => {
  it.each([undefined, 30])('brings back every dtype to the bit; files of at most %s bytes', async (maxShardBytes) => {
    const cells = everyDtype(1);
    const path = await written(cells, 4, maxShardBytes);
    const fresh = everyDtype(9);
    expect(await bits(fresh)).not.toEqual(await bits(cells));
    expect(await found(fresh)).toEqual({ ...position(4), folder: path });
    expect(await bits(fresh)).toEqual(await bits(cells));
    expect((await readdir(path)).includes('training.safetensors.index.json')).toBe(maxShardBytes !== undefined);
  });

  it('stores a number in as many bytes as its cell', async () => {
    const path = await written(everyDtype(1), 4);
    const { tensors } = await readSafetensors(join(path, 'training.safetensors'));
    expect(Object.fromEntries([...tensors].map(([name, tensor]) => [name, dtypeOf(tensor)]))).toEqual({
      'optimizer.0': 'F32',
      'optimizer.1.half': 'BF16',
      'optimizer.1.other': 'F16',
      'optimizer.2': 'I32',
      'lossScale.found': 'BOOL',
    });
  });

  it('hashes its files while it writes them', async () => {
    const path = await written(everyDtype(1), 4, 30);
    const { hashes } = JSON.parse(await readFile(join(path, 'state.json'), 'utf8')) as {
      hashes: Record<string, string>;
    };
    const others = (await readdir(path)).filter((name) => name !== 'state.json');
    expect(Object.keys(hashes).sort()).toEqual(others.sort());
    for (const [name, expected] of Object.entries(hashes)) expect(await hashFile(join(path, name))).toBe(expected);
  });

  it.each(['graph', 'xla'] as const)('is of one moment, whatever steps do afterwards: %s', async (target) => {
    const cells = few(1);
    const before = await bits(cells);
    const weight = (cells.parameters as { weight: ReturnType<typeof cell> }).weight;
    const step = compile(
      () => {
        weight.write(tf.add(weight.read(), 1));
        return tf.scalar(0);
      },
      { target },
    );
    await step();
    const moment = await bits(cells);
    const snapshot = takeSnapshot(cells);
    const running = step();
    await writeCheckpoint(folder, snapshot, position(1), { files: filesOf(cells) });
    await running;
    await step();
    expect([await weight.data()]).toEqual([Float32Array.of(4, 5)]);
    await found(cells);
    expect(await bits(cells)).toEqual(moment);
    expect(moment).not.toEqual(before);
  });

  it('leaves no tensors', async () => {
    const cells = everyDtype(1);
    const files = filesOf(cells);
    const { tensors } = await settledMemory();
    await writeCheckpoint(folder, takeSnapshot(cells), position(1), { files });
    expect((await settledMemory()).tensors).toBe(tensors);
    const checkpoint = await latestCheckpoint(folder, 'this run');
    if (checkpoint !== undefined) await restore(cells, checkpoint, files);
    expect((await settledMemory()).tensors).toBe(tensors);
  });

  it('is refused by cells of another optimizer', async () => {
    await written(everyDtype(1), 1);
    const { optimizer, ...others } = everyDtype(1);
    const [first] = optimizer as [ReturnType<typeof cell>];
    const wide = { ...others, optimizer: [first, { half: first, other: first }, cell(tf.tensor1d([1], 'int32'))] };
    await expect(found(wide)).rejects.toThrow(
      /has another cell[\s\S]*BF16 \[6\][\s\S]*F32 \[6\]: the state of the same/,
    );
    const more = { ...others, optimizer: [...(optimizer as []), cell(tf.scalar(1), { name: 'optimizer.3' })] };
    await expect(found(more)).rejects.toThrow(/has no optimizer\.3/);
  });
});

describe('damage', () => {
  const files = ['model.safetensors', 'training.safetensors', 'state.json'];

  /** The step that is gone on from, after two checkpoints and some harm to the second. */
  async function stepAfter(harm: (path: string) => Promise<void>): Promise<number> {
    await written(few(1), 3);
    await harm(await written(few(2), 6));
    const warning = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { step } = await found(few(3));
    expect(warning.mock.calls).toEqual(step === 6 ? [] : [[expect.stringMatching(/step-00000006 is damaged \(.+\)/)]]);
    warning.mockRestore();
    return step;
  }

  it('none: the newest', async () => {
    expect(await stepAfter(() => Promise.resolve())).toBe(6);
  });

  it.each(files)('%s cut short, or missing: the one before', async (file) => {
    expect(await stepAfter(async (path) => truncate(join(path, file), (await stat(join(path, file))).size - 2))).toBe(
      3,
    );
    expect(await stepAfter((path) => truncate(join(path, file), 0))).toBe(3);
    expect(await stepAfter((path) => rm(join(path, file)))).toBe(3);
  });

  it.each(files)('any bit of %s flipped: the one before', async (file) => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(7), async (place, bit) => {
        const step = await stepAfter(async (path) => {
          const bytes = await readFile(join(path, file));
          const at = place % bytes.length;
          bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
          await writeFile(join(path, file), bytes);
        });
        expect(step).toBe(3);
      }),
      { numRuns: 25 },
    );
  });

  it('state.json of something else: the one before', async () => {
    for (const text of ['garbage', '{}', 'null', '{"format":3,"own":"x"}']) {
      expect(await stepAfter((path) => writeFile(join(path, 'state.json'), text))).toBe(3);
    }
  });

  it('a number that was changed by hand: the one before', async () => {
    const step = await stepAfter(async (path) => {
      const text = await readFile(join(path, 'state.json'), 'utf8');
      await writeFile(join(path, 'state.json'), text.replace('"row":5', '"row":6'));
    });
    expect(step).toBe(3);
  });

  it('of all of them: an error that says so, and nothing is touched', async () => {
    await truncate(join(await written(few(1), 3), 'model.safetensors'), 5);
    await rm(join(await written(few(2), 6), 'state.json'));
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    await expect(found(few(3))).rejects.toThrow(
      /all checkpoints in .* are damaged[\s\S]*step-00000006: state\.json is missing[\s\S]*step-00000003: model[\s\S]*remove/,
    );
    expect(await readdir(folder)).toEqual(['step-00000003', 'step-00000006']);
  });

  it('a later format is no damage: an error that asks for a later trainbook', async () => {
    const later = async (path: string): Promise<void> => {
      const { own: _own, ...state } = JSON.parse(await readFile(join(path, 'state.json'), 'utf8')) as Record<
        string,
        Json
      >;
      const changed: Record<string, Json> = { ...state, format: 99, shape: 'unknown' };
      await writeFile(join(path, 'state.json'), JSON.stringify({ ...changed, own: hash(canonicalJson(changed)) }));
    };
    await expect(stepAfter(later)).rejects.toThrow(
      /by a later version of trainbook[\s\S]*format 99[\s\S]*update trainbook/,
    );
  });
});

describe('a saver', () => {
  const watchOf = (best: number | null): Position['watch'] =>
    best === null ? unwatched : { ...unwatched, best: { value: 1, step: best } };

  async function saved(
    keepLast: number,
    steps: readonly (readonly [step: number, best: number | null])[],
  ): Promise<string[]> {
    const cells = few(1);
    const saver = startSaver(folder, cells, { files: filesOf(cells), keepLast, run: 'this run', best: undefined });
    for (const [step, best] of steps) {
      const { cursor } = position(step);
      await saver.begin({ step, cursor, watch: watchOf(best) });
    }
    await saver.settle();
    return (await readdir(folder)).map((name) => String(Number(name.slice(5))));
  }

  it('keeps the last ones, and the best', async () => {
    expect(
      await saved(2, [
        [1, null],
        [2, null],
        [3, null],
      ]),
    ).toEqual(['2', '3']);
    expect(
      await saved(1, [
        [4, 4],
        [5, 4],
        [6, 4],
      ]),
    ).toEqual(['4', '6']);
    expect(
      await saved(1, [
        [7, 7],
        [8, 7],
      ]),
    ).toEqual(['7', '8']);
  });

  it('removes damaged ones of later steps, not the one that took their place', async () => {
    expect(await saved(1, [[8, null]])).toEqual(['8']);
    expect(await saved(1, [[6, null]])).toEqual(['6']);
  });

  it('a best score is a finite number', () => {
    const plan = { metric: 'heldOutLoss', better: 'lower' } as const;
    const after = afterScore(afterScore(unwatched, NaN, 1, plan), 2, 2, plan);
    expect(after.best).toEqual({ value: 2, step: 2 });
    expect(afterScore(after, -Infinity, 3, plan)).toEqual({ ...after, waited: 1 });
  });
});
