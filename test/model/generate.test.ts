import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import '../../src/engine/backend.js';
import { key } from '../../src/engine/key.js';
import { readJson } from '../../src/files.js';
import { searchBeams } from '../../src/model/beam-search.js';
import { tokenChooser } from '../../src/model/choose-token.js';
import { startDecoding } from '../../src/model/decoding.js';
import type { Decoding } from '../../src/model/decoding.js';
import { readSafetensors } from '../../src/model/files/safetensors.js';
import { generate } from '../../src/model/generate.js';
import { tokenScorer } from '../../src/model/log-probabilities.js';
import { loadModel } from '../../src/model/model.js';
import { expectClose } from './close.js';

// The truth: Hugging Face transformers, by fixtures/transformers_generation.py.
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const { cases } = z
  .object({
    cases: z.array(
      z.object({
        name: z.string(),
        model: z.string(),
        prompts: z.array(z.array(z.number())),
        eos_token_id: z.number().nullable(),
        max_new_tokens: z.number(),
        repetition_penalty: z.number().optional(),
        num_beams: z.number().optional(),
        num_return_sequences: z.number().default(1),
        length_penalty: z.number().default(1),
        early_stopping: z.union([z.boolean(), z.literal('never')]).default(false),
        continuations: z.array(z.array(z.number())),
        scores: z.array(z.number()).default([]),
      }),
    ),
  })
  .parse(await readJson(fixture('generation.json')));

describe.each(['llama', 'gpt2'])('%s, greedy and by beams, as transformers generates', async (name) => {
  const model = await loadModel(fixture(name));
  const decodings = new Map<number, Decoding>();
  const decodingOf = (batch: number): Decoding => {
    const found = decodings.get(batch) ?? startDecoding(model, { batch, length: 20 });
    decodings.set(batch, found);
    return found;
  };
  afterAll(() => {
    for (const decoding of decodings.values()) decoding.dispose();
  });
  const own = cases.filter(({ model }) => model === name);

  it('greedy, with a repetition penalty, an end token, and prompts of different lengths', async () => {
    const plain = own.filter(({ num_beams }) => num_beams === undefined);
    expect(plain.length).toBeGreaterThan(8);
    for (const { prompts, eos_token_id, max_new_tokens, repetition_penalty, continuations } of plain) {
      const choose = tokenChooser({ temperature: 0, repetitionPenalty: repetition_penalty });
      const found = prompts.map((): number[] => []);
      const options = {
        choose: (logits: Float32Array, _: number, tokens: readonly number[]) => choose(logits, key(1), tokens),
        maxTokens: max_new_tokens,
        ends: (token: number) => token === eos_token_id,
      };
      for await (const { sequence, token } of generate(decodingOf(prompts.length), prompts, options))
        found[sequence]?.push(token);
      expect(found).toEqual(continuations);
    }
  });

  it('the logits of the first greedy case are those of transformers', async () => {
    const { tensors } = await readSafetensors(fixture('generation.safetensors'));
    const expected = tensors.get(`greedy.${name}.logits`)?.elements as Float32Array;
    const { prompts, continuations } = own[0] as (typeof own)[number];
    const decoding = decodingOf(1);
    const rows = [await decoding.start(prompts)];
    for (const token of (continuations[0] ?? []).slice(0, -1)) rows.push(await decoding.next(Int32Array.of(token)));
    expectClose(
      rows.flatMap((row) => [...row]),
      expected,
      2e-5,
    );
  });

  const searches = own.filter(({ num_beams }) => num_beams !== undefined);

  it('3 beams: the same continuations with the same scores, for all rules of length and stopping', async () => {
    expect(searches.length).toBe(13);
    for (const search of searches) {
      const [found = []] = await searchBeams(decodingOf(3), search.prompts, rulesOf(search));
      const beams = found.slice(0, search.num_return_sequences);
      expect(beams.map(({ tokens }) => tokens)).toEqual(search.continuations);
      expectClose(
        beams.map(({ score }) => score),
        search.scores,
        2e-5,
      );
    }
  });

  it('several prompts at once give what each gives alone', async () => {
    const [first, second] = searches.filter(
      ({ early_stopping, length_penalty, eos_token_id }) =>
        early_stopping === false && length_penalty === 1 && eos_token_id !== null,
    );
    if (first === undefined || second === undefined) throw new Error('the fixture has two such cases');
    expect(second.prompts).not.toEqual(first.prompts);
    const longer = [[...(first.prompts[0] ?? []), 5, 6], ...second.prompts];
    const [other, found] = await searchBeams(decodingOf(6), longer, rulesOf(first));
    expect(other).toHaveLength(3);
    if (second.eos_token_id === first.eos_token_id)
      expect(found?.map(({ tokens }) => tokens)).toEqual(second.continuations);
    const [alone] = await searchBeams(decodingOf(3), longer.slice(0, 1), rulesOf(first));
    expect(other?.map(({ tokens }) => tokens)).toEqual(alone?.map(({ tokens }) => tokens));
  });

  it('one beam is greedy', async () => {
    const { prompts, continuations, max_new_tokens } = own[0] as (typeof own)[number];
    const rules = { numBeams: 1, lengthPenalty: 1, earlyStopping: false, maxTokens: max_new_tokens, stops: [] };
    const [beams] = await searchBeams(decodingOf(1), prompts, rules);
    expect(beams?.map(({ tokens }) => tokens)).toEqual(continuations);
  });

  it('the log-probabilities of a beam’s tokens add up to its score', async () => {
    const search = searches[0] as (typeof searches)[number];
    const score = tokenScorer(model, { batchSize: 2 });
    const [prompt = []] = search.prompts;
    const rows = search.continuations.map((tokens) => [...prompt, ...tokens]);
    const found = await score(rows); // three rows: two calls, the second with one
    search.continuations.forEach((tokens, index) => {
      const own = found[index]?.slice(prompt.length - 1) ?? [];
      expect(own).toHaveLength(tokens.length);
      const sum = [...own].reduce((total, one) => total + one, 0);
      expect(sum / tokens.length ** search.length_penalty).toBeCloseTo(search.scores[index] ?? NaN, 4);
    });
    await expect(score([[]])).rejects.toThrow(/no tokens/);
    await expect(score([[48]])).rejects.toThrow(/no such token/);
  });
});

function rulesOf(search: (typeof cases)[number]): Parameters<typeof searchBeams>[2] {
  return {
    numBeams: search.num_beams ?? 1,
    lengthPenalty: search.length_penalty,
    earlyStopping: search.early_stopping,
    maxTokens: search.max_new_tokens,
    stops: search.eos_token_id === null ? [] : [search.eos_token_id],
  };
}
