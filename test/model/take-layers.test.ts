import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { key } from '../../src/engine/key.js';
import { decoder } from '../../src/model/decoder.js';
import { weightHash } from '../../src/model/model.js';
import { takeLayers } from '../../src/model/take-layers.js';

const sizes = { width: 16, heads: 2, context: 8, vocabularySize: 11 } as const;
const made = (options: { layers: number; window?: { size: number; fromLayer: number } }) => {
  const architecture = decoder({ ...sizes, ...options });
  return { architecture, weights: architecture.init(key(3)) };
};

describe('layers of a teacher', () => {
  const teacher = made({ layers: 5 });

  it('are every n-th, with all else', async () => {
    const { architecture, weights } = takeLayers(teacher, { every: 2 });
    expect(architecture.config.layers).toBe(3);
    [0, 2, 4].forEach((layer, place) => {
      const [own, given] = [weights.layers[place], teacher.weights.layers[layer]];
      expect(own?.attention.query.weight.dataSync()).toEqual(given?.attention.query.weight.dataSync());
    });
    expect(weights.embedding.dataSync()).toEqual(teacher.weights.embedding.dataSync());
    expect(await weightHash(takeLayers(teacher, { every: 1 }))).toBe(await weightHash(teacher));
  });

  it('make a student whose states begin as the teacher’s', () => {
    const student = takeLayers(teacher, { every: 3 });
    const tokens = tf.tensor2d([[1, 2, 3, 4]], [1, 4], 'int32');
    const [own, given] = [student, teacher].map(({ architecture, weights }) =>
      architecture.hiddenStates(weights, tokens),
    );
    expect(own?.map(({ shape }) => shape)).toEqual([0, 1, 2].map(() => [1, 4, 16]));
    expect(own?.[1]?.dataSync()).toEqual(given?.[1]?.dataSync());
  });

  it('are copies: the teacher outlives its student', () => {
    tf.dispose(takeLayers(teacher, { every: 2 }).weights as unknown as tf.TensorContainer);
    expect(teacher.weights.embedding.isDisposed).toBe(false);
  });

  it('keep their windows', () => {
    const windowed = made({ layers: 6, window: { size: 4, fromLayer: 3 } });
    // Layers 0, 2, 4: the last of them had a window.
    expect(takeLayers(windowed, { every: 2 }).architecture.config.window).toEqual({ size: 4, fromLayer: 2 });
    // Layers 0 and 3; layer 0 alone.
    expect(takeLayers(windowed, { every: 3 }).architecture.config.window).toEqual({ size: 4, fromLayer: 1 });
    expect(takeLayers(windowed, { every: 6 }).architecture.config.window).toBeUndefined();
  });

  it('are refused where there are none', () => {
    expect(() => takeLayers(teacher, { every: 0 })).toThrow('takeLayers: every');
  });
});
