import { describe, expect, it } from 'vitest';
import { PjrtError } from '../../../src/engine/pjrt/pjrt-error.js';
import { outputBuffer } from '../../../src/engine/pjrt/buffer.js';
import { awaitEvent } from '../../../src/engine/pjrt/event.js';
import { PjrtClient } from '../../../src/engine/pjrt/runtime.js';
import type { Elements, Spec } from '../../../src/engine/trace.js';
import { plugin, testClient } from './cpu-plugin.js';

/** x + y, and x again: the first input's memory becomes the first output's. */
const addition = `module @add {
  func.func public @main(%x: tensor<2x3xf32> {tf.aliasing_output = 0 : i32}, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
    %0 = stablehlo.add %x, %y : tensor<2x3xf32>
    return %0 : tensor<2x3xf32>
  }
}`;
/** The sum of 16 numbers, of which each of 8 devices has two. */
const sumOfParts = `module @sum attributes {mhlo.num_partitions = 8 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%x: tensor<16xf32> {mhlo.sharding = "{devices=[8]0,1,2,3,4,5,6,7}"}) -> (tensor<f32> {mhlo.sharding = "{replicated}"}) {
    %c = stablehlo.constant dense<0.0> : tensor<f32>
    %0 = stablehlo.reduce(%x init: %c) applies stablehlo.add across dimensions = [0] : (tensor<16xf32>, tensor<f32>) -> tensor<f32>
    return %0 : tensor<f32>
  }
}`;
const matrix: Spec = { dtype: 'float32', shape: [2, 3] };
const ones = Float32Array.of(1, 1, 1, 1, 1, 1);

