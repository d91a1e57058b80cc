import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import type { InstructionContent } from '../../../src/data/post-training/instructions.js';
import { key } from '../../../src/engine/key.js';
import { valueAndGrads } from '../../../src/engine/value-and-grads.js';
import { bind } from '../../../src/tokens/chat.js';
import { alpaca, chatMl, plainFields } from '../../../src/tokens/chat-templates.js';
import type { SystemUserAssistant } from '../../../src/tokens/chat-templates.js';
import { conversationOf } from '../../../src/tokens/conversation-of.js';
import { inOrder, loader } from '../../../src/tokens/loader.js';
import type { Batch } from '../../../src/tokens/loader.js';
import { pack } from '../../../src/tokens/pack.js';
import { packExamples } from '../../../src/tokens/pack-examples.js';
import { partFactors, totalOf, weighedParts } from '../../../src/train/loss.js';
import { measureLoss } from '../../../src/train/held-out.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { planOptions } from '../../../src/train/plan.js';
import { fineTune } from '../../../src/train/recipes/fine-tune.js';
import type { FineTuneOptions } from '../../../src/train/recipes/fine-tune.js';
import { fineTuneData } from '../../../src/train/recipes/fine-tune-data.js';
import { specialTokenizer } from '../../tokens/special-tokenizer.js';
import { capitals, chat, said, smallModel } from './small-chat.js';

const model = smallModel();
type Options = FineTuneOptions<SystemUserAssistant>;
const plan = planOptions.parse({ steps: 1, batchSize: 1 });
const options: Options = { chat, data: capitals, steps: 1, batchSize: 1, learningRate: 1e-3, key: key(3) };
const dataOf = (given: Partial<Options>) =>
  fineTuneData('fineTune', model, { ...options, ...given }, { plan, virtualTokens: 0 });

const text = pack({ documents: [{ text: 'ab '.repeat(200) }] }, chat.tokenizer, 16);
/** Long questions with short answers, and the reverse. */
const asked = Array.from({ length: 12 }, (_, index) => said(`${index} `.repeat(10), 'x'));
const told = Array.from({ length: 5 }, (_, index) => said('?', `${index} `.repeat(8)));

describe('what fine-tuning learns from', () => {
  it('are the answers and their ends: places of prompts have no gradient', () => {
    const { tokens, counted } = chat.example(said('France?', 'Paris'));
    const packed = packExamples([{ tokens, counted }], chat.tokenizer, tokens.length - 1);
    const [batch] = [...inOrder(packed, 1)] as [Batch];
    // A model whose logits are its weights: at 0 each token has p = 1 / 402.
    const size = chat.tokenizer.size;
    const loss = causalLanguageModel()<{ readonly logits: tf.Tensor }>({ forward: ({ logits }) => logits });
    const tensors = loss.tensors(batch);
    const { grads } = valueAndGrads((weights: { readonly logits: tf.Tensor }) =>
      totalOf(loss, weighedParts(loss, loss.sums(weights, tensors), partFactors(loss, loss.counts(tensors)))),
    )({ logits: tf.zeros([1, batch.context, size]) });
    const gradient = grads.logits.dataSync();
    const numCounted = counted.reduce((sum, flag) => sum + flag, 0);
    expect(numCounted).toBe(chat.tokenizer.encode('Paris').length + 1);
    for (let place = 0; place < batch.context; place++) {
      const row = [...gradient.subarray(place * size, (place + 1) * size)];
      const target = tokens[place + 1] ?? -1;
      // ∂L/∂x = w (softmax(x) − [token = y]) / Σ w
      const expected = row.map((_, token) =>
        counted[place + 1] === 1 ? (1 / size - (token === target ? 1 : 0)) / numCounted : 0,
      );
      row.forEach((value, token) => {
        expect(value).toBeCloseTo(expected[token] ?? NaN, 6);
      });
    }
  });

  it('counts as the shares say, however many tokens of a row count', async () => {
    const { data } = await dataOf({
      data: { asked: { data: asked, share: 0.6 }, told: { data: told, share: 0.4 } },
      pretraining: { data: text, share: 0.25 },
    });
    const batches = data({ batchSize: 5, key: key(1) });
    const [sums, rows] = [new Map<string, number>(), new Map<string, number>()];
    const numRows = 400;
    for (let step = 0; step < numRows / 5; step++) {
      const { inputs, weights, context } = batches.next();
      for (let row = 0; row < 5; row++) {
        const [own, counted] = [inputs, weights].map((all) => [...all.subarray(row * context, (row + 1) * context)]);
        const said = chat.tokenizer.decode(own?.filter((token) => token < 400) ?? []);
        const kind = !said.includes('user') ? 'text' : said.includes('?') ? 'told' : 'asked';
        sums.set(kind, (sums.get(kind) ?? 0) + (counted ?? []).reduce((total, weight) => total + weight, 0));
        rows.set(kind, (rows.get(kind) ?? 0) + 1);
      }
    }
    const total = [...sums.values()].reduce((sum, value) => sum + value, 0);
    for (const [kind, share] of Object.entries({ asked: 0.45, told: 0.3, text: 0.25 })) {
      expect((rows.get(kind) ?? 0) / numRows, `rows of ${kind}`).toBeCloseTo(share, 2);
      // Rows of one kind differ in what counts; over many epochs that evens out.
      expect(Math.abs((sums.get(kind) ?? 0) / total - share), `loss of ${kind}`).toBeLessThan(0.02);
    }
  });

  it('is as long as the longest row needs, and an epoch each row of the tasks once', async () => {
    const { data } = await dataOf({ packing: 'none', pretraining: { data: text, share: 0.4 } });
    const batches = data({ batchSize: 1, key: key(1) });
    const longest = Math.max(...capitals.map((turns) => chat.example(turns).tokens.length));
    expect(batches.next().context).toBe(longest - 1);
    expect(batches.numRows).toBe(6 / 0.6);
    expect((await dataOf({ context: 60 })).data({ batchSize: 1, key: key(1) }).next().context).toBe(60);
  });

  it('without packing is one conversation a row, without documents', async () => {
    const packing = 'none' as const;
    const batch = (await dataOf({ packing, context: 60 })).data({ batchSize: 6, key: key(1) }).next();
    expect(batch.documents).toBeUndefined();
    const starts = [...batch.inputs].filter((token) => token === chat.tokenizer.special.get('<|im_start|>'));
    expect(starts).toHaveLength(12); // question and answer of each
    const best = (await dataOf({ context: 60 })).data({ batchSize: 6, key: key(1) });
    expect(best.numRows).toBeLessThan(6);
  });
});

