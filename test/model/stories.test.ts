import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { startDecoding } from '../../src/model/decoding.js';
import { generate } from '../../src/model/generate.js';
import { loadModel } from '../../src/model/model.js';
import { crossEntropy } from '../../src/train/objectives/cross-entropy.js';
import { tokenizerOf } from '../../src/tokens/parse-tokenizer.js';
import { pieceTypes, sentencePieceJson } from '../../src/tokens/sentencepiece.js';
import { expectClose } from './close.js';

// A Llama of 260,000 parameters that was trained on TinyStories; the truth was computed with numpy.
const folder = join(process.env['TRAINBOOK_DATA'] ?? '', 'stories260K');

interface Expected {
  readonly input_ids: number[];
  readonly logits_last_row: number[];
  readonly mean_nll_of_input: number;
  readonly greedy_ids: number[];
  readonly greedy_text: string;
}

const argMax = (numbers: Float32Array): number =>
  numbers.reduce((best, number, index) => (number > (numbers[best] ?? 0) ? index : best), 0);

it.skipIf(!existsSync(folder))('stories260K: greedy text to the letter (needs TRAINBOOK_DATA)', async () => {
  const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), 'utf8'));
  const expected = (await read('expected.json')) as Expected;
  const vocabulary = (await read('vocab.json')) as readonly { readonly piece: string; readonly score: number }[];
  const kindOf = (id: number): number =>
    id === 0 ? pieceTypes.unknown : id < 3 ? pieceTypes.control : id < 259 ? pieceTypes.byte : pieceTypes.normal;
  const tokenizer = tokenizerOf(
    sentencePieceJson({
      kind: 'bpe',
      pieces: vocabulary.map(({ piece, score }, id) => ({
        piece: piece.trim() === '<s>' || piece.trim() === '</s>' ? piece.trim() : piece.replaceAll(' ', '▁'),
        score,
        type: kindOf(id),
      })),
      byteFallback: true,
      endId: 2,
      charsmap: new Uint8Array(0),
      dummyPrefix: true,
      removeExtraSpaces: false,
    }),
  );
  const prompt = 'Once upon a time, there was a little girl named Lily.';
  expect(expected.greedy_text.startsWith(prompt)).toBe(true);
  const ids = [1, ...tokenizer.encode(expected.greedy_text)];
  expect(ids).toEqual(expected.greedy_ids);
  expect(tokenizer.decode(ids.slice(1))).toBe(expected.greedy_text);
  // Characters that are no piece are their bytes.
  expect(tokenizer.decode(tokenizer.encode('学而 é'))).toBe('学而 é');

  const { architecture, weights } = await loadModel(folder);
  const input = expected.input_ids;
  const tokens = tf.tensor2d([input], [1, input.length], 'int32');
  const logits = architecture.forward(weights, tokens);
  const last = await tf.slice(logits, [0, input.length - 1, 0], [1, 1, -1]).data();
  expectClose(last, expected.logits_last_row, 2e-4);
  const targets = tf.tensor2d([[...input.slice(1), 0]], [1, input.length], 'int32');
  const counted = tf.tensor2d([input.map((_, index) => Number(index + 1 < input.length))]);
  expect(crossEntropy(logits, { targets, weights: counted }).dataSync()[0]).toBeCloseTo(expected.mean_nll_of_input, 4);

  const decoding = startDecoding({ architecture, weights }, { batch: 1, length: 64 });
  const written: number[] = [];
  const options = { choose: argMax, maxTokens: expected.greedy_ids.length - 1 };
  for await (const { token } of generate(decoding, [[1]], options)) written.push(token);
  decoding.dispose();
  expect(tokenizer.decode(written)).toBe(expected.greedy_text);
});