describe.skipIf(plugin.path === undefined)(`the PJRT runtime (plugin: ${plugin.reason})`, () => {
  it('says what the client runs on', () => {
    const client = testClient();
    expect(client.platform).toBe('cpu');
    expect(client.devices.map(({ id, kind }) => [id, kind])).toEqual([[0, 'cpu']]);
    expect(client.apiVersion.minor).toBeGreaterThanOrEqual(81);
  });

  it('gives as many devices as it is asked for', () => {
    const client = PjrtClient.create(plugin.path ?? '', { cpu_device_count: 3 });
    expect(client.devices.map(({ id }) => id)).toEqual([0, 1, 2]);
    client.destroy();
    client.destroy();
    expect(() => client.put(matrix, ones)).toThrow('the client was destroyed');
  });

  it.each<[Spec, Elements]>([
    [{ dtype: 'float32', shape: [2, 3] }, Float32Array.of(1, -2, 3.5, NaN, Infinity, -0)],
    [{ dtype: 'float64', shape: [2] }, Float64Array.of(Math.PI, 1e300)],
    [{ dtype: 'int8', shape: [2] }, Int8Array.of(-128, 127)],
    [{ dtype: 'int16', shape: [2] }, Int16Array.of(-32768, 7)],
    [{ dtype: 'int32', shape: [] }, Int32Array.of(-7)],
    [{ dtype: 'int64', shape: [1, 2] }, BigInt64Array.of(-(2n ** 63n), 5n)],
    [{ dtype: 'uint8', shape: [2] }, Uint8Array.of(0, 255)],
    [{ dtype: 'uint16', shape: [2] }, Uint16Array.of(0, 65535)],
    [{ dtype: 'uint32', shape: [2] }, Uint32Array.of(0, 0xffffffff)],
    [{ dtype: 'uint64', shape: [2] }, BigUint64Array.of(0n, 2n ** 64n - 1n)],
    [{ dtype: 'bool', shape: [3] }, Uint8Array.of(1, 0, 1)],
    [{ dtype: 'bfloat16', shape: [2] }, Uint16Array.of(0x3f80, 0xc000)],
    [{ dtype: 'float16', shape: [2] }, Uint16Array.of(0x3c00, 0xc000)],
    [{ dtype: 'complex64', shape: [2] }, Float32Array.of(1, 2, 3, 4)],
    [{ dtype: 'float32', shape: [0, 3] }, new Float32Array(0)],
  ])('puts and reads $dtype', async (spec, elements) => {
    const buffer = testClient().put(spec, elements);
    expect(await buffer.read()).toEqual(elements);
    expect(buffer.readSync()).toEqual(elements);
    buffer.destroy();
    buffer.destroy();
    expect(() => buffer.readSync()).toThrow('was destroyed');
  });

  it('refuses elements that do not fill the shape', () => {
    expect(() => testClient().put(matrix, ones.subarray(1))).toThrow(
      '20 bytes do not fill float32[2, 3], which has 24 bytes',
    );
  });

  it('runs a program, takes over what is donated and keeps what is not', async () => {
    const client = testClient();
    const program = await client.compile(addition, { donated: [0] });
    const y = client.put(matrix, ones);
    let x = client.put(matrix, Float32Array.of(1, 2, 3, 4, 5, 6));
    for (let step = 0; step < 100; step++) {
      const [sum] = await program.execute([x, y]);
      expect(() => x.readSync()).toThrow('was donated');
      if (sum === undefined) throw new Error('one output');
      x = sum;
    }
    expect(x.spec).toEqual(matrix);
    expect(await x.read()).toEqual(Float32Array.of(101, 102, 103, 104, 105, 106));
    const [last] = program.executeSync([x, y]);
    expect(await last?.read()).toEqual(Float32Array.of(102, 103, 104, 105, 106, 107));
    program.destroy();
    await expect(program.execute([y, y])).rejects.toThrow('the executable was destroyed');
    last?.destroy();
    y.destroy();
  });

  it('turns errors of the plugin into errors with its words', async () => {
    const client = testClient();
    await expect(
      client.compile('module { func.func @main() { %0 = stablehlo.nothing : tensor<f32> } }'),
    ).rejects.toSatisfy(
      (error: unknown) =>
        error instanceof PjrtError && error.message.includes("custom op 'stablehlo.nothing' is unknown"),
    );
    const program = await client.compile(addition);
    const x = client.put(matrix, ones);
    await expect(program.execute([x])).rejects.toThrow(/LoadedExecutable_Execute: .* expected 2/);
    await expect(program.execute([x])).rejects.toHaveProperty('code', 3); // invalid argument
    await expect(client.compile(addition, { flags: { xla_no_such_flag: true } })).rejects.toThrow('xla_no_such_flag');
    expect(await x.read()).toEqual(ones);
    x.destroy();
    program.destroy();
  });

  it('leaves alone what it is told to, and counts its buffers', async () => {
    const client = testClient();
    const before = client.numBuffers;
    const program = await client.compile(addition, { donated: [0] });
    const [x, y] = [client.put(matrix, ones), client.put(matrix, ones)];
    const launch = program.launch(2);
    launch.setInput(0, x.pointer);
    launch.setInput(1, y.pointer);
    launch.keep([0]);
    await awaitEvent(client.functions, launch.run());
    expect(x.readSync()).toEqual(ones);
    const sum = outputBuffer(client.functions, launch.output(0));
    expect(sum.readSync()).toEqual(ones.map(() => 2));
    expect(client.numBuffers).toBe(before + 3);
    for (const buffer of [x, y, sum]) buffer.destroy();
    expect(client.numBuffers).toBe(before);
    program.destroy();
  });

  it('gives programs that are loaded without compiling, and says what they take', async () => {
    const client = testClient();
    const program = await client.compile(addition, { donated: [0] });
    expect(program.memory()).toMatchObject({ inputs: 48, outputs: 24, aliased: 24 });
    expect(program.optimised().includes(Buffer.from('add'))).toBe(true);
    const again = client.load(program.serialise(), { donated: [0] });
    const [x, y] = [client.put(matrix, ones), client.put(matrix, ones)];
    const [sum] = await again.execute([x, y]);
    expect(sum?.readSync()).toEqual(ones.map(() => 2));
    expect(() => x.readSync()).toThrow('was donated');
    expect(() => client.load(Buffer.from('nothing'))).toThrow('Executable_DeserializeAndLoad');
  });

  it('runs on the device that is named, and on several as one', async () => {
    const client = PjrtClient.create(plugin.path ?? '', { cpu_device_count: 8 });
    const third = await client.compile(addition, { devices: [3] });
    const at = (device: number, elements: Float32Array, shape: readonly number[]) =>
      client.put({ dtype: 'float32', shape }, elements, client.devices[device]);
    const [sum] = await third.execute([at(3, ones, [2, 3]), at(3, ones, [2, 3])]);
    expect(sum?.readSync()).toEqual(ones.map(() => 2));
    const copy = sum?.copyTo(client.devices[5]?.pointer ?? 0n);
    expect(copy?.readSync()).toEqual(ones.map(() => 2));
    await expect(third.execute([at(1, ones, [2, 3]), at(3, ones, [2, 3])])).rejects.toThrow('is on device');
    const whole = await client.compile(sumOfParts, { partitions: 8 });
    const launch = whole.launch(1, 8);
    for (let device = 0; device < 8; device++) {
      launch.setInput(0, at(device, Float32Array.of(device, 1), [2]).pointer, device);
    }
    await awaitEvent(client.functions, launch.run());
    for (let device = 0; device < 8; device++) {
      expect(outputBuffer(client.functions, launch.output(0, device)).readSync()).toEqual(Float32Array.of(36));
    }
    expect(client.memory(client.devices[0] ?? { id: 0, kind: '', pointer: 0n })).toBeUndefined(); // the CPU plugin does not say
  });

  it('holds large arrays until they are copied', async () => {
    const client = testClient();
    const elements = Float32Array.from({ length: 2 ** 19 }, (_, index) => index);
    const buffer = client.put({ dtype: 'float32', shape: [2 ** 19] }, elements);
    await client.transferred();
    elements.fill(0);
    expect((await buffer.read())[2 ** 19 - 1]).toBe(2 ** 19 - 1);
    buffer.destroy();
  });

  it('keeps NaNs in a maximum', async () => {
    const client = testClient();
    const program = await client.compile(addition.replace('stablehlo.add', 'stablehlo.maximum'));
    const [x, y] = [
      client.put(matrix, Float32Array.of(Infinity, NaN, 1, 2, 3, 4)),
      client.put(matrix, Float32Array.of(NaN, 1, NaN, 1, 5, 0)),
    ];
    const [largest] = await program.execute([x, y]);
    expect(await largest?.read()).toEqual(Float32Array.of(NaN, NaN, NaN, 2, 5, 4));
  });
});
