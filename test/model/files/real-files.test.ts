import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openWeights } from '../../../src/model/files/open-weights.js';
import { tensorOf } from './expected.js';

const models = process.env['TRAINBOOK_MODELS'] ?? '';
const smollm2 = join(models, 'SmolLM2-135M-Instruct', 'SmolLM2-135M-Instruct.Q4_1.gguf');
const minilm = join(models, 'all-MiniLM-L6-v2', 'model.safetensors');

/** SHA-256 of the float32 numbers, by gguf 0.19.0 (`gguf.dequantize`) and safetensors 0.8.0. */
async function hashes(path: string, names: readonly string[]): Promise<Record<string, string>> {
  const file = await openWeights(path);
  const found: Record<string, string> = {};
  for (const name of names) {
    const { elements, shape } = await tensorOf(file, name);
    const sha = createHash('sha256').update(new Uint8Array(elements.buffer)).digest('hex');
    found[`${name} [${shape.join(', ')}]`] = sha.slice(0, 16);
  }
  await file.close();
  return found;
}

describe('real files', () => {
  it.skipIf(!existsSync(smollm2))(
    'SmolLM2 is what the gguf package reads (needs TRAINBOOK_MODELS/SmolLM2-135M-Instruct)',
    async () => {
      const expected = {
        'token_embd.weight [49152, 576]': '3fd491c8066dd9dc',
        'blk.0.attn_q.weight [576, 576]': 'aa74111ad24c3624',
        'blk.29.ffn_down.weight [576, 1536]': 'c19605745425a11e',
        'output_norm.weight [576]': '3b87f8e27335e67f',
      };
      const names = Object.keys(expected).map((name) => name.split(' ')[0] ?? '');
      expect(await hashes(smollm2, names)).toEqual(expected);
      const file = await openWeights(smollm2);
      expect(file.tensors.size).toBe(272);
      expect(file.metadata.get('tokenizer.ggml.tokens')).toHaveLength(49152);
      await file.close();
    },
  );

  it.skipIf(!existsSync(minilm))(
    'MiniLM is what the safetensors package reads (needs TRAINBOOK_MODELS/all-MiniLM-L6-v2)',
    async () => {
      const expected = {
        'embeddings.word_embeddings.weight [30522, 384]': '352d34a4ad725bb7',
        'encoder.layer.5.output.dense.bias [384]': 'cd213ba9eaa75fa5',
      };
      const names = Object.keys(expected).map((name) => name.split(' ')[0] ?? '');
      expect(await hashes(minilm, names)).toEqual(expected);
    },
  );
});
