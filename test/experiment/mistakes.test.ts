import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { SplitCorpus } from '../../src/data/corpus.js';
import type { evaluate as Evaluate } from '../../src/evaluate/bits-per-byte.js';
import { experiment } from '../../src/experiment/experiment.js';
import { configOf } from '../../src/experiment/run.js';
import type { Decoder } from '../../src/model/decoder.js';
import { decoderOptions } from '../../src/model/decoder-options.js';
import type { TableBatch } from '../../src/tokens/table-loader.js';
import type { Chat } from '../../src/tokens/chat.js';
import type { ChatTemplate } from '../../src/tokens/chat-template.js';
import type { alpaca, chatMl } from '../../src/tokens/chat-templates.js';
import type { Tokenizer } from '../../src/tokens/tokenizer.js';
import type { Loader, LoaderOptions } from '../../src/tokens/loader.js';
import type { pack as Pack } from '../../src/tokens/pack.js';
import type { pretrain as Pretrain } from '../../src/train/pretrain.js';
import type { train as Train } from '../../src/train/train.js';
import type { causalLanguageModel as CausalLanguageModel } from '../../src/train/objectives/causal-language-model.js';
import type { Optimizer } from '../../src/train/optimizers/optimizer.js';
import type { PlanOptions } from '../../src/train/plan.js';
import { trainOptions } from '../../src/train/train-options.js';

// The mistakes that users of other systems find out about hours later, or never: here they do not compile, and where they
// come from a command line or a cast they are refused before anything runs, with the path.

const schema = z.strictObject({ model: decoderOptions, train: trainOptions });
const defaults = {
  model: { layers: 2, width: 64, heads: 2, context: 32 },
  train: { steps: 10, batchSize: 4, learningRate: 1e-3 },
};

// Of the library only the types: nothing below is called.
declare const corpora: SplitCorpus;
declare const tokenizer: Tokenizer;
declare const architecture: Decoder;
declare const pack: typeof Pack;
declare const pretrain: typeof Pretrain;
declare const train: typeof Train;
declare const causalLanguageModel: typeof CausalLanguageModel;
declare const optimizer: Optimizer;
declare const plan: PlanOptions;
declare const evaluate: typeof Evaluate;
declare const preferences: (
  options: LoaderOptions,
) => Loader<{ readonly chosen: Int32Array; readonly rejected: Int32Array }>;
declare const tableRows: (options: LoaderOptions) => Loader<TableBatch>;
type Bound<T> = T extends ChatTemplate<infer O, infer Name> ? Chat<O, Name> : never;
declare const bound: Bound<typeof chatMl>;
declare const asAlpaca: (chat: Bound<typeof alpaca>) => void;

const pipeline = experiment('pipeline', schema, defaults)
  .stage('corpus', () => corpora)
  .stage('tokenizer', () => tokenizer)
  .stage('base', ({ corpus, tokenizer: bpe, config, key }) =>
    pretrain(architecture, { data: pack(corpus.train, bpe, config.model.context), ...config.train, key }),
  );

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  // A key that no schema knows (MaxText's 696 keys, unknown ones ignored until 2025).
  // @ts-expect-error `learning_rate` is no key
  experiment('x', schema, { ...defaults, train: { ...defaults.train, learning_rate: 1 } });
  // @ts-expect-error a key in the wrong group
  experiment('x', schema, { ...defaults, model: { ...defaults.model, steps: 1 } });
  // @ts-expect-error a number as text, as YAML reads 1e-3
  experiment('x', schema, { ...defaults, train: { ...defaults.train, learningRate: '1e-3' } });
  // @ts-expect-error a precision that there is not
  experiment('x', schema, { ...defaults, train: { ...defaults.train, precision: 'fp8' } });
  // @ts-expect-error a number that is missing
  experiment('x', schema, { ...defaults, train: { steps: 1, batchSize: 1 } });

  // Stages whose inputs and outputs do not fit.
  // @ts-expect-error raw documents are no rows of tokens
  pipeline.stage('more', ({ corpus, config, key }) => pretrain(architecture, { data: corpus, ...config.train, key }));
  // @ts-expect-error a corpus in two parts is no corpus: which part?
  pipeline.stage('rows', ({ corpus, tokenizer: bpe }) => pack(corpus, bpe, 32));
  // @ts-expect-error text is not evaluated without a tokenizer
  pipeline.stage('score', ({ base, corpus }) => evaluate(base, corpus.heldOut));
  // @ts-expect-error a tokenizer is no model
  pipeline.stage('score', ({ tokenizer: bpe, corpus }) => evaluate(bpe, pack(corpus.heldOut, bpe, 32)));
  pipeline.stage('aligned', ({ base, key }) =>
    // @ts-expect-error a language-model loss takes no preferences
    train(base, { objective: causalLanguageModel(), data: preferences, optimizer, plan, key }),
  );
  pipeline.stage('fitted', ({ base, key }) =>
    // @ts-expect-error nor rows of a table
    train(base, { objective: causalLanguageModel(), data: tableRows, optimizer, plan, key }),
  );
  // @ts-expect-error a chat of another template than the one that was trained with
  asAlpaca(bound);
}

describe('the same mistakes at run time', () => {
  const config = (set: Record<string, string | number>): unknown => configOf(pipeline, { numericClass: '', set });

  it.each<[string, Record<string, string | number>, string | RegExp]>([
    [
      'an unknown key',
      { 'train.learning_rate': 1 },
      'unknown config path train.learning_rate; nearest: train.learningRate',
    ],
    ['a key in the wrong group', { 'model.steps': 1 }, 'unknown config path model.steps; nearest: train.steps'],
    ['a number as text', { 'train.learningRate': '1e-3x' }, /train\.learningRate: .*number.*\(got "1e-3x"\)/u],
    ['a choice that there is not', { 'train.precision': 'fp8' }, /train\.precision: .*"bfloat16".*\(got "fp8"\)/u],
    [
      'heads that do not divide the width',
      { 'model.heads': 3 },
      /model\.heads: heads must divide width: 64 \/ 3 .*\(got 3\)/u,
    ],
    [
      'key heads that do not divide the heads',
      { 'model.heads': 4, 'model.keyValueHeads': 3 },
      /model\.keyValueHeads: keyValueHeads must divide heads: 4 \/ 3/u,
    ],
  ])('%s is refused, with its path', (_what, set, message) => {
    expect(() => config(set)).toThrow(message);
  });

  it('are all named at once', () => {
    const wrong = { ...defaults, model: { ...defaults.model, heads: 3 }, train: { ...defaults.train, steps: 0.5 } };
    expect(() => experiment('x', schema, wrong)).toThrow(/model\.heads: heads must divide[\s\S]*train\.steps: /u);
  });
});
