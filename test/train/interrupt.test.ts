import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { interruptible, interruptibly } from '../../src/train/interrupt.js';
import { train } from '../../src/train/train.js';
import { pretendKernel } from '../report/kernel-writer.js';
import { lineOptions, slopeZero } from './straight-line.js';

let folder = '';
let kernel: ReturnType<typeof pretendKernel> | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'interrupt-'));
});
afterEach(async () => {
  kernel?.stop();
  kernel = undefined;
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const listeners = (): number => process.listenerCount('SIGINT');

describe('an interrupt', () => {
  it('aborts a signal once, and is let go of', async () => {
    const before = listeners();
    const heard = vi.fn();
    const interrupt = await interruptible(heard);
    expect(listeners()).toBe(before + 1);
    process.emit('SIGINT');
    expect(interrupt.signal.aborted).toBe(true);
    expect(heard).toHaveBeenCalledOnce();
    expect(listeners()).toBe(before);
    const second = await interruptible();
    second.release();
    expect(listeners()).toBe(before);
  });

  it('in a notebook: what comes next waits for what was interrupted and is still saving', async () => {
    const log: string[] = [];
    let save = (): void => undefined;
    const saving = new Promise<void>((resolve) => (save = resolve));
    const isKernel = (): boolean => true;
    const first = interruptibly(
      undefined,
      () => log.push('interrupted'),
      async (signal) => {
        process.emit('SIGINT');
        await saving;
        log.push(signal?.aborted === true ? 'saved' : 'never told');
        throw new Error('interrupted');
      },
      isKernel,
    );
    const failed = expect(first).rejects.toThrow('interrupted');
    await vi.waitUntil(() => log.includes('interrupted'));
    const second = interruptibly(
      undefined,
      () => undefined,
      () => Promise.resolve(log.push('second')),
      isKernel,
    );
    await new Promise((resolve) => setTimeout(resolve, 30));
    save();
    await Promise.all([failed, second]);
    expect(log).toEqual(['interrupted', 'saved', 'second']);
  });

  it('two that run beside each other do not wait for each other', async () => {
    const isKernel = (): boolean => true;
    const run = (): Promise<number> =>
      interruptibly(
        undefined,
        () => undefined,
        () => Promise.resolve(1),
        isKernel,
      );
    expect(await Promise.all([run(), run()])).toEqual([1, 1]);
  });
});

describe('a training in a cell', () => {
  const options = { ...lineOptions([1, 2, 3], { steps: 8 }), energy: { nvidiaSmi: '/nowhere/nvidia-smi' } };

  it('finishes its step and saves when the cell is interrupted; the same cell again goes on from there', async () => {
    const whole = await train(slopeZero, options);
    kernel = pretendKernel();
    const said = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const before = listeners();
    const steps: number[] = [];
    const cell = (interruptAt?: number): Promise<typeof slopeZero> =>
      train(slopeZero, {
        ...options,
        checkpoints: folder,
        on: (event) => {
          if (event.type !== 'step') return;
          steps.push(event.step);
          if (event.step === interruptAt) process.emit('SIGINT');
        },
      });
    await expect(cell(3)).rejects.toThrow(/interrupted after step 3 of 8; saved in/);
    expect(said).toHaveBeenCalledWith(expect.stringContaining('run the cell again to go on'));
    const resumed = await cell();
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await resumed.weights.slope.data()).toEqual(await whole.weights.slope.data());
    expect(listeners()).toBe(before);
  });

  it('leaves interrupts alone in a plain program, and where a signal is given', async () => {
    const before = listeners();
    const counts: number[] = [];
    const on = (): void => void counts.push(listeners());
    await train(slopeZero, { ...options, on });
    kernel = pretendKernel();
    await train(slopeZero, { ...options, on, signal: new AbortController().signal });
    expect(new Set(counts)).toEqual(new Set([before]));
  });
});