describe('a curriculum', () => {
  const rows = [said('a', 'xyz'), said('b '.repeat(12), 'x'), said('c', 'x'), said('d '.repeat(6), 'x')];
  /** The letters of the questions in the order in which an epoch shows them. */
  async function orderBy(by: NonNullable<Options['curriculum']>['by'], seed = 1): Promise<string> {
    const { data } = await dataOf({ data: rows, packing: 'none', curriculum: { by, stages: 4 } });
    const batches = data({ batchSize: 1, key: key(seed) });
    const letters = rows.map(() => /user\n([a-d])/u.exec(chat.tokenizer.decode(batches.next().inputs))?.[1]);
    return letters.join('');
  }

  it('by length goes from short to long, by a score as it says, whatever the key', async () => {
    expect(await orderBy('length')).toBe('cadb');
    expect(await orderBy('length', 2)).toBe('cadb');
    expect(await orderBy((_row, index) => -index)).toBe('dcba');
  });

  it('by perplexity goes as the loss of each answer does in the model that is to be trained', async () => {
    const measure = measureLoss(causalLanguageModel()(model.architecture));
    const losses: [string, number][] = [];
    for (const [index, row] of rows.entries()) {
      const packed = packExamples([chat.example(row)], chat.tokenizer, 48);
      losses.push(['abcd'[index] ?? '', (await measure(model.weights, inOrder(packed, 1))).loss]);
    }
    losses.sort(([, a], [, b]) => a - b);
    expect(await orderBy('perplexity')).toBe(losses.map(([letter]) => letter).join(''));
  });
});

describe('rows', () => {
  const instruction: InstructionContent = {
    kind: 'instruction',
    fields: { instruction: 'Name the colour.', input: 'grass', output: 'Green.' },
  };
  const place = { file: 'a.jsonl', row: 7 };

  it('take the fields of a template that has them, and are turns in another', () => {
    expect(conversationOf(plainFields, instruction)).toEqual([
      { role: 'instruction', content: 'Name the colour.' },
      { role: 'input', content: 'grass' },
      { role: 'output', content: 'Green.' },
    ]);
    expect(conversationOf(chatMl, instruction)).toEqual(said('Name the colour.\n\ngrass', 'Green.'));
    const turns = [...said('Hi', 'Hello')];
    expect(conversationOf(chatMl, { kind: 'conversation', turns })).toEqual(turns);
  });

  it('of another template are refused with their place', () => {
    const row = { kind: 'conversation', turns: [...said('Hi', 'Hello')], place } as const;
    expect(() => conversationOf(alpaca, row)).toThrow('a.jsonl:7: turn 0 is not in the order of the template Alpaca');
    // @ts-expect-error a conversation of another template does not compile
    expect(() => conversationOf(alpaca, said('Hi', 'Hello'))).toThrow('not in the order');
  });
});

