import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { decoder } from '../../src/model/decoder.js';
import type { Decoding } from '../../src/model/decoding.js';
import { generate } from '../../src/model/generate.js';
import type { Generated } from '../../src/model/generate.js';
import { sample } from '../../src/model/sample.js';
import type { Tokenizer } from '../../src/tokens/tokenizer.js';

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

async function all(
  prompts: number[][],
  options: { maxTokens: number; ends?: (token: number) => boolean },
): Promise<Generated[]> {
  const choose = (logits: Float32Array): number => logits.indexOf(1);
  const tokens: Generated[] = [];
  for await (const token of generate(counting(prompts.length), prompts, { choose, ...options })) tokens.push(token);
  return tokens;
}

describe('generate', () => {
  it('goes on with all prompts side by side, and says why each ended', async () => {
    expect(await all([[1], [4, 6, 10]], { maxTokens: 3, ends: (token) => token === 12 })).toEqual([
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

  it('tells the seconds that each prompt took, one row a prompt', async () => {
    const rows: [number, Record<string, number>][] = [];
    const metrics = (request: number, values: Record<string, number>): unknown => rows.push([request, values]);
    await sample(model, letters, ['abc', 'de'], { key: key(1), temperature: 0, maxTokens: 3, metrics });
    expect(rows.map(([request, values]) => [request, Object.keys(values)])).toEqual([
      [1, ['latencySeconds']],
      [2, ['latencySeconds']],
    ]);
    for (const [, { latencySeconds = 0 }] of rows) expect(latencySeconds).toBeGreaterThan(0);
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
    await expect(sample(model, letters, ['a'], { key: key(1), topP: 0 })).rejects.toThrow(/sample: topP/);
    await expect(sample(model, letters, ['a'], { key: key(1), temperature: -1 })).rejects.toThrow(
      /sample: temperature/,
    );
    const misspelt = { key: key(1), top_p: 0.9 };
    await expect(sample(model, letters, ['a'], misspelt)).rejects.toThrow(/sample: options: .*top_p/);
    expect(await sample(model, letters, [], { key: key(1) })).toEqual([]);
  });
});
