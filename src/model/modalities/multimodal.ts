import * as tf from '@tensorflow/tfjs';
import type { Key } from '../../engine/key.js';
import type { Tree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import { countParameters } from '../cost.js';
import type { Decoder, ForwardOptions } from '../decoder.js';
import { embed } from '../embedding.js';
import { linear } from '../linear.js';
import type { Linear } from '../linear.js';
import type { TokenEncoder } from '../vision/token-encoder.js';
import { drawTree, WeightSpec } from '../weights.js';
import type { DecoderWeights } from '../weights.js';

/** A token encoder, whatever its weights. */
export interface AnyTokenEncoder extends Omit<TokenEncoder<never>, 'init'> {
  init(key: Key): object;
}

/** An encoder's weights, and the matrix that brings its tokens to the decoder's width. */
export type JoinedEncoderWeights<Leaf = tf.Tensor> = {
  readonly encoder: Tree<Leaf>;
  readonly join: Linear<Leaf>; // [encoder's width, decoder's width]
};

/** The weights of a decoder and of its encoders by name. */
export type MultimodalWeights<Name extends string = string, Leaf = tf.Tensor> = {
  readonly decoder: DecoderWeights<Leaf>;
  readonly encoders: Readonly<Record<Name, JoinedEncoderWeights<Leaf>>>;
};

/** How text is read. */
type ReadingOptions = Pick<ForwardOptions, 'dropoutKey' | 'recompute'>;

/** What says the next token of a text, with weights that are a tree: objectives of tokens take it. */
export interface TextReader<Weights, Options = ReadingOptions> {
  /** Logits [batch, time, vocabulary] of tokens, int32 [batch, time]. */
  forward(weights: Weights, tokens: tf.Tensor, options?: Options): tf.Tensor;
  /** What the logits are made from: [batch, time, width]. */
  hidden(weights: Weights, tokens: tf.Tensor, options?: Options): tf.Tensor;
  /** [..., width] → [..., vocabulary] */
  logits(weights: Weights, hidden: tf.Tensor): tf.Tensor;
}

/** A decoder that reads what encoders make tokens of, and then text. */
export interface Multimodal<Name extends string = string> {
  readonly kind: 'multimodal';
  readonly decoder: Decoder;
  readonly encoders: Readonly<Record<Name, AnyTokenEncoder>>;
  readonly numParameters: number;
  readonly specs: MultimodalWeights<Name, WeightSpec>;
  /** First weights: the same for the same key. Those of a trained decoder or encoder may take their place. */
  init(key: Key): MultimodalWeights<Name>;
  /** What the decoder is given of inputs of a kind: [batch, …the encoder's inputShape] → [batch, numTokens, width]. */
  tokens(weights: MultimodalWeights<Name>, name: Name, inputs: tf.Tensor, options?: ReadingOptions): tf.Tensor3D;
  /** The decoder alone, for text by itself. */
  readonly text: TextReader<MultimodalWeights<Name>, Omit<ForwardOptions, 'past'>>;
  /**
   * The text after inputs of a kind: logits [batch, time, vocabulary] of tokens [batch, time]. The tokens of an input see each other, also those
   * after them, and all text sees them.
   */
  after(name: Name, inputs: tf.Tensor): TextReader<MultimodalWeights<Name>>;
}

/**
 * decoder([encoder(x) W + b; embedding[text]]): what an encoder says of an image, a clip or a recording stands before the text, as tokens of
 * the decoder's width. With a trained encoder and decoder of which W alone is new it is Liu 2023, "Visual Instruction Tuning" (2304.08485); the
 * tokens that see each other in both directions are those of a prefix language model, as in Beyer 2024, "PaliGemma" (2407.07726).
 *
 * @throws TrainbookError if there are no encoders, or one leaves no room for text in the decoder's context.
 * @example
 * const model = multimodal(decoder({ layers: 4, width: 256, heads: 4, context: 128, vocabularySize: 4096 }), {
 *   image: patchEncoder({ image: [28, 28], channels: 1, patch: 7, width: 256 }),
 *   clip: frameEncoder(patchEncoder({ image: [28, 28], channels: 1, patch: 14, width: 256 }), { frames: 4 }),
 *   speech: patchEncoder({ image: [96, 64], channels: 1, patch: 16, width: 256 }),
 * });
 * const logits = model.after('image', images).forward(model.init(key(1)), tokens);
 */
export function multimodal<const Name extends string>(
  decoder: Decoder,
  encoders: Readonly<Record<Name, AnyTokenEncoder>>,
): Multimodal<Name> {
  checkEncoders(decoder, encoders);
  const { width, initDeviation } = decoder.config;
  const entries = Object.entries<AnyTokenEncoder>(encoders);
  const specs = {
    decoder: decoder.specs,
    encoders: Object.fromEntries(
      entries.map(([name, encoder]): [string, JoinedEncoderWeights<WeightSpec>] => [
        name,
        {
          encoder: encoder.specs,
          join: {
            weight: new WeightSpec([encoder.width, width], initDeviation),
            bias: new WeightSpec([width], 'zeros'),
          },
        },
      ]),
    ),
  } as MultimodalWeights<Name, WeightSpec>;
  const tokens: Multimodal<Name>['tokens'] = (weights, name, inputs, { dropoutKey, recompute } = {}) => {
    const { encoder, join } = weights.encoders[name];
    const reader = encoderOf(encoders, name) as unknown as TokenEncoder<Tree<tf.Tensor>>;
    return linear(join, reader.encode(encoder, inputs, { dropoutKey, recompute })) as tf.Tensor3D;
  };
  const logits = (weights: MultimodalWeights<Name>, states: tf.Tensor): tf.Tensor =>
    decoder.logits(weights.decoder, states);
  return {
    kind: 'multimodal',
    decoder,
    encoders,
    numParameters: countParameters(specs),
    specs,
    init: (key) => drawTree(specs, key) as unknown as MultimodalWeights<Name>,
    tokens,
    text: {
      forward: (weights, given, reading) => decoder.forward(weights.decoder, given, reading),
      hidden: (weights, given, reading) => decoder.hidden(weights.decoder, given, reading),
      logits,
    },
    after: (name, inputs) => {
      const hidden = (weights: MultimodalWeights<Name>, text: tf.Tensor, reading: ReadingOptions = {}): tf.Tensor => {
        const before = tokens(weights, name, inputs, reading);
        const [batch, numTokens] = before.shape;
        const [, time] = text.shape as [number, number];
        checkRoom(decoder, numTokens, time);
        const states = decoder.hidden(weights.decoder, tf.concat([before, embed(weights.decoder.embedding, text)], 1), {
          dropoutKey: reading.dropoutKey,
          recompute: reading.recompute,
          prefix: tf.fill([batch], numTokens, 'int32'),
        });
        return tf.slice(states, [0, numTokens, 0], [batch, time, width]);
      };
      return { hidden, logits, forward: (weights, text, reading) => logits(weights, hidden(weights, text, reading)) };
    },
  };
}

function encoderOf<Name extends string>(
  encoders: Readonly<Record<Name, AnyTokenEncoder>>,
  name: Name,
): AnyTokenEncoder {
  const known = Object.hasOwn(encoders, name) ? encoders[name] : undefined;
  if (known !== undefined) return known;
  throw new TrainbookError({
    what: 'multimodal: the model has no encoder of this name',
    received: name,
    expected: Object.keys(encoders).join(', '),
  });
}

function checkEncoders({ config }: Decoder, encoders: Readonly<Record<string, AnyTokenEncoder>>): void {
  const entries = Object.entries(encoders);
  if (entries.length === 0)
    throw new TrainbookError({ what: 'multimodal: there are no encoders', received: '{}', expected: 'at least one' });
  if (config.depths !== undefined)
    throw new TrainbookError({
      what: 'multimodal: with Mixture-of-Depths a decoder takes no prefix',
      received: 'the option depths',
      expected: 'a decoder without',
    });
  for (const [name, { numTokens }] of entries) {
    if (numTokens < config.context) continue;
    throw new TrainbookError({
      what: `multimodal: the tokens of ${name} leave no room for text`,
      received: `${numTokens} tokens`,
      expected: `fewer than the context, ${config.context}`,
      fix: 'a longer context, or larger patches',
    });
  }
}

function checkRoom({ config: { context } }: Decoder, numTokens: number, time: number): void {
  if (numTokens + time <= context) return;
  throw new TrainbookError({
    what: 'multimodal: an input and the text after it are longer than the context',
    received: `${numTokens} tokens of the input, ${time} of text`,
    expected: `at most ${context} together`,
    fix: `shorten the text to ${context - numTokens} tokens`,
  });
}