describe('before anything is trained', () => {
  const refused = (given: Partial<Options>) =>
    expect(
      fineTune(model, {
        ...options,
        ...given,
        on: () => {
          throw new Error('a step was made');
        },
      }),
    ).rejects;

  it.each<[string, Partial<Options>, string]>([
    ['no rows', { data: [] }, 'there are no rows'],
    ['no tasks', { data: {} }, 'there are no tasks'],
    ['a task without rows', { data: { a: { data: [], share: 1 } } }, 'data.a: there are no rows'],
    ['no held-out rows', { heldOut: [] }, 'heldOut.answers: there are no rows'],
    [
      'shares that do not add up',
      { data: { a: { data: capitals, share: 0.5 }, b: { data: capitals, share: 0.4 } } },
      'the tasks’ shares do not make a whole',
    ],
    ['no share of text', { pretraining: { data: text, share: 0 } }, 'no such share of pretraining’s text'],
    ['text alone', { pretraining: { data: text, share: 1 } }, 'no such share of pretraining’s text'],
    ['a name that is taken', { data: { pretraining: { data: capitals, share: 1 } } }, 'a name that is taken'],
    ['held-out rows of no task', { heldOut: { other: capitals } }, 'held-out rows of a task that is not trained'],
    ['held-out rows by no name', { data: { a: { data: capitals, share: 1 } }, heldOut: capitals }, 'not trained'],
    ['a context beyond the model’s', { context: 65 }, 'no such context'],
    ['text in longer rows', { context: 15, pretraining: { data: text, share: 0.1 } }, 'text of pretraining has longer'],
    [
      'a row longer than the context',
      { data: [...capitals, said('a '.repeat(80), 'b')] },
      'row 6 is longer than the context',
    ],
    ['a row longer than the rows', { context: 12 }, 'row 0 is longer than the context'],
    [
      'no answer left after truncation',
      { data: [...capitals, said('a '.repeat(80), 'b')], unfit: 'truncate' },
      'row 6 has no answer tokens left after truncation',
    ],
    ['nothing left', { context: 4, unfit: 'drop' }, 'no row of data.answers fits'],
    ['no stages', { curriculum: { by: 'length', stages: 0 } }, 'no such number of stages'],
    ['scores that are none', { curriculum: { by: () => NaN } }, 'a score is no number'],
    ['steps and epochs', { epochs: 2 }, 'either steps or epochs'],
  ])('%s', async (_, given, message) => {
    await refused(given).toThrow(message);
  });

  it('rows and chats of another template or tokenizer', async () => {
    const turns = conversationOf(plainFields, {
      kind: 'instruction',
      fields: { instruction: 'a', input: '', output: 'b' },
    });
    // @ts-expect-error a conversation of another template does not compile
    await refused({ data: [turns] }).toThrow('row 0: turn 0 is not in the order of the template ChatML');
    const more = bind(chatMl, specialTokenizer(['<|im_start|>', '<|im_end|>', '<|tool|>']));
    await refused({ chat: more }).toThrow('no embeddings for special tokens');
    const small = smallModel({ vocabularySize: 600 });
    await expect(fineTune(small, options)).rejects.toThrow('bound to another tokenizer');
  });

  it('long rows that are to be cut or dropped are', async () => {
    const long = [...capitals, said('a', 'b '.repeat(80))];
    const rowsOf = async (given: Partial<Options>): Promise<number> =>
      (await dataOf({ ...given, data: long, packing: 'none' })).data({ batchSize: 1, key: key(1) }).numRows;
    expect(await rowsOf({ unfit: 'truncate' })).toBe(7);
    expect(await rowsOf({ unfit: 'drop' })).toBe(6);
    await refused({ data: long }).toThrow('row 6 is longer than the context');
  });

  it('one task in random order is what a loader of its packing gives, in other order', async () => {
    const packed = packExamples(
      capitals.map((turns) => chat.example(turns)),
      chat.tokenizer,
      40,
    );
    const { data } = await dataOf({ context: 40 });
    const rowsOf = (batch: Batch): string[] =>
      Array.from({ length: batch.batchSize }, (_, row) =>
        [batch.inputs, batch.targets, batch.weights, batch.documents, batch.positions]
          .map((all) => all?.subarray(row * 40, (row + 1) * 40).join())
          .join(' '),
      ).sort();
    const all = { batchSize: packed.numRows, key: key(1) };
    expect(rowsOf(data(all).next())).toEqual(rowsOf(loader(packed, all).next()));
  });
});
