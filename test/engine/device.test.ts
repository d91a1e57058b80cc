import * as tf from '@tensorflow/tfjs';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { engineInfo, engineName } from '../../src/engine/backend.js';
import { cell } from '../../src/engine/cell.js';
import { compile } from '../../src/engine/compile.js';
import { currentDevice, openDevice, openDevices, setDevice, withDevice } from '../../src/engine/device.js';
import type { DeviceName } from '../../src/engine/device.js';
import { mesh } from '../../src/engine/mesh/mesh.js';
import { withPrecision } from '../../src/engine/precision.js';
import { plugin } from './pjrt/cpu-plugin.js';

const numBuffers = (): number => openDevices()[0]?.client.numBuffers ?? 0;

afterEach(() => {
  setDevice('tensorflow');
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe('names of devices', () => {
  it('are a platform and a number', () => {
    expect(() => setDevice('cuda' as DeviceName)).toThrow(/no name of a device[^]*to fix: write cuda:0/);
    expect(() => setDevice('GPU 0' as DeviceName)).toThrow('no name of a device');
  });

  it('need a plugin, unless something else was asked for', () => {
    vi.stubEnv('TRAINBOOK_PJRT_PLUGIN', '');
    expect(() => setDevice('neuron:0')).toThrow(/no PJRT plugin for neuron[^]*TRAINBOOK_PJRT_PLUGIN/);
    const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    expect(setDevice('neuron:0', { otherwise: 'tensorflow' })).toBe('tensorflow');
    expect(said).toHaveBeenCalledWith(
      expect.stringMatching(/no PJRT plugin for neuron[^]*tensorflow is taken in place of neuron:0/),
    );
  });

  it.skipIf(plugin.path === undefined)('hold within a function, and what it awaits', async () => {
    const inside = withDevice('cpu:1', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return currentDevice();
    });
    expect(currentDevice()).toBe('tensorflow');
    expect(await inside).toBe('cpu:1');
  });

  it('hold no longer where the function fails', () => {
    expect(currentDevice()).toBe('tensorflow');
    expect(() =>
      withDevice('tensorflow', () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(currentDevice()).toBe('tensorflow');
  });
});

describe.skipIf(plugin.path === undefined)(`compiled functions on a device (plugin: ${plugin.reason})`, () => {
  let before = 0;
  beforeEach(() => {
    setDevice('cpu:0');
    before = numBuffers();
  });
  afterAll(() => {
    setDevice('tensorflow');
  });

  it('give device tensors, which eager operations, other devices and TensorFlow can use', async () => {
    const triple = compile((x: tf.Tensor) => tf.mul(x, 3), { name: 'triple' });
    const x = tf.tensor([1, 2, 3]);
    const y = await triple(x);
    const z = triple.sync(y);
    const w = await withDevice('cpu:3', () => triple(z));
    const v = await withDevice('tensorflow', () => triple(w));
    expect(triple.numTraces).toBe(3); // one for each place
    expect([...(await v.data())]).toEqual([81, 162, 243]);
    expect([...tf.add(y, 1).dataSync()]).toEqual([4, 7, 10]);
    expect([...y.dataSync()]).toEqual([3, 6, 9]);
    expect([...z.dataSync()]).toEqual([9, 18, 27]);
    tf.dispose([x, y, z, w, v]);
    expect(numBuffers()).toBe(before);
  });

  it('keep state on the device, in place, and move it where it is used', async () => {
    const total = cell(tf.tensor([1, 2]), { name: 'total' });
    const count = cell(tf.scalar(0, 'int32'));
    const step = compile((x: tf.Tensor) => {
      const next = tf.add(total.read(), x);
      total.write(next);
      count.write(tf.add(count.read(), tf.scalar(1, 'int32')));
      return tf.sum(next);
    });
    const x = tf.tensor([1, 1]);
    for (let index = 0; index < 5; index++) (await step(x)).dispose();
    const held = numBuffers();
    for (let index = 0; index < 5; index++) (await step(x)).dispose();
    expect(numBuffers()).toBe(held); // flat
    expect(total.device).toBe('cpu:0');
    expect([...(await total.data())]).toEqual([11, 12]);
    expect(total.device).toBe('cpu:0'); // reading does not move it
    expect([...(await withDevice('cpu:5', () => step(x))).dataSync()]).toEqual([25]);
    expect(total.device).toBe('cpu:5');
    expect([...(await withDevice('tensorflow', () => step(x))).dataSync()]).toEqual([27]);
    expect(total.device).toBe('tensorflow');
    total.write(tf.tensor([0, 0]));
    expect([...step.sync(x).dataSync()]).toEqual([2]);
    total.write(tf.tensor([5, 5]));
    expect([...(await step(x)).dataSync()]).toEqual([12]);
    expect([...count.read().dataSync()]).toEqual([14]);
    total.dispose();
    count.dispose();
  });

  it('leave alone what somebody still holds', async () => {
    const value = cell(tf.tensor([1, 2]));
    const double = compile(() => {
      value.write(tf.mul(value.read(), 2));
    });
    await double();
    const read = value.read();
    const snapshot = value.snapshot();
    await double();
    await double();
    expect([...read.dataSync()]).toEqual([2, 4]);
    expect([...snapshot.dataSync()]).toEqual([2, 4]);
    expect([...(await value.data())]).toEqual([8, 16]);
    read.dispose();
    snapshot.dispose();
    value.dispose();
    expect(numBuffers()).toBe(before);
  });

  it('run in the order they were called, also those that nobody waited for', async () => {
    const value = cell(tf.scalar(1));
    const step = compile((x: tf.Tensor) => {
      value.write(tf.add(tf.mul(value.read(), 2), x));
      return value.read();
    });
    const calls = Array.from({ length: 20 }, (_, index) => step(tf.scalar(index)));
    const expected = Array.from({ length: 20 }).reduce<number>((now, _, index) => now * 2 + index, 1);
    expect(value.read().dataSync()[0]).toBe(expected); // sees all that were queued
    const results = await Promise.all(calls);
    expect((await results[19]?.data())?.[0]).toBe(expected);
    expect((await results[0]?.data())?.[0]).toBe(2);
  });

  it('leave the JavaScript thread free, and results are there before later calls are', async () => {
    const square = tf.randomUniform([384, 384], 0, 0.01);
    const value = cell(square);
    const slow = compile(() => {
      let product = value.read();
      for (let index = 0; index < 12; index++) product = tf.matMul(product, square);
      value.write(product);
      return tf.sum(product);
    });
    (await slow()).dispose(); // compiled
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const ended: string[] = [];
    const first = slow().then(async (result) => {
      await result.data();
      ended.push('first result');
    });
    const rest = Array.from({ length: 6 }, () => slow());
    const last = Promise.all(rest).then(() => ended.push('all'));
    await Promise.all([first, last]);
    clearInterval(timer);
    expect(ended).toEqual(['first result', 'all']);
    expect(turns).toBeGreaterThan(2);
  });

  it('are part of what a result depends on', () => {
    const name = engineName();
    expect(name).toMatch(/^libtensorflow \S+ CPU; cpu cpu \(PJRT 0\.\d+\)$/);
    expect(engineInfo().device).toMatchObject({ name: 'cpu:0', kind: 'cpu', plugin: plugin.path });
    expect(engineInfo().reason).toMatch(/compiled functions on cpu:0 \(cpu, PJRT 0\.\d+\)/);
    expect(withDevice('cpu:3', engineName)).toBe(name); // which of equal devices it is does not matter
    expect(withDevice('tensorflow', engineName)).toMatch(/^libtensorflow \S+ CPU$/);
  });

  it('ask for TF32 where it is asked for, which is NVIDIA’s', () => {
    const product = compile((x: tf.Tensor) => tf.matMul(x, x), { name: 'product_in_tf32' });
    const x = tf.mul(tf.range(0, 36).reshape([6, 6]), 0.1);
    expect(() => withPrecision('tf32', () => product.sync(x))).toThrow(
      /TF32 is a format of NVIDIA GPUs[^]*tf32 on cpu:0/,
    );
    expect(() => withDevice('tensorflow', () => withPrecision('tf32', () => product.sync(x)))).toThrow(
      /tf32 on tensorflow/,
    );
    const compiled = vi.spyOn(openDevice('cpu:0').client, 'compileSync');
    const whole = product.sync(x).dataSync();
    expect(compiled.mock.lastCall?.[0]).toContain('precision = [HIGHEST, HIGHEST]');
    const rounded = withPrecision('tf32', () => product.sync(x), { emulated: true }).dataSync();
    expect(compiled.mock.lastCall?.[0]).toContain('precision = [DEFAULT, DEFAULT]');
    expect(compiled).toHaveBeenCalledTimes(2);
    expect(rounded).toEqual(whole); // the processor has no such products
  });

  it('refuse formats that the CPU plugin only emulates', () => {
    expect(() => withPrecision('bfloat16', () => 1)).toThrow(/CPU plugin only emulates bfloat16/);
    expect(withPrecision('bfloat16', () => 1, { emulated: true })).toBe(1);
  });

  it('keep the storage of cells, captured tensors, and every dtype', async () => {
    const narrow = cell(tf.tensor([1 / 3, 1]), { storage: 'bfloat16' });
    const captured = tf.range(0, 100);
    const flags = tf.tensor([1, 0], [2], 'bool');
    const use = compile((mask: tf.Tensor) => {
      narrow.write(tf.add(narrow.read(), 1));
      return [tf.sum(captured), tf.logicalNot(mask), tf.cast(mask, 'int32')] as const;
    });
    const [sum, not, numbers] = await use(flags);
    captured.dispose();
    await use(flags);
    expect(sum.dataSync()[0]).toBe(4950);
    expect([not.dtype, ...not.dataSync()]).toEqual(['bool', 0, 1]);
    expect([numbers.dtype, ...numbers.dataSync()]).toEqual(['int32', 1, 0]);
    expect((await narrow.data())[0]).toBeCloseTo(2 + 1 / 3, 1);
    expect(narrow.snapshot().dataSync()[1]).toBe(3);
  });

  it('tell errors of the plugin, and go on afterwards', async () => {
    const value = cell(tf.ones([8]));
    const column = tf.ones([2 ** 20, 1]);
    const huge = compile(() => {
      value.write(tf.add(value.read(), 1));
      return tf.matMul(column, column, false, true); // 4 TB
    });
    await expect(huge()).rejects.toThrow(/memory of the device is full[^]*microBatch/);
    const fine = compile(() => tf.sum(value.read()));
    expect([8, 16]).toContain((await fine()).dataSync()[0]);
    const words = compile((x: tf.Tensor) => x);
    await expect(words(tf.tensor(['a']))).rejects.toThrow('a tensor of strings cannot go to the device cpu:0');
    expect(() => openDevice('cpu:8')).toThrow(/cpu:8 is not there[^]*cpu:0 to cpu:7[^]*TRAINBOOK_CPU_DEVICES/);
    const many = mesh({ data: 4, tensor: 4, platform: 'cpu' });
    expect(() => setDevice(many)).toThrow(
      /cpu:data=4,tensor=4 needs more devices than there are\n.*16 devices\n.*8 or fewer: cpu:0 to cpu:7[^]*TRAINBOOK_CPU_DEVICES/,
    );
    expect(() => setDevice('cpu:data=2,dat=2')).toThrow(/how devices are arranged[^]*dat=2 in data=2,dat=2/);
  });
});
