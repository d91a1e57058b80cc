import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { key } from '../../src/engine/key.js';
import { codecs } from '../../src/experiment/codecs.js';
import { Store } from '../../src/experiment/store.js';
import { decoder } from '../../src/model/decoder.js';
import { modelCodec } from '../../src/model/model.js';
import { sample } from '../../src/model/sample.js';
import { startContinuation } from '../../src/serve/continuation.js';
import { findModel, loadRunModel } from '../../src/serve/run-model.js';
import { characterTokenizer } from '../../src/tokens/characters.js';

const tokenizer = characterTokenizer({ documents: [{ text: 'abcdefgh 中' }] });
const architecture = decoder({
  layers: 1,
  width: 16,
  heads: 2,
  context: 24,
  vocabularySize: tokenizer.size,
  initDeviation: 0.5,
});

const made = (stage: string, kind: string, artifact: string, parents: string[] = []) => ({
  ...{ stage, kind, artifact, parents },
  code: 'c',
  numericClass: 'n',
  cached: false,
  seconds: 1,
});

describe('findModel', () => {
  it('takes the last model, and the tokenizer that it was made from', () => {
    const stages = [
      made('tokenizer', 'tokenizer', 't1'),
      made('base', 'model', 'm1', ['t1']),
      made('other', 'tokenizer', 't2'),
      made('tuned', 'model', 'm2', ['m1']),
      made('score', 'score', 's', ['m2']),
    ];
    expect(findModel({ format: 1, stages })).toEqual({ stage: 'tuned', model: 'm2', tokenizer: 't1' });
  });

  it('says which stages have finished where a model or its tokenizer has not', () => {
    expect(() => findModel({ format: 1, stages: [made('tokenizer', 'tokenizer', 't')] })).toThrow(
      /makes a model has finished\n {2}received: tokenizer \(tokenizer\)/,
    );
    expect(() => findModel({ format: 1, stages: [made('base', 'model', 'm')] })).toThrow(/makes a tokenizer/);
    expect(() => findModel({ format: 1, stages: [] })).toThrow('no finished stage');
  });
});

describe('a run folder', () => {
  let runs: string;
  let run: string;
  let modelHash: string;

  beforeAll(async () => {
    runs = await mkdtemp(join(tmpdir(), 'trainbook-continuation-'));
    run = join(runs, 'tiny', 'r1');
    await mkdir(run, { recursive: true });
    const store = new Store(join(runs, 'store'), codecs);
    const model = { architecture, weights: architecture.init(key(1)) };
    const about = { stage: 'x', code: 'c' };
    modelHash = await store.put(model, about);
    const tokenizerHash = await store.put(tokenizer, about);
    modelCodec.dispose?.(model);
    const put = (name: string, value: unknown): Promise<void> => writeFile(join(run, name), JSON.stringify(value));
    const createdAt = '2026-11-21T06:31:12.000Z';
    const spec = { experiment: 'tiny', runId: 'r1', seed: 1, config: {}, stages: ['tokenizer', 'base'], code: 'c' };
    await put('spec.json', { format: 1, ...spec, createdAt });
    await put('status.json', { state: 'done', startedAt: createdAt, endedAt: createdAt });
    const stages = [made('tokenizer', 'tokenizer', tokenizerHash), made('base', 'model', modelHash, [tokenizerHash])];
    await put('lineage.json', { format: 1, stages });
  });
  afterAll(async () => {
    await rm(runs, { recursive: true });
  });

  it('gives the model whose texts are those of sample, streamed, prompt after prompt', async () => {
    const found = await loadRunModel(run);
    expect(found.stage).toBe('base');
    const options = { key: key(7), temperature: 0.9, topP: 0.95, maxTokens: 12 };
    const prompts = ['ab中', 'hg'];
    const expected = await sample(found.model, found.tokenizer, prompts, options);
    const continuation = startContinuation(found, options);
    for (const [index, prompt] of prompts.entries()) {
      const pieces: string[] = [];
      const got = await continuation.next(prompt, (text) => pieces.push(text));
      expect(got).toEqual(expected[index]);
      expect(pieces.join('')).toBe(got.text);
      expect(pieces).toHaveLength(got.numTokens); // one character a token
    }
    const stop = new AbortController();
    const cut = await continuation.next(
      'a',
      () => {
        stop.abort();
      },
      stop.signal,
    );
    expect(cut).toMatchObject({ numTokens: 1, finish: 'interrupted' });
    await expect(continuation.next('a'.repeat(25), () => undefined)).rejects.toThrow('longer than the model’s context');
    continuation.dispose();
    modelCodec.dispose?.(found.model);
  });

  it('says that the store has lost the model', async () => {
    await rm(join(runs, 'store', modelHash), { recursive: true });
    await expect(loadRunModel(run)).rejects.toThrow(/does not have its model any more[\s\S]*run the experiment again/);
  });
});
