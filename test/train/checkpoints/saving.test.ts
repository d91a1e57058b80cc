import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import { loadModel, weightHash } from '../../../src/model/model.js';
import { loader } from '../../../src/tokens/loader.js';
import type { Packed } from '../../../src/tokens/pack.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import type { TrainEvent } from '../../../src/train/event.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { decoderFiles } from '../../../src/train/checkpoints/decoder-files.js';
import { train } from '../../../src/train/train.js';

const architecture = decoder({ layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 11 });
const model = { architecture, weights: architecture.init(key(1)) };
const packed: Packed = {
  context: 8,
  numRows: 7,
  tokens: Int32Array.from({ length: 63 }, (_, index) => (index * index) % 11),
  weights: new Uint8Array(56).fill(1),
  numTokens: 56,
  numBytes: 56,
};
const files = decoderFiles(architecture);

type Options = Partial<Parameters<typeof train<typeof architecture, typeof model.weights, never, typeof model>>[1]>;

/** Ten steps, a checkpoint after every second one. */
function trained({ plan, ...options }: Options = {}): Promise<typeof model> {
  return train(model, {
    objective: causalLanguageModel(),
    data: (given) => loader(packed, given),
    optimizer: adamw({ learningRate: 1e-2 }),
    key: key(5),
    target: 'graph', // compiles at once
    checkpoints: join(folder, 'checkpoints'),
    files,
    ...options,
    plan: { steps: 11, batchSize: 3, checkpointEvery: 2, ...plan },
  });
}

let folder = '';
let whole = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'saving-'));
  whole ||= await weightHash(await trained({ checkpoints: undefined }));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const kept = async (): Promise<string[]> =>
  (await readdir(join(folder, 'checkpoints'))).map((name) => name.replace(/^step-0*/, ''));

const stepsInto =
  (steps: number[]) =>
  (event: TrainEvent): void => {
    if (event.type === 'step') steps.push(event.step);
  };

/** A disk that refuses while it is broken: a file stands where the folder was. Works for every user, root too. */
const breakDisk = (): void => {
  renameSync(join(folder, 'checkpoints'), join(folder, 'aside'));
  writeFileSync(join(folder, 'checkpoints'), '');
};
const mendDisk = (): void => {
  rmSync(join(folder, 'checkpoints'));
  renameSync(join(folder, 'aside'), join(folder, 'checkpoints'));
};

