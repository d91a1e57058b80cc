import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { configFile, describedModel } from '../../src/model/config-file.js';
import { decoder } from '../../src/model/decoder.js';
import { opt } from '../../src/model/opt.js';
import { growContext } from '../../src/train/growth/grow-context.js';

const written = async (): Promise<Record<string, unknown>> => {
  const path = fileURLToPath(new URL('fixtures/opt/config.json', import.meta.url));
  return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
};

describe('OPT', () => {
  it.each([
    ['do_layer_norm_before', false, /do_layer_norm_before/],
    ['word_embed_proj_dim', 8, /projected embeddings are not supported/],
    ['_remove_final_layer_norm', true, /_remove_final_layer_norm/],
    ['enable_bias', false, /enable_bias/],
    ['activation_function', 'silu', /activation_function/],
  ])('a config.json with %s %s is refused by name, as that of 350m', async (name, value, message) => {
    const json = { ...(await written()), [name]: value };
    expect(() => describedModel(json, 'config.json')).toThrow(message);
  });

  it('a decoder that differs in its epsilon has no words for it in config.json, and is of no family', () => {
    const sizes = { layers: 1, width: 8, heads: 2, context: 8, vocabularySize: 11 };
    expect(configFile(opt('125m', sizes))).toMatchObject({ model_type: 'opt', word_embed_proj_dim: 8 });
    expect(configFile(opt('125m', { ...sizes, normEpsilon: 1e-3 }))).not.toHaveProperty('model_type');
  });

  it('a longer context leaves the two first rows of the position table alone', async () => {
    const architecture = opt('125m', { layers: 1, width: 4, heads: 2, context: 3, vocabularySize: 11 });
    const grown = growContext(5)({ architecture, weights: architecture.init(key(1)) });
    const before = (await architecture.init(key(1)).positions['weight']?.array()) as number[][];
    expect(grown.weights.positions['weight']?.arraySync()).toEqual([0, 1, 2, 3, 4, 2, 3].map((row) => before[row]));
    expect(grown.architecture.specs.positions['weight']?.shape).toEqual([7, 4]);
  });

  it('rows before the first need a table', () => {
    expect(() => decoder({ layers: 1, width: 8, heads: 2, context: 8, vocabularySize: 11, firstPosition: 2 })).toThrow(
      /firstPosition needs learned positions, they are rotary/,
    );
  });
});
