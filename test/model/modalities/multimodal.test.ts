import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { key } from '../../../src/engine/key.js';
import { decoder } from '../../../src/model/decoder.js';
import { multimodal } from '../../../src/model/modalities/multimodal.js';
import type { Multimodal } from '../../../src/model/modalities/multimodal.js';
import { writeAfter } from '../../../src/model/modalities/write-after.js';
import { frameEncoder, patchEncoder } from '../../../src/model/vision/frames.js';
import { characterTokenizer } from '../../../src/tokens/characters.js';
import { loader } from '../../../src/tokens/loader.js';
import { mixedLoader } from '../../../src/tokens/mixed-loader.js';
import { pack } from '../../../src/tokens/pack.js';
import { pairedInOrder, pairedLoader } from '../../../src/tokens/paired-loader.js';
import type { PairedText } from '../../../src/tokens/paired-loader.js';
import { causalLanguageModel } from '../../../src/train/objectives/causal-language-model.js';
import { languageAfter } from '../../../src/train/objectives/language-after.js';
import { mixture } from '../../../src/train/objectives/mixture.js';
import { measureLoss } from '../../../src/train/held-out.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { train } from '../../../src/train/train.js';
import { expectClose } from '../close.js';

const corpus = { documents: [{ text: 'left right rising falling high low cat dog ' }] };
const tokenizer = characterTokenizer(corpus);
const trunk = decoder({ layers: 2, width: 32, heads: 2, context: 40, vocabularySize: tokenizer.size });
const encoders = {
  image: patchEncoder({ image: [4, 4], channels: 1, patch: 2, width: 16 }),
  clip: frameEncoder(patchEncoder({ image: [4, 4], channels: 1, patch: 4, width: 32 }), { frames: 3 }),
  speech: patchEncoder({ image: [8, 4], channels: 1, patch: 4, width: 32 }),
};
const model = multimodal(trunk, encoders);
type Kind = 'image' | 'clip' | 'speech';

/** Light on one side of an image; light that moves up or down in a clip; a tone that is high or low. */
const examples: Readonly<Record<Kind, readonly (readonly [input: Float32Array, text: string])[]>> = {
  image: [
    [Float32Array.from({ length: 16 }, (_, at) => Number(at % 4 < 2)), 'left'],
    [Float32Array.from({ length: 16 }, (_, at) => Number(at % 4 >= 2)), 'right'],
  ],
  clip: [
    [
      Float32Array.from({ length: 48 }, (_, at) => Number(Math.floor((at % 16) / 4) === 3 - Math.floor(at / 16))),
      'rising',
    ],
    [
      Float32Array.from({ length: 48 }, (_, at) => Number(Math.floor((at % 16) / 4) === Math.floor(at / 16))),
      'falling',
    ],
  ],
  speech: [
    [Float32Array.from({ length: 32 }, (_, at) => Number(at % 4 === 3)), 'high'],
    [Float32Array.from({ length: 32 }, (_, at) => Number(at % 4 === 0)), 'low'],
  ],
};
const pairsOf = (kind: Kind): PairedText[] =>
  examples[kind].map(([input, text]) => ({
    input,
    prompt: [tokenizer.endOfText],
    answer: [...tokenizer.encode(text), tokenizer.endOfText],
  }));
const sizesOf = (kind: Kind) => ({ shape: encoders[kind].inputShape, context: 10, padding: tokenizer.endOfText });

