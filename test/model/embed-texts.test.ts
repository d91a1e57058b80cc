import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { readJson } from '../../src/files.js';
import { embedTexts } from '../../src/model/embed-texts.js';
import { encoder } from '../../src/model/encoder.js';
import { loadEncoder } from '../../src/model/encoder-model.js';
import { firstToken } from '../../src/model/heads/pooling.js';
import { sentenceEmbedding } from '../../src/model/heads/sentence-embedding.js';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { loadTokenizer } from '../../src/tokens/load-tokenizer.js';
import { expectClose } from './close.js';

describe('texts to vectors', () => {
  const text = 'a bad cab, abc dab cad ';
  const tokenizer = characterTokenizer({ documents: [{ text }] });
  const architecture = encoder({ layers: 1, width: 8, heads: 2, context: 40, vocabularySize: tokenizer.size });
  const weights = architecture.init(key(1));

  it('each is what it is alone, in the order of the texts, whatever the batch; too long ones are cut', async () => {
    const texts = ['a', 'bad cab', 'c'.repeat(50), 'dab', 'abc'.repeat(12)];
    const { vectors, numTexts, width } = await embedTexts({ architecture, weights }, tokenizer, texts, {
      batchSize: 2,
    });
    expect([numTexts, width]).toEqual([5, 8]);
    for (const [index, each] of texts.entries()) {
      const ids = tokenizer.encode(each).slice(0, 40);
      const states = architecture.forward(weights, tf.tensor2d([ids], [1, ids.length], 'int32'));
      expectClose(vectors.subarray(index * 8, (index + 1) * 8), sentenceEmbedding(states).dataSync(), 2e-6);
    }
    const first = await embedTexts({ architecture, weights }, tokenizer, ['bad'], { pooling: firstToken });
    const [alone] = [await embedTexts({ architecture, weights }, tokenizer, ['bad'])];
    expect([...first.vectors]).not.toEqual([...alone.vectors]);
  });

  it('no texts, and a tokenizer of another model, are refused', async () => {
    await expect(embedTexts({ architecture, weights }, tokenizer, [])).rejects.toThrow(/no texts/);
    const wider = characterTokenizer({ documents: [{ text: `${text}xyz` }] });
    await expect(embedTexts({ architecture, weights }, wider, ['x'])).rejects.toThrow(/not of this model/);
  });
});

// The truth: embeddings by numpy from the published weights; six decimals.
const folder = join(process.env['TRAINBOOK_MODELS'] ?? '', 'all-MiniLM-L6-v2');
const expectedPath = join(process.env['TRAINBOOK_DATA'] ?? '', 'minilm', 'expected.json');

interface Expected {
  readonly sentences: readonly { text: string; ids: readonly number[]; embedding: readonly number[] }[];
}

describe.skipIf(!existsSync(join(folder, 'model.safetensors')) || !existsSync(expectedPath))(
  'all-MiniLM-L6-v2 (needs TRAINBOOK_MODELS/all-MiniLM-L6-v2 and TRAINBOOK_DATA/minilm/expected.json)',
  () => {
    it('its tokens and embeddings are those published', async () => {
      const { sentences } = (await readJson(expectedPath)) as Expected;
      expect(sentences).toHaveLength(5);
      const [model, tokenizer] = await Promise.all([loadEncoder(folder), loadTokenizer(folder)]);
      expect(Object.keys(model.heads)).toEqual(['pooler']);
      for (const { text, ids } of sentences) expect(tokenizer.frame(tokenizer.encode(text)).ids).toEqual(ids);
      const texts = sentences.map(({ text }) => text);
      const { vectors, width } = await embedTexts(model, tokenizer, texts);
      expect(width).toBe(384);
      const expected = sentences.flatMap(({ embedding }) => embedding);
      expect(expected).toHaveLength(5 * 384);
      expectClose(vectors, expected, 1e-5);
    });
  },
);
