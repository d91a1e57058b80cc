import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { readJson } from '../../src/files.js';
import { bert } from '../../src/model/bert.js';
import { encoder } from '../../src/model/encoder.js';
import type { EncoderOptions } from '../../src/model/encoder-options.js';
import { encoderCodec, loadEncoder, saveEncoder } from '../../src/model/encoder-model.js';
import type { EncoderModel } from '../../src/model/encoder-model.js';
import { readSafetensors, writeSafetensors } from '../../src/model/files/safetensors.js';
import { headsOf } from '../../src/model/heads/encoder-heads.js';
import type { EncoderHeads, HeadsConfig } from '../../src/model/heads/encoder-heads.js';
import { lastToken } from '../../src/model/heads/pooling.js';
import { sequenceClassification } from '../../src/model/heads/sequence-classification.js';
import { loadModel, modelCodec } from '../../src/model/model.js';
import { fixture } from './encoder-reference.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'encoder-家-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const sizes = { layers: 2, width: 8, heads: 2, context: 8, vocabularySize: 11 };

/** A model with fresh weights. */
function fresh(heads: HeadsConfig, options: Partial<EncoderOptions> = {}): EncoderModel {
  const architecture = encoder({ ...sizes, ...options });
  const attached = Object.entries(headsOf(architecture, heads)).map(([name, head]) => {
    const { init } = head as { init: (from: ReturnType<typeof key>) => unknown };
    return [name, { architecture: head as unknown, weights: init(key(2)) }];
  });
  return { architecture, weights: architecture.init(key(1)), heads: Object.fromEntries(attached) as EncoderHeads };
}

describe.each(['bert', 'bert-classification', 'bert-sentence', 'roberta', 'roberta-classification'])(
  '%s, a folder that transformers wrote',
  (name) => {
    it('is written as it was read', async () => {
      const model = await loadEncoder(fixture(name));
      const at = join(folder, name);
      const hash = await saveEncoder(model, at);
      const [before, after] = await Promise.all(
        [fixture(name), at].map(
          async (place) => (await readJson(join(place, 'config.json'))) as Record<string, unknown>,
        ),
      );
      // What decides the model is written as transformers wrote it; other keys (library versions, token ids) are not kept.
      const known = Object.keys(after ?? {}).filter(
        (each) => each !== 'trainbook' && before !== undefined && each in before,
      );
      expect(known.length).toBeGreaterThan(14);
      for (const each of known) expect([each, after?.[each]]).toEqual([each, before?.[each]]);
      const [first, second] = await Promise.all(
        [fixture(name), at].map((place) => readSafetensors(join(place, 'model.safetensors'))),
      );
      expect([...(second?.tensors.keys() ?? [])].sort()).toEqual([...(first?.tensors.keys() ?? [])].sort());
      for (const [tensor, { elements }] of first?.tensors ?? [])
        expect([tensor, second?.tensors.get(tensor)?.elements]).toEqual([tensor, elements]);
      const again = await loadEncoder(at);
      expect(await saveEncoder(again, join(folder, `${name}-again`))).toBe(hash);
      expect(again.architecture.config).toEqual(model.architecture.config);
      expect(Object.keys(again.heads)).toEqual(Object.keys(model.heads));
    });
  },
);

