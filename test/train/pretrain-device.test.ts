import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { openDevices, setDevice } from '../../src/engine/device.js';
import type { DeviceName } from '../../src/engine/device.js';
import { mesh } from '../../src/engine/mesh/mesh.js';
import { loadModel, weightHash } from '../../src/model/model.js';
import { pretrain } from '../../src/train/pretrain.js';
import type { PretrainOptions } from '../../src/train/pretrain.js';
import { plugin } from '../engine/pjrt/cpu-plugin.js';
import { architecture, options, packedRows } from './small-pretraining.js';

afterEach(() => {
  setDevice('tensorflow');
});

describe.skipIf(plugin.path === undefined)(`pretraining on a device (plugin: ${plugin.reason})`, () => {
  it('gives the losses of TensorFlow to 1e-5, with a flat number of buffers and tensors', async () => {
    const numbers: Record<string, number>[] = [];
    const heldOut = packedRows(4);
    await pretrain(architecture, {
      ...options,
      heldOut,
      evaluateEvery: 6,
      metrics: (step, values) => numbers.push({ step, ...values }),
    });
    setDevice('cpu:0');
    const [device] = openDevices();
    const onDevice: Record<string, number>[] = [];
    const counts: { buffers: number; tensors: number }[] = [];
    const ofBefore = device?.client.numBuffers ?? NaN;
    const model = await pretrain(architecture, {
      ...options,
      heldOut,
      evaluateEvery: 6,
      metrics: (step, values) => {
        onDevice.push({ step, ...values });
        counts.push({ buffers: device?.client.numBuffers ?? NaN, tensors: tf.memory().numTensors });
      },
    });
    expect(onDevice.map(({ step }) => step)).toEqual(numbers.map(({ step }) => step));
    for (const [index, expected] of numbers.entries()) {
      for (const name of ['loss', 'gradientNorm', 'heldOutLoss']) {
        if (expected[name] === undefined) continue;
        const difference = Math.abs((onDevice[index]?.[name] ?? NaN) - expected[name]);
        expect(difference, `${name} of step ${expected['step'] ?? NaN}`).toBeLessThan(
          1e-5 * Math.max(1, expected[name]),
        );
      }
    }
    expect(counts[10]?.buffers).toBe(counts[1]?.buffers);
    expect(counts[10]?.tensors).toBeLessThanOrEqual(counts[1]?.tensors ?? NaN);
    tf.dispose(model.weights as unknown as tf.TensorContainer);
    expect(device?.client.numBuffers).toBe(ofBefore);
  });

  it('interrupted and resumed, ends with the weights of a run that never was', async () => {
    setDevice('cpu:0');
    const whole = await weightHash(await pretrain(architecture, options));
    const folder = await mkdtemp(join(tmpdir(), 'pretrain-device-'));
    try {
      const stop = new AbortController();
      const running = pretrain(architecture, {
        ...options,
        checkpoints: folder,
        signal: stop.signal,
        metrics: (step) => {
          if (step === 6) stop.abort();
        },
      });
      await expect(running).rejects.toMatchObject({ name: 'AbortError' });
      const saved = await loadModel(join(folder, 'step-00000006'));
      expect(saved.architecture.config).toEqual(architecture.config);
      const steps: number[] = [];
      const resumed = await pretrain(architecture, {
        ...options,
        checkpoints: folder,
        metrics: (step) => steps.push(step),
      });
      expect(steps).toEqual([7, 8, 9, 10, 11, 12]);
      expect(await weightHash(resumed)).toBe(whole);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it(
    'interrupted on a mesh, goes on on the same one to the bit, and on another within rounding',
    { timeout: 120_000 },
    async () => {
      const losses = async (device: DeviceName, more: Partial<PretrainOptions> = {}) => {
        setDevice(device);
        const found: number[] = [];
        const metrics: PretrainOptions['metrics'] = (step, { loss = NaN }) => {
          found[step] = loss;
          if (step === 6) stop.abort();
        };
        const stop = new AbortController();
        const model = await pretrain(architecture, {
          ...options,
          metrics,
          ...(more.checkpoints !== undefined && { ...more, signal: stop.signal }),
        });
        return { found, hash: await weightHash(model) };
      };
      const [first, second] = [mesh({ data: 3, tensor: 2, platform: 'cpu' }), mesh({ fsdp: 2, platform: 'cpu' })];
      const whole = await losses(first);
      const folder = await mkdtemp(join(tmpdir(), 'pretrain-mesh-'));
      try {
        const checkpoints = join(folder, 'one');
        await expect(losses(first, { checkpoints })).rejects.toMatchObject({ name: 'AbortError' });
        await cp(checkpoints, join(folder, 'two'), { recursive: true });
        const same = await losses(first, { checkpoints });
        expect(same.hash).toBe(whole.hash);
        const other = await losses(second, { checkpoints: join(folder, 'two') });
        expect(other.found[6]).toBeUndefined();
        for (let step = 7; step <= 12; step++) expect(other.found[step]).toBeCloseTo(whole.found[step] ?? NaN, 5);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});