describe('multimodal', () => {
  it('reads an input as tokens of the decoder’s width, and the text after it with all of them in sight', () => {
    const weights = model.init(key(1));
    const images = tf.tensor(
      Float32Array.from({ length: 32 }, (_, at) => Math.sin(at)),
      [2, 4, 4, 1],
    );
    expect(model.tokens(weights, 'image', images).shape).toEqual([2, 4, 32]);
    expect(model.tokens(weights, 'clip', tf.zeros([1, 3, 4, 4, 1])).shape).toEqual([1, 3, 32]);
    const text = tf.tensor2d([[1, 2, 3], [4, 5, 6]], [2, 3], 'int32'); // prettier-ignore
    const logits = model.after('image', images).forward(weights, text);
    expect(logits.shape).toEqual([2, 3, tokenizer.size]);
    // The same by hand: embeddings side by side, of which the first four see each other.
    const embedded = tf.concat([model.tokens(weights, 'image', images), tf.gather(weights.decoder.embedding, text)], 1);
    const whole = trunk.forward(weights.decoder, embedded, { prefix: tf.tensor1d([4, 4], 'int32') });
    expectClose(logits.dataSync(), tf.slice(whole, [0, 4, 0], [2, 3, tokenizer.size]).dataSync(), 1e-5);
    // Text does not see the text after it, and sees the input.
    const other = tf.tensor2d([[1, 2, 9], [4, 5, 9]], [2, 3], 'int32'); // prettier-ignore
    const first = (x: tf.Tensor): Float32Array => tf.slice(x, [0, 0, 0], [2, 2, tokenizer.size]).dataSync<'float32'>();
    expectClose(first(model.after('image', images).forward(weights, other)), first(logits), 1e-5);
    expect(first(model.after('image', tf.mul(images, 2)).forward(weights, text))).not.toEqual(first(logits));
    // Text by itself is the decoder's.
    expect(model.text.forward(weights, text).dataSync()).toEqual(trunk.forward(weights.decoder, text).dataSync());
  });

  it('learns text, images, clips and speech at once, by weight, and says what it sees and hears', async () => {
    const texts = pack(corpus, tokenizer, 10);
    const paired = (kind: Kind) => (options: Parameters<typeof loader>[1]) =>
      pairedLoader(pairsOf(kind), sizesOf(kind), options);
    type All = Multimodal<Kind>;
    const parts: Record<string, number>[] = [];
    const trained = await train(
      { architecture: model, weights: model.init(key(1)) },
      {
        objective: mixture({
          text: [({ text }: All) => causalLanguageModel()(text), 0.1],
          image: [languageAfter<Kind>('image'), 0.3],
          clip: [languageAfter<Kind>('clip'), 0.3],
          speech: [languageAfter<Kind>('speech'), 0.3],
        }),
        data: (options) =>
          mixedLoader(
            {
              text: [(own) => loader(texts, own), 0.25],
              image: [paired('image'), 0.25],
              clip: [paired('clip'), 0.25],
              speech: [paired('speech'), 0.25],
            },
            options,
          ),
        optimizer: adamw({ learningRate: 5e-3 }),
        plan: { steps: 80, batchSize: 8 },
        key: key(2),
        target: 'graph',
        on: (event) => {
          if (event.type === 'step') parts.push({ ...event.result.parts });
        },
      },
    );
    expect(Object.keys(parts[0] ?? {})).toEqual(['text', 'image', 'clip', 'speech']);
    for (const kind of ['image', 'clip', 'speech'] as const) {
      const said = await writeAfter(trained, kind, examples[kind].map(([input]) => input), tokenizer, { temperature: 0, maxTokens: 9, key: key(1) }); // prettier-ignore
      expect(said.map(({ text, finish }) => [text, finish])).toEqual(examples[kind].map(([, text]) => [text, 'stop']));
      const measure = measureLoss(languageAfter<Kind>(kind)(trained.architecture));
      const { loss } = await measure(trained.weights, pairedInOrder(pairsOf(kind), sizesOf(kind), 4));
      expect(loss).toBeLessThan(0.1);
    }
  });

  it('writes after a question what a full pass finds likeliest, in pieces of logits the same loss', async () => {
    const weights = model.init(key(3));
    const [[input] = [new Float32Array()]] = examples.image;
    const options = { temperature: 0, maxTokens: 4, stops: [], key: key(1), prompt: 'cat' };
    const [said] = await writeAfter({ architecture: model, weights }, 'image', [input], tokenizer, options);
    const ids = [tokenizer.endOfText, ...tokenizer.encode('cat')];
    for (let count = 0; count < 4; count++) {
      const logits = model
        .after('image', tf.tensor(input, [1, 4, 4, 1]))
        .forward(weights, tf.tensor2d([ids], [1, ids.length], 'int32'));
      ids.push(tf.argMax(tf.slice(logits, [0, ids.length - 1, 0], [1, 1, -1]), 2).dataSync()[0] ?? 0);
    }
    expect(said?.text).toBe(tokenizer.decode(ids.slice(4)));
    const loss = languageAfter('image')(model);
    const [batch] = pairedInOrder(pairsOf('image'), sizesOf('image'), 2);
    const tensors = loss.tensors(batch as NonNullable<typeof batch>);
    const [whole, pieces] = [1, 3].map((chunks) => loss.sums(weights, tensors, { chunks })['loss']?.dataSync()[0]);
    expect(pieces).toBeCloseTo(whole ?? NaN, 3);
  });

  it('says what does not fit', async () => {
    const weights = model.init(key(1));
    expect(() => multimodal(trunk, {})).toThrow('no encoders');
    const fine = patchEncoder({ image: [14, 14], channels: 1, patch: 2, width: 16 });
    expect(() => multimodal(trunk, { fine })).toThrow('leave no room');
    const images = tf.zeros([1, 4, 4, 1]);
    const long = tf.zeros([1, 37], 'int32');
    expect(() => model.after('image', images).forward(weights, long)).toThrow('at most 40 together');
    // @ts-expect-error there is no such encoder
    expect(() => model.tokens(weights, 'taste', images)).toThrow();
    await expect(
      writeAfter({ architecture: model, weights }, 'image', [new Float32Array(3)], tokenizer, { key: key(1) }),
    ).rejects.toThrow('3 numbers');
    const [good] = pairsOf('image') as [PairedText];
    const made = (pair: Partial<PairedText>) => () =>
      pairedLoader([{ ...good, ...pair }], sizesOf('image'), { batchSize: 1, key: key(1) });
    expect(made({ input: new Float32Array(3) })).toThrow('not of the shape');
    expect(made({ prompt: [] })).toThrow('does not fit');
    expect(made({ answer: Array<number>(11).fill(0) })).toThrow('does not fit');
    expect(() => pairedLoader([], sizesOf('image'), { batchSize: 1, key: key(1) })).toThrow('no pairs');
  });
});
