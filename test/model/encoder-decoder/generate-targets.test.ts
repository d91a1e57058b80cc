import { describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { likeliest } from '../../../src/model/choose-token.js';
import { loadEncoderDecoder } from '../../../src/model/encoder-decoder/encoder-decoder-model.js';
import { generateTargets } from '../../../src/model/encoder-decoder/generate-targets.js';
import { startTargetDecoding } from '../../../src/model/encoder-decoder/target-decoding.js';
import { generate } from '../../../src/model/generate.js';
import { characterTokenizer } from '../../../src/tokens/characters.js';
import { expectClose } from '../close.js';
import { fixture, reference } from '../encoder-reference.js';

/** The end of a text, in the fixtures. */
const end = 1;

describe.each(['t5', 't5-v1.1'])('%s, with a cache of the source and of what was written', (folder) => {
  it('writes the greedy text of transformers, and gives the logits of the whole target at each token', async () => {
    const model = await loadEncoderDecoder(fixture(folder));
    const { tensor, numbers } = await reference(folder);
    const [rows, masks, greedy, targets] = await Promise.all(
      ['input_ids', 'attention_mask', 'greedy', 'decoder_input_ids'].map(
        async (name) => (await tensor(name).array()) as number[][],
      ),
    );
    const sources = (rows ?? []).map((row, index) => row.filter((_, place) => masks?.[index]?.[place] === 1));
    expect(sources.map(({ length }) => length)).toEqual([14, 9]);
    const decoding = await startTargetDecoding(model, sources, { length: 11 });
    const written = [[0], [0]];
    const choose = (logits: Float32Array): number => likeliest(logits);
    const options = { choose, maxTokens: 10, ends: (token: number) => token === end };
    for await (const { sequence, token } of generate(decoding, [[0], [0]], options)) written[sequence]?.push(token);
    // transformers fills up what has ended with padding.
    expect(written.map((row) => [...row, ...Array<number>(11 - row.length).fill(0)])).toEqual(greedy);

    // The targets of the fixture, the second two tokens shorter: as far as it goes, token by token, and in the other order.
    const logits = numbers('logits');
    const expectedAt = (place: number, order = [0, 1]): number[] =>
      order.flatMap((row) => [...logits.subarray((row * 11 + place) * 48, (row * 11 + place + 1) * 48)]);
    const column = (place: number, order = [0, 1]): Int32Array =>
      Int32Array.from(order, (row) => targets?.[row]?.[place] ?? 0);
    expectClose(await decoding.start((targets ?? []).map((row) => row.slice(0, 4))), expectedAt(3), 1e-4);
    expectClose(await decoding.next(column(4)), expectedAt(4), 1e-4);
    await decoding.reorder(Int32Array.of(1, 0));
    expectClose(await decoding.next(column(5, [1, 0])), expectedAt(5, [1, 0]), 1e-4);
    decoding.dispose();
  });
});

it('texts to texts: a source’s text does not depend on the others, and equal keys give equal texts', async () => {
  const model = await loadEncoderDecoder(fixture('t5'));
  const letters = Array.from({ length: 47 }, (_, index) => String.fromCodePoint(97 + index)).join('');
  const tokenizer = characterTokenizer({ documents: [{ text: letters }] });
  expect(tokenizer.size).toBe(48);
  const options = { key: key(4), maxTokens: 6, stops: [end] };
  const both = await generateTargets(model, tokenizer, ['abc', 'd'], options);
  expect(both.map(({ source }) => source)).toEqual(['abc', 'd']);
  expect(both.every(({ numTokens, finish }) => finish === 'stop' || numTokens === 6)).toBe(true);
  expect(await generateTargets(model, tokenizer, ['abc', 'd'], options)).toEqual(both);
  expect(await generateTargets(model, tokenizer, [], options)).toEqual([]);
  await expect(generateTargets(model, tokenizer, ['a'], { ...options, topP: 2 })).rejects.toThrow(/topP/);
  await expect(startTargetDecoding(model, [[3], []], { length: 4 })).rejects.toThrow(/source 1 has no tokens/);
});
