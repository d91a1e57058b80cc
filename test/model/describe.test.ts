import fc from 'fast-check';
import { describe as suite, expect, it } from 'vitest';
import { bert } from '../../src/model/bert.js';
import { decoder } from '../../src/model/decoder.js';
import { describe } from '../../src/model/describe.js';
import { gpt2 } from '../../src/model/gpt2.js';
import { maskedLanguageModel } from '../../src/model/heads/masked-language-model.js';
import { mlpClassifier } from '../../src/model/mlp-classifier.js';
import { parameterFigure, partSizes } from '../../src/model/parameter-figure.js';

const numberAtEnd = (line: string): number => Number((/[\d,]+$/.exec(line)?.[0] ?? '').replaceAll(',', ''));

suite('an architecture as text', () => {
  it('a classifier, layer by layer; equal neighbours are one line', () => {
    expect(describe(mlpClassifier({ sizes: [8, 8, 8, 2] })).split('\n')).toEqual([
      'mlpClassifier: 162 parameters',
      'sizes 8–8–8–2, activation relu, dropout 0',
      '└─ layers                            162',
      '   ├─ 0–1   2 times (8 × 8 + bias)   144',
      '   └─ 2     8 × 2 + bias              18',
    ]);
  });

  it('a decoder: its blocks once, with their number', () => {
    const text = describe(
      decoder({ layers: 3, width: 8, heads: 2, context: 16, vocabularySize: 50, tiedEmbeddings: false }),
    );
    expect(text.split('\n').slice(4)).toEqual([
      '├─ embedding          50 × 8      400',
      '├─ layers             3 times   3,120',
      '│  ├─ attentionNorm   8             8',
      '│  ├─ attention                   256',
      '│  │  ├─ query        8 × 8        64',
      '│  │  ├─ key          8 × 8        64',
      '│  │  ├─ value        8 × 8        64',
      '│  │  └─ output       8 × 8        64',
      '│  ├─ mlpNorm         8             8',
      '│  └─ mlp                         768',
      '│     ├─ gate         8 × 32      256',
      '│     ├─ up           8 × 32      256',
      '│     └─ down         32 × 8      256',
      '├─ norm               8             8',
      '└─ output             50 × 8      400',
    ]);
  });

  it('an encoder with a head: the counts of its parts add up', () => {
    const trunk = bert('base');
    const head = maskedLanguageModel(trunk);
    const lines = describe(trunk, { maskedLanguageModel: head }).split('\n');
    expect(lines[0]).toBe('encoder: 109,514,298 parameters'); // BertForMaskedLM of transformers
    const parts = lines.filter((line) => /^[├└]/.test(line)).map(numberAtEnd);
    expect(parts.reduce((sum, count) => sum + count, 0)).toBe(109_514_298);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(100);
  });

  it('all numbers of a classifier of any sizes add up', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 6 }), (sizes) => {
        const architecture = mlpClassifier({ sizes });
        const [, , , ...layers] = describe(architecture).split('\n');
        const counted = layers.reduce((sum, line) => sum + numberAtEnd(line), 0);
        // Where all layers are alike, `layers` itself says so.
        expect(layers.length === 0 ? architecture.numParameters : counted).toBe(architecture.numParameters);
      }),
    );
  });
});

suite('where the parameters are', () => {
  it.each([
    ['GPT-2', gpt2('small'), ['embedding', 'positions', 'layers: attention', 'layers: mlp', 'norm']],
    ['BERT', bert('base'), ['embedding', 'positions', 'types', 'embeddingNorm', 'layers: attention', 'layers: mlp']],
    ['a classifier', mlpClassifier({ sizes: [4, 3, 2] }), ['layers: 0', 'layers: 1']],
  ])('%s: a bar for each part, all of them the whole', (_name, architecture, parts) => {
    const sizes = partSizes(architecture);
    expect(sizes.map(({ part }) => part)).toEqual(expect.arrayContaining(parts));
    expect(sizes.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(architecture.numParameters);
    const { data, source } = parameterFigure(architecture);
    expect(source).toContain(architecture.numParameters.toLocaleString('en-US'));
    expect(data[0]).toMatchObject({ type: 'bar', x: sizes.map(({ parameters }) => parameters) });
  });

  it('heads are parts of their own', () => {
    const trunk = bert('minilm');
    const head = maskedLanguageModel(trunk);
    expect(partSizes(trunk, { maskedLanguageModel: head }).at(-1)).toEqual({
      part: 'maskedLanguageModel',
      parameters: head.numParameters,
    });
  });
});