describe('checkpoints of a training', () => {
  it('are written while steps run, one at a time; training ends when the last is written', async () => {
    const log: string[] = [];
    let stepThree: () => void = () => undefined;
    const afterThree = new Promise<void>((resolve) => (stepThree = resolve));
    let numWriting = 0;
    const result = await trained({
      files: {
        ...files,
        write: async (...args) => {
          expect(++numWriting).toBe(1);
          await afterThree; // would be waited for in vain if steps waited for this
          await files.write(...args);
          numWriting--;
          log.push('written');
        },
      },
      on: (event) => {
        if (event.type === 'step') log.push(String(event.step));
        if (event.type === 'checkpoint') log.push(`checkpoint ${event.step}`);
        if (event.type === 'step' && event.step === 3) stepThree();
      },
    });
    const place = (entry: string): number => log.indexOf(entry);
    expect(place('written')).toBeGreaterThan(place('3'));
    expect(place('checkpoint 2')).toBeGreaterThan(place('3'));
    expect(log.at(-1)).toBe('checkpoint 10');
    expect(log.filter((entry) => entry === 'written')).toHaveLength(5);
    expect(await weightHash(result)).toBe(whole);
    expect(await kept()).toEqual(['8', '10']);
  });

  it('the one that is being written when training fails is kept', async () => {
    const failing = trained({
      on: (event) => {
        if (event.type === 'step' && event.step === 5) throw new Error('killed');
      },
      files: {
        ...files,
        write: async (...args) => {
          await new Promise((resolve) => setTimeout(resolve, 200));
          await files.write(...args);
        },
      },
    });
    await expect(failing).rejects.toThrow('killed');
    expect(await kept()).toEqual(['2', '4']);
  });

  it('above a size are shards, which are a model folder too, and are gone on from', async () => {
    const maxShardBytes = 4000;
    const stop = new AbortController();
    const stopped = trained({
      maxShardBytes,
      signal: stop.signal,
      on: (event) => {
        if (event.type === 'step' && event.step === 5) stop.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    const path = join(folder, 'checkpoints', 'step-00000005');
    expect(await readdir(path)).toEqual(
      expect.arrayContaining(['model.safetensors.index.json', 'training.safetensors.index.json']),
    );
    expect((await loadModel(path)).architecture.config).toEqual(architecture.config);
    const steps: number[] = [];
    const result = await trained({ on: stepsInto(steps) });
    expect(steps[0]).toBe(6);
    expect(await weightHash(result)).toBe(whole);
  });

  it('that no disk is to blame for end the training', async () => {
    const write = () => Promise.reject(new TypeError('no such function'));
    await expect(trained({ files: { ...files, write } })).rejects.toThrow('no such function');
  });

  it('the best one is kept beside the last', async () => {
    const scores = [5, 4, 1, 2, 3];
    await trained({
      plan: { steps: 10, batchSize: 3, keepLast: 1, evaluateEvery: 2, best: { metric: 'score' } },
      evaluate: (_, step) => Promise.resolve({ score: scores[step / 2 - 1] ?? NaN }),
    });
    expect(await kept()).toEqual(['6', '10']);
  });
});

describe('a disk that refuses', () => {
  it('for a while: a warning, an event, and the next checkpoint is written', async () => {
    const warning = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const events: TrainEvent[] = [];
    const result = await trained({
      on: (event) => {
        if (event.type === 'checkpoint' || event.type === 'unsaved') events.push(event);
        if (event.type === 'checkpoint' && event.step === 2) breakDisk();
        if (event.type === 'unsaved') mendDisk();
      },
    });
    expect(await weightHash(result)).toBe(whole);
    expect(events.find(({ type }) => type === 'unsaved')).toMatchObject({ step: 4, cause: { code: 'EEXIST' } });
    expect(events.map(({ step }) => step).at(-1)).toBe(10);
    expect(warning.mock.calls).toEqual([[expect.stringMatching(/the checkpoint of step 4 was not written .*stay/)]]);
    expect(await kept()).toEqual(['8', '10']);
  });

  it('the last one, after an interrupt: an error that says so; what was there before is gone on from', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const stop = new AbortController();
    const stopped = trained({
      signal: stop.signal,
      on: (event) => {
        if (event.type === 'checkpoint' && event.step === 4) {
          breakDisk();
          stop.abort();
        }
      },
    });
    await expect(stopped).rejects.toThrow(/the checkpoint of step \d, the last one, was not written[\s\S]*make room/);
    // A training that is over has its weights to give.
    expect(await trained({ plan: { steps: 2, batchSize: 3 } })).toBeDefined();
    mendDisk();
    const steps: number[] = [];
    const result = await trained({ on: stepsInto(steps) });
    expect(steps[0]).toBe(5);
    expect(await weightHash(result)).toBe(whole);
  });

  /** A file system of 170 KB: two checkpoints of 68 KB fit, a third does not. */
  const mounted = (path: string): boolean => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=170k', 'tmpfs', path], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };

  it('full: training ends as if it were not, and the checkpoints before are whole', async ({ skip }) => {
    const path = join(folder, 'checkpoints');
    await mkdir(path);
    if (!mounted(path)) skip('no right to mount a small file system');
    try {
      vi.spyOn(console, 'warn').mockImplementation(() => undefined);
      const causes: unknown[] = [];
      const result = await trained({
        on: (event) => {
          if (event.type === 'unsaved') causes.push(event.cause);
        },
      });
      expect(await weightHash(result)).toBe(whole);
      expect(causes).toEqual([6, 8, 10].map(() => expect.objectContaining({ code: 'ENOSPC' }) as unknown));
      expect(await kept()).toEqual(['2', '4']);
      const steps: number[] = [];
      await trained({ on: stepsInto(steps) });
      expect(steps[0]).toBe(5);
    } finally {
      execFileSync('umount', [path]);
    }
  });
});