describe('an encoder in a folder', () => {
  it.each<[string, HeadsConfig, Partial<EncoderOptions>, string | undefined]>([
    ['no head', {}, {}, 'BertModel'],
    ['masked tokens', { maskedLanguageModel: {} }, {}, 'BertForMaskedLM'],
    [
      'masked tokens, another function',
      { maskedLanguageModel: { activation: 'relu' } },
      { mlp: 'relu' },
      'BertForMaskedLM',
    ],
    ['masked tokens and a pooler', { maskedLanguageModel: {}, pooler: {} }, {}, 'BertForMaskedLM'],
    ['the next sentence', { nextSentence: {} }, {}, 'BertForNextSentencePrediction'],
    ['classes of tokens', { tokenClassification: { classes: ['O', 'B'] } }, {}, 'BertForTokenClassification'],
    [
      'classes of tokens',
      { tokenClassification: { classes: ['O', 'B'] } },
      { firstPosition: 2 },
      'RobertaForTokenClassification',
    ],
    ['all that a RoBERTa has', { maskedLanguageModel: {} }, { firstPosition: 2, types: 1 }, 'RobertaForMaskedLM'],
    // What transformers has no class for is kept all the same.
    ['no types', { pooler: {} }, { types: 0 }, undefined],
    ['two with one first layer in BERT', { nextSentence: {}, pooler: {} }, {}, undefined],
    [
      'another pooling',
      { sequenceClassification: { classes: ['a', 'b'], pooling: 'meanOfTokens', dense: false } },
      {},
      undefined,
    ],
    [
      'all heads',
      {
        maskedLanguageModel: {},
        pooler: {},
        nextSentence: {},
        sequenceClassification: { classes: ['a'] },
        tokenClassification: { classes: ['O', 'B'] },
      },
      {},
      undefined,
    ],
  ])('with %s: comes back as it was', async (_name, heads, options, ofTransformers) => {
    const model = fresh(heads, options);
    const [at, again] = [join(folder, 'own'), join(folder, 'own-again')];
    await rm(at, { recursive: true, force: true });
    expect(encoderCodec.is(model)).toBe(true);
    expect(modelCodec.is(model)).toBe(false);
    await encoderCodec.write(model, at);
    const config = (await readJson(join(at, 'config.json'))) as Record<string, unknown>;
    expect(config['architectures']).toEqual(ofTransformers === undefined ? undefined : [ofTransformers]);
    const back = await encoderCodec.read(at);
    expect(back.architecture.config).toEqual(model.architecture.config);
    const configs = ({ heads: all }: EncoderModel) =>
      JSON.stringify(Object.values(all).map(({ architecture }) => architecture));
    expect(configs(back)).toEqual(configs(model));
    expect(await saveEncoder(back, again)).toBe(await saveEncoder(model, at));
    const { tensors } = await readSafetensors(join(at, 'model.safetensors'));
    const counted = [...tensors.values()].reduce((sum, { elements }) => sum + elements.length, 0);
    expect(encoderCodec.summarise(back).facts['parameters']).toBe(counted); // no weight has lost its place to another
    encoderCodec.dispose?.(back);
  });

  it('a BERT of transformers keys alone, without those of trainbook, is the same', async () => {
    const model = fresh({ sequenceClassification: { classes: ['bad', 'good'], dropout: 0.25 } }, { dropout: 0.1 });
    const at = join(folder, 'keys');
    const hash = await saveEncoder(model, at);
    const { trainbook, ...keys } = (await readJson(join(at, 'config.json'))) as Record<string, unknown>;
    expect(trainbook).toBeDefined();
    await writeFile(join(at, 'config.json'), JSON.stringify(keys));
    const back = await loadEncoder(at);
    expect(back.architecture.config).toEqual(model.architecture.config);
    expect(back.heads.sequenceClassification?.architecture.config).toEqual({
      classes: ['bad', 'good'],
      dropout: 0.25,
      inputDropout: 0,
      dense: true,
      pooling: 'firstToken',
    });
    expect(await saveEncoder(back, at)).toBe(hash);
  });

  it('a pooling of the user’s own is refused; what is not an encoder too', async () => {
    const architecture = bert('minilm', { layers: 1, vocabularySize: 11 });
    const own = sequenceClassification(architecture, { classes: ['a'], pooling: (x, mask) => lastToken(x, mask) });
    const heads = { sequenceClassification: { architecture: own, weights: own.init(key(1)) } };
    const model = { architecture, weights: architecture.init(key(1)), heads };
    await expect(saveEncoder(model, join(folder, 'refused'))).rejects.toThrow(/no file can keep[\s\S]*lastToken/);
    await expect(loadEncoder(fixture('llama'))).rejects.toThrow(/no encoder that is known here[\s\S]*loadModel/);
    await expect(loadModel(fixture('bert'))).rejects.toThrow(/no model that is known here[\s\S]*loadEncoder/);
  });

  it('a weight that is missing, left over, or of another shape, is named', async () => {
    const at = join(folder, 'damaged');
    await saveEncoder(fresh({ maskedLanguageModel: {} }), at);
    const path = join(at, 'model.safetensors');
    const { tensors, metadata } = await readSafetensors(path);
    type Stored = typeof tensors extends ReadonlyMap<string, infer T> ? T : never;
    const withChange = async (change: (all: Map<string, Stored>) => void) => {
      const changed = new Map(tensors);
      change(changed);
      await writeSafetensors(path, { tensors: changed, metadata });
      return loadEncoder(at);
    };
    const one = { shape: [1], elements: Float32Array.of(1) };
    const place = 'bert.encoder.layer.1.attention.self.key.weight';
    await expect(withChange((all) => all.delete(place))).rejects.toThrow(/layer\.1\.attention\.self\.key\.weight/);
    await expect(withChange((all) => all.set('qa_outputs.bias', one))).rejects.toThrow(/no place for[\s\S]*qa_outputs/);
    await expect(withChange((all) => all.set(place, one))).rejects.toThrow(/\[1\][\s\S]*\[8, 8\]/);
  });
});
