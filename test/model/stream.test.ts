import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { key } from '../../src/engine/key.js';
import { beamSearch } from '../../src/model/beam-search.js';
import { decoder } from '../../src/model/decoder.js';
import { sample } from '../../src/model/sample.js';
import { answer, stream } from '../../src/model/stream.js';
import type { TextStream } from '../../src/model/stream.js';
import { bind } from '../../src/tokens/chat.js';
import { chatMl } from '../../src/tokens/chat-templates.js';
import { question } from '../../src/tokens/conversation.js';
import { specialTokenizer } from '../tokens/special-tokenizer.js';

const tokenizer = specialTokenizer(['<|im_start|>', '<|im_end|>']);
const context = 64;
const architecture = decoder({
  ...{ layers: 1, width: 16, heads: 2, context, vocabularySize: tokenizer.size },
  initDeviation: 0.3,
});
const model = { architecture, weights: architecture.init(key(1)) };
const options = { key: key(5), temperature: 1, topK: 200, maxTokens: 30 };

async function read(text: TextStream): Promise<string[]> {
  const pieces: string[] = [];
  for await (const piece of text) pieces.push(piece);
  return pieces;
}

describe('stream', () => {
  it('gives the text of sample in pieces, and says how it ended; no tensor is left', async () => {
    const before = tf.memory().numTensors;
    const [expected] = await sample(model, tokenizer, ['The '], options);
    const text = stream(model, tokenizer, 'The ', options);
    const pieces = await read(text);
    const { tokensPerSecond, ...summary } = await text.summary();
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces).not.toContain('');
    expect(pieces.join('')).toBe(expected?.text);
    expect({ prompt: 'The ', ...summary }).toEqual(expected);
    expect(tokensPerSecond).toBeGreaterThan(0);
    expect(await stream(model, tokenizer, 'The ', options).summary()).toMatchObject(summary); // read by nobody else
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before);
  });

  it('ends before a stop string, which no piece has a part of; sample ends there too', async () => {
    const [whole] = await sample(model, tokenizer, ['The '], options);
    const stop = whole?.text.slice(8, 11) ?? '';
    const stopped = { ...options, stopStrings: ['no such string', stop] };
    const pieces = await read(stream(model, tokenizer, 'The ', stopped));
    const end = whole?.text.indexOf(stop) ?? NaN;
    expect(pieces.join('')).toBe(whole?.text.slice(0, end));
    const [sampled] = await sample(model, tokenizer, ['The '], stopped);
    expect(sampled).toMatchObject({ text: whole?.text.slice(0, end), finish: 'stop' });
    expect(sampled?.numTokens).toBeLessThan(whole?.numTokens ?? 0);
  });

  it('several prompts in one call end each at its own stop; none changes another', async () => {
    const prompts = ['The ', 'A longer one, ', 'x'];
    const alone = await sample(model, tokenizer, prompts, options);
    const stop = alone[1]?.text.slice(4, 6) ?? '';
    const stopped = await sample(model, tokenizer, prompts, { ...options, stopStrings: [stop] });
    stopped.forEach(({ text, finish }, index) => {
      const before = alone[index]?.text ?? '';
      const end = before.indexOf(stop);
      expect(text).toBe(end < 0 ? before : before.slice(0, end));
      if (end >= 0) expect(finish).toBe('stop');
    });
  });

  it('ends when it is not read on, and by a signal', async () => {
    const broken = stream(model, tokenizer, 'The ', options);
    for await (const piece of broken) {
      expect(await Promise.resolve(piece)).not.toBe('');
      break;
    }
    const { finish, numTokens } = await broken.summary();
    expect(finish).toBe('interrupted');
    expect(numTokens).toBeLessThan(5);
    const controller = new AbortController();
    controller.abort();
    expect(await stream(model, tokenizer, 'The ', { ...options, signal: controller.signal }).summary()).toMatchObject({
      finish: 'interrupted',
      numTokens: 1,
    });
  });

  it('refuses options and prompts that are wrong', async () => {
    expect(() => stream(model, tokenizer, 'x', { ...options, topP: 2 })).toThrow(/stream: topP/);
    await expect(read(stream(model, tokenizer, '', options))).rejects.toThrow(/no tokens/);
    expect(await stream(model, tokenizer, 'x', { ...options, maxTokens: 0 }).summary()).toMatchObject({
      text: '',
      finish: 'length',
    });
  });
});

describe('answer', () => {
  const chat = bind(chatMl, tokenizer);
  const asked = question(chatMl, [{ role: 'user', content: 'Name a colour.' }]);

  it('goes on from the template’s prompt up to a stop token of the template', async () => {
    const prompt = chat.prompt(asked);
    const wide = { ...options, topK: undefined, temperature: 3 };
    // A model that favours nothing: some key ends by <|im_end|> within the context, which the text does not show.
    for (let seed = 1; seed < 40; seed++) {
      const reply = await answer(model, chat, asked, { ...wide, key: key(seed) }).summary();
      expect(reply.text).not.toContain('<|im_end|>');
      expect(reply.numTokens).toBeLessThanOrEqual(Math.min(30, context + 1 - prompt.length));
      if (reply.finish === 'stop') return;
    }
    expect.fail('no answer ended by a stop token');
  });

  it('has the stops that it is given in place of the template’s', async () => {
    const free = await answer(model, chat, asked, { ...options, stops: [] }).summary();
    expect(free.finish).not.toBe('stop');
    expect(free.numTokens).toBeGreaterThan(5);
  });
});

describe('beamSearch', () => {
  it('gives texts with their scores, best first, none twice', async () => {
    const found = await beamSearch(model, tokenizer, ['The ', 'A longer one, '], {
      ...{ numBeams: 3, numReturned: 2, maxTokens: 6 },
    });
    expect(found.map((beams) => beams.length)).toEqual([2, 2]);
    for (const [first, second] of found) {
      expect(first?.score).toBeGreaterThanOrEqual(second?.score ?? NaN);
      expect(first?.text).not.toBe(second?.text);
      expect(first).toMatchObject({ finish: 'length', numTokens: 6 });
    }
    expect(found[1]?.[0]?.prompt).toBe('A longer one, ');
    expect(await beamSearch(model, tokenizer, [])).toEqual([]);
  });

  it('refuses to give more than it follows', async () => {
    await expect(beamSearch(model, tokenizer, ['a'], { numBeams: 2, numReturned: 3 })).rejects.toThrow(
      /beamSearch: numReturned: numReturned must not exceed numBeams: 3 > 2/,
    );
  });
});
