import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { compile, loadSavedModel } from '../../src/index.js';
import { binding } from '../../src/engine/backend.js';
import { TrainbookError } from '../../src/error.js';
import { settledMemory } from '../settled-memory.js';

const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));
const folder = join(fixtures, 'saved-model');

/** What TensorFlow in Python gives for the same model (`fixtures/saved_model.py`). */
interface Truth {
  readonly x: number[][];
  readonly scores: number[][];
  readonly text: string[];
  readonly upper: string[];
  readonly length: number[];
  readonly long: boolean[];
}
const truth = JSON.parse(await readFile(join(fixtures, 'saved-model.json'), 'utf8')) as Truth;

it('gives what Python gives', async () => {
  const model = await loadSavedModel(folder);
  expect(model.inputs).toEqual({ x: { node: 'serving_default_x:0', dtype: 'float32', shape: [null, 3] } });
  expect(Object.keys(model.outputs)).toEqual(['scores']);
  expect(model.outputs['scores']).toMatchObject({ dtype: 'float32', shape: [null, 2] });
  const before = await settledMemory();
  const x = tf.tensor2d(truth.x);
  for (let time = 0; time < 3; time++) {
    const { scores } = model.predict({ x }) as { scores: tf.Tensor };
    expect(scores.shape).toEqual([2, 2]);
    scores.dataSync().forEach((score, index) => {
      expect(score).toBeCloseTo(truth.scores.flat()[index] ?? NaN, 6);
    });
    scores.dispose();
  }
  x.dispose();
  expect(await settledMemory()).toEqual(before);
  model.dispose();
});

it('takes and gives strings, 64-bit integers and truth values', async () => {
  const model = await loadSavedModel(folder, { signature: 'lengths' });
  expect(model.inputs['least']).toEqual({ node: 'lengths_least:0', dtype: 'int64', shape: [] });
  const inputs = { text: tf.tensor1d(truth.text), least: tf.scalar(5, 'int32') };
  const outputs = model.predict(inputs) as Record<'upper' | 'length' | 'long', tf.Tensor>;
  expect(Object.values(outputs).map(({ dtype }) => dtype)).toEqual(['int32', 'bool', 'string']);
  expect([...outputs.upper.dataSync<'string'>()]).toEqual(truth.upper);
  expect([...outputs.length.dataSync()]).toEqual(truth.length);
  expect([...outputs.long.dataSync()].map(Boolean)).toEqual(truth.long);
  tf.dispose([inputs, outputs]);
  model.dispose();
});

it('keeps the state of each loaded model, and takes any shape where the signature does', async () => {
  const [first, second] = await Promise.all([1, 2].map(() => loadSavedModel(folder, { signature: 'count' })));
  const x = tf.tensor3d([[[3, 5]]]);
  const call = (model = first): { calls: number; half: number[] } => {
    const { calls, half } = model?.predict({ x }) as { calls: tf.Tensor; half: tf.Tensor };
    expect([calls.dtype, half.dtype, half.shape]).toEqual(['int32', 'float32', [1, 1, 2]]);
    return { calls: calls.dataSync()[0] ?? NaN, half: [...half.dataSync()] };
  };
  expect(call()).toEqual({ calls: 1, half: [1.5, 2.5] });
  expect(call().calls).toBe(2);
  expect(call(second).calls).toBe(1);
  expect(binding.getNumOfSavedModels()).toBe(2);
  first?.dispose();
  second?.dispose();
  expect(binding.getNumOfSavedModels()).toBe(0);
  expect(() => first?.predict({ x })).toThrow('was disposed');
});

it('says what does not fit', async () => {
  const model = await loadSavedModel(folder);
  const x = tf.zeros([1, 3]);
  const expected = 'expected: x: float32[any, 3]';
  expect(() => model.predict({ x: tf.zeros([1, 4]) })).toThrow(expected);
  expect(() => model.predict({ x: tf.zeros([3]) })).toThrow(expected);
  expect(() => model.predict({ x: tf.zeros([1, 3], 'int32') })).toThrow('received: x: int32[1, 3]');
  expect(() => model.predict({})).toThrow('received: no tensor');
  expect(() => model.predict({ x, y: x })).toThrow(expected);
  await expect(compile(() => model.predict({ x }))()).rejects.toThrow('part of a compiled function');
  model.dispose();
  await expect(loadSavedModel(folder, { signature: 'score' })).rejects.toThrow(
    'expected: count or lengths or serving_default',
  );
  await expect(loadSavedModel(folder, { tags: ['train'] })).rejects.toThrow('expected: "serve"');
  await expect(loadSavedModel(join(folder, 'nowhere'))).rejects.toThrow('a folder with saved_model.pb and variables/');
});

it('refuses a damaged one', async () => {
  const copy = await mkdtemp(join(tmpdir(), 'saved-model-'));
  await cp(folder, copy, { recursive: true });
  await rm(join(copy, 'variables', 'variables.index'));
  const model = await loadSavedModel(copy); // TensorFlow takes this for a model without variables
  expect(() => model.predict({ x: tf.zeros([1, 3]) })).toThrow(/running the SavedModel .*kernel/s);
  model.dispose();
  const graph = await readFile(join(copy, 'saved_model.pb'));
  await writeFile(join(copy, 'saved_model.pb'), graph.subarray(0, graph.length / 2));
  await expect(loadSavedModel(copy)).rejects.toBeInstanceOf(TrainbookError);
  await rm(copy, { recursive: true });
});
