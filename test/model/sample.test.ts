import fc from 'fast-check';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { chooseToken } from '../../src/model/choose-token.js';
import { decoder } from '../../src/model/decoder.js';
import type { Decoding } from '../../src/model/decoding.js';
import { generate } from '../../src/model/generate.js';
import type { Generated } from '../../src/model/generate.js';
import { sample } from '../../src/model/sample.js';
import type { Tokenizer } from '../../src/tokens/tokenizer.js';

describe('chooseToken', () => {
  // softmax of these logits is 0.5, 0.3, 0.15, 0.05
  const logits = Float32Array.from([0.15, 0.5, 0.05, 0.3], Math.log);
  const draw = (choice: { temperature: number; topP: number }): number[] =>
    Array.from({ length: 1000 }, (_, index) => chooseToken(logits, choice, (index + 0.5) / 1000));
  const counts = (tokens: number[]): number[] =>
    [0, 1, 2, 3].map((token) => tokens.filter((drawn) => drawn === token).length);

  it('draws each token as often as softmax says', () => {
    expect(counts(draw({ temperature: 1, topP: 1 }))).toEqual([150, 500, 50, 300]);
  });

  it('temperature ½ squares the odds', () => {
    const squares = [0.0225, 0.25, 0.0025, 0.09].map((square) => (1000 * square) / 0.365);
    counts(draw({ temperature: 0.5, topP: 1 })).forEach((count, token) => {
      expect(Math.abs(count - (squares[token] ?? NaN))).toBeLessThanOrEqual(1);
    });
  });

  it('topP keeps the smallest set that reaches it, and shares its whole among them', () => {
    expect(counts(draw({ temperature: 1, topP: 0.79 }))).toEqual([0, 625, 0, 375]);
    expect(counts(draw({ temperature: 1, topP: 0.81 }))).toEqual([158, 526, 0, 316]);
    expect(counts(draw({ temperature: 1, topP: 0.01 }))).toEqual([0, 1000, 0, 0]);
  });

  it('temperature 0 takes the likeliest, whatever is drawn', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, min: -50, max: 50 }), { minLength: 1 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (values, uniform) => {
          const all = Float32Array.from(values);
          expect(all[chooseToken(all, { temperature: 0, topP: 1 }, uniform)]).toBe(Math.max(...all));
        },
      ),
    );
  });
});

/** A decoding of 5 tokens whose likeliest next token is one more than the token it was given last. */
function counting(batch: number): Decoding {
  const after = (tokens: Iterable<number>): Promise<Float32Array> =>
    Promise.resolve(
      Float32Array.from(
        [...tokens].flatMap((token) => Array.from({ length: 20 }, (_, id) => Number(id === token + 1))),
      ),
    );
  return {
    batch,
    length: 5,
    start: (prompts) => after(prompts.map((prompt) => prompt.at(-1) ?? 0)),
    next: after,
    reorder: () => Promise.resolve(),
    dispose: () => undefined,
  };
}

async function all(prompts: number[][], options: { maxTokens: number; stop?: number }): Promise<Generated[]> {
  const choose = (logits: Float32Array): number => logits.indexOf(1);
  const tokens: Generated[] = [];
  for await (const token of generate(counting(prompts.length), prompts, { choose, ...options })) tokens.push(token);
  return tokens;
}

describe('generate', () => {
  it('goes on with all prompts side by side, and says why each ended', async () => {
    expect(await all([[1], [4, 6, 10]], { maxTokens: 3, stop: 12 })).toEqual([
      { sequence: 0, token: 2 },
      { sequence: 1, token: 11 },
      { sequence: 0, token: 3 },
      { sequence: 1, token: 12, finish: 'stop' },
      { sequence: 0, token: 4, finish: 'length' },
    ]);
  });

  it('ends where there are no more positions: five inputs give a sixth token', async () => {
    const tokens = await all([[1, 2, 3]], { maxTokens: 100 });
    expect(tokens.map(({ token }) => token)).toEqual([4, 5, 6]);
    expect(tokens.at(-1)?.finish).toBe('context');
    expect(await all([[1]], { maxTokens: 0 })).toEqual([]);
  });

  it('refuses empty and too long prompts', async () => {
    await expect(all([[]], { maxTokens: 1 })).rejects.toThrow(/no tokens/);
    await expect(all([[1, 2, 3, 4, 5, 6]], { maxTokens: 1 })).rejects.toThrow(/longer than the model’s context/);
  });
});

describe('sample', () => {
  const architecture = decoder({
    layers: 2,
    width: 16,
    heads: 2,
    keyValueHeads: 1,
    context: 24,
    vocabularySize: 27,
    initDeviation: 0.5,
  });
  const model = { architecture, weights: architecture.init(key(3)) };
  /** Letters a–z are 0–25; 26 ends a text. */
  const letters: Tokenizer = {
    size: 27,
    endOfText: 26,
    special: new Map([['<|endoftext|>', 26]]),
    encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0) - 97),
    token: (id) => String.fromCharCode(97 + id),
    decode: (ids) => Array.from(ids, (id) => String.fromCharCode(97 + id)).join(''),
    frame: (ids) => ({ ids: [...ids], types: ids.map(() => 0) }),
    json: '{}',
  };

  it('greedy, equals the likeliest token of the whole forward pass, again and again', async () => {
    const [taken] = await sample(model, letters, ['abc'], { key: key(1), temperature: 0, maxTokens: 12 });
    const tokens = letters.encode('abc');
    for (let count = 0; count < 12; count++) {
      const logits = architecture.forward(model.weights, tf.tensor2d([tokens], [1, tokens.length], 'int32'));
      const last = tf.slice(logits, [0, tokens.length - 1, 0], [1, 1, 27]);
      const token = tf.argMax(tf.reshape(last, [27])).dataSync()[0] ?? NaN;
      if (token === letters.endOfText) break;
      tokens.push(token);
    }
    expect(taken?.text).toBe(letters.decode(tokens.slice(3)));
    expect(taken?.numTokens).toBe(tokens.length - 3);
  });

  it('the same key gives the same text, another key another; no tensor is left', async () => {
    const options = { temperature: 1, topP: 0.95, maxTokens: 10 };
    const before = tf.memory().numTensors;
    expect(before).toBeGreaterThan(0); // the weights
    const [first, again, other] = [
      await sample(model, letters, ['a', 'xyz'], { ...options, key: key(1) }),
      await sample(model, letters, ['a', 'xyz'], { ...options, key: key(1) }),
      await sample(model, letters, ['a', 'xyz'], { ...options, key: key(2) }),
    ];
    expect(again).toEqual(first);
    expect(other.map(({ text }) => text)).not.toEqual(first.map(({ text }) => text));
    expect(first.map(({ prompt }) => prompt)).toEqual(['a', 'xyz']);
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before);
  });

  it('refuses options out of range', async () => {
    await expect(sample(model, letters, ['a'], { key: key(1), topP: 0 })).rejects.toThrow(/topP is out of range/);
    await expect(sample(model, letters, ['a'], { key: key(1), temperature: -1 })).rejects.toThrow(/temperature/);
    expect(await sample(model, letters, [], { key: key(1) })).toEqual([]);
  });
});
