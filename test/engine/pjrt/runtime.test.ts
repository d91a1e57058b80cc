import { describe, expect, it } from 'vitest';
import { PjrtError } from '../../../src/engine/pjrt/api.js';
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
    expect(await x.read()).toEqual(ones);
    x.destroy();
    program.destroy();
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
