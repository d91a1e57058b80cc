import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { compile } from '../../../src/engine/compile.js';
import { key } from '../../../src/engine/key.js';
import { stableHlo } from '../../../src/engine/stablehlo/stable-hlo.js';
import { treeEntries } from '../../../src/engine/tree.js';
import { decoder } from '../../../src/model/decoder.js';
import { emptyCache } from '../../../src/model/key-value-cache.js';
import type { KeyValueCache } from '../../../src/model/key-value-cache.js';
import { llamaOptions } from '../../../src/model/llama.js';
import type { DecoderWeights } from '../../../src/model/weights.js';
import { plugin, testClient } from '../pjrt/cpu-plugin.js';

const architecture = decoder({
  ...llamaOptions,
  layers: 1,
  width: 16,
  heads: 2,
  keyValueHeads: 1,
  context: 8,
  vocabularySize: 13,
});

describe.skipIf(plugin.path === undefined)(`decoding with a cache (plugin: ${plugin.reason})`, () => {
  it('gives the logits of the TensorFlow target, token after token', { timeout: 180_000 }, async () => {
    const step = compile(
      (weights: DecoderWeights, tokens: tf.Tensor, row: tf.Scalar, cache: KeyValueCache) => {
        const decoded = architecture.decode(weights, tokens, row, cache);
        return [decoded.logits, ...decoded.cache.flatMap(({ keys, values }) => [keys, values])];
      },
      { name: 'decode', target: 'graph' },
    );
    const weights = architecture.init(key(4));
    const argumentsOf = (row: number, cache: KeyValueCache): [DecoderWeights, tf.Tensor, tf.Scalar, KeyValueCache] => [
      weights,
      tf.tensor2d([(row * 5 + 1) % 13, (row * 3 + 2) % 13], [2, 1], 'int32'),
      tf.scalar(row, 'int32'),
      cache,
    ];
    let cache: KeyValueCache = emptyCache({ layers: 1, batch: 2, rows: 8, shape: architecture.cacheShape });
    const client = testClient();
    const program = await client.compile(stableHlo(step.trace(...argumentsOf(0, cache))));
    for (let row = 0; row < 4; row++) {
      const given = argumentsOf(row, cache);
      const buffers = treeEntries<tf.Tensor>(given).map(([, tensor]) =>
        client.put({ dtype: tensor.dtype, shape: tensor.shape }, tensor.dataSync()),
      );
      const actual = await Promise.all((await program.execute(buffers)).map((output) => output.read()));
      const [logits, keys, values] = await step(...given);
      if (logits === undefined || keys === undefined || values === undefined) throw new Error('logits and a cache');
      [logits, keys, values].forEach((tensor, output) => {
        Array.from(tensor.dataSync()).forEach((number, place) => {
          expect(Number(actual[output]?.[place]), `row ${row}, output ${output}`).toBeCloseTo(number, 5);
        });
      });
      cache = [{ keys, values }];
    }
  });
});
