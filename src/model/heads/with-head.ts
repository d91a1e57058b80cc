import * as tf from '@tensorflow/tfjs';
import { fold } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { foldTensor } from '../../engine/random.js';
import type { RandomKey } from '../../engine/random.js';
import type { Decoder } from '../decoder.js';
import type { EncoderWeights } from '../encoder-specs.js';
import type { Encoder } from '../encoder.js';
import type { DecoderWeights } from '../weights.js';
import type { Head, HeadReading, HeadWeights } from './head.js';

/** Whose hidden states heads read. */
export type AnyTrunk = Decoder | Encoder;

/** Any head, such as `sequenceClassification(trunk, …)`. */
export interface AnyHead extends Pick<Head<never>, 'numParameters' | 'flops' | 'specs'> {
  init(key: Key): object;
  forward(weights: never, states: tf.Tensor, reading: HeadReading): tf.Tensor;
}

/** How a batch is read by a model with heads. */
export interface HeadedOptions {
  /** int32 [batch, time]: 1 for the tokens of a text, 0 for padding: what poolings read over, and by default the documents too. */
  readonly mask?: tf.Tensor | undefined;
  /** int32 [batch, time]: tokens see those of their own document, which has a number. */
  readonly documents?: tf.Tensor | undefined;
  /** int32 [batch, time]: the kind of each token, in an encoder. Default: 0. */
  readonly types?: tf.Tensor | undefined;
  /** int32 [batch, time]: the place of each token. */
  readonly positions?: tf.Tensor | undefined;
  /** Leaves elements out as the configs say: for training. Without a key nothing is left out. */
  readonly dropoutKey?: RandomKey | undefined;
  /** Whether each block of the trunk is computed again in the backward pass: see `remat`. */
  readonly recompute?: boolean | undefined;
}

/** What both forms have. */
interface Headed<Weights, Output> {
  /** Of trunk and heads. */
  readonly numParameters: number;
  /** First weights of both: the same for the same key. */
  init(key: Key): Weights;
  /** The trunk's last hidden states: [batch, time, width]. */
  hidden(weights: Weights, inputs: tf.Tensor, options?: HeadedOptions): tf.Tensor3D;
  /** What the head makes of hidden states, [..., width]. */
  logits(weights: Weights, hidden: tf.Tensor, options?: Pick<HeadedOptions, 'mask' | 'dropoutKey'>): Output;
  /** The same from tokens, int32 [batch, time]. */
  forward(weights: Weights, inputs: tf.Tensor, options?: HeadedOptions): Output;
}

/** The weights of a model with a head. */
export type WithHeadWeights<T extends AnyTrunk, H extends AnyHead> = {
  readonly trunk: ReturnType<T['init']>;
  readonly head: HeadWeights<H>;
};

/** A trunk and a head on it, as one architecture. */
export interface WithHead<T extends AnyTrunk, H extends AnyHead> extends Headed<
  WithHeadWeights<T, H>,
  ReturnType<H['forward']>
> {
  readonly trunk: T;
  readonly head: H;
}

/**
 * head(trunk(tokens)) as an architecture of its own, with the weights `{ trunk, head }`: what objectives such as `classification` and
 * `maskedLanguageModelling` train.
 *
 * @example
 * const { architecture: trunk, weights } = await loadEncoder('models/bert-base-uncased');
 * const head = sequenceClassification(trunk, { classes: ['bad', 'good'] });
 * const model = { architecture: withHead(trunk, head), weights: { trunk: weights, head: head.init(key(1)) } };
 */
export function withHead<T extends AnyTrunk, H extends AnyHead>(trunk: T, head: H): WithHead<T, H> {
  type Weights = WithHeadWeights<T, H>;
  return {
    trunk,
    head,
    numParameters: trunk.numParameters + head.numParameters,
    init: (key) => ({ trunk: trunk.init(fold(key, 'trunk')), head: head.init(fold(key, 'head')) }) as Weights,
    ...reading<Weights, ReturnType<H['forward']>>(trunk, (weights, states, options) =>
      read(head, weights.head, states, weights.trunk, options),
    ),
  };
}

/** Heads by name. */
export type HeadsByName = Readonly<Record<string, AnyHead>>;

/** The weights of a model with several heads, as `saveEncoder` names them in files. */
export type WithHeadsWeights<T extends AnyTrunk, Heads extends HeadsByName> = {
  readonly trunk: ReturnType<T['init']>;
  readonly heads: { readonly [Name in keyof Heads]: HeadWeights<Heads[Name]> };
};

/** What each head gives. */
export type HeadOutputs<Heads extends HeadsByName> = {
  readonly [Name in keyof Heads]: ReturnType<Heads[Name]['forward']>;
};

/** A trunk and several heads on it, as one architecture. */
export interface WithHeads<T extends AnyTrunk, Heads extends HeadsByName> extends Headed<
  WithHeadsWeights<T, Heads>,
  HeadOutputs<Heads>
> {
  readonly trunk: T;
  readonly heads: Heads;
  /** The model as if it had this head alone, with the weights of all: to train heads by objectives of their own (`mixture`). */
  only<Name extends keyof Heads>(
    name: Name,
  ): Headed<WithHeadsWeights<T, Heads>, ReturnType<Heads[Name]['forward']>> & { readonly head: Heads[Name] };
}

/**
 * Several heads that read the same hidden states, with the weights `{ trunk, heads }`: BERT's pre-training has two, and a model of
 * several tasks one for each.
 *
 * @example
 * const architecture = withHeads(trunk, { maskedLanguageModel: maskedLanguageModel(trunk), nextSentence: nextSentence(trunk) });
 * const { maskedLanguageModel: logits, nextSentence: isNext } = architecture.forward(weights, tokens, { types, mask });
 */
export function withHeads<T extends AnyTrunk, const Heads extends HeadsByName>(
  trunk: T,
  heads: Heads,
): WithHeads<T, Heads> {
  type Weights = WithHeadsWeights<T, Heads>;
  const all = Object.entries(heads);
  const only: WithHeads<T, Heads>['only'] = <Name extends keyof Heads>(name: Name) => {
    const head: Heads[Name] = heads[name];
    const own = ({ heads: all }: Weights): unknown => (all as Readonly<Record<PropertyKey, unknown>>)[name];
    return {
      head,
      numParameters: trunk.numParameters + head.numParameters,
      init,
      ...reading<Weights, ReturnType<Heads[Name]['forward']>>(trunk, (weights, states, options) =>
        read(head, own(weights), states, weights.trunk, options),
      ),
    };
  };
  const init = (key: Key): Weights =>
    ({
      trunk: trunk.init(fold(key, 'trunk')),
      heads: Object.fromEntries(all.map(([name, head]) => [name, head.init(fold(fold(key, 'head'), name))])),
    }) as unknown as Weights;
  return {
    trunk,
    heads,
    numParameters: all.reduce((sum, [, head]) => sum + head.numParameters, trunk.numParameters),
    init,
    only,
    ...reading<Weights, HeadOutputs<Heads>>(trunk, (weights, states, { dropoutKey, ...options }) => {
      const outputs = all.map(([name, head], index) => {
        const own = { ...options, dropoutKey: dropoutKey && foldTensor(dropoutKey, tf.scalar(index, 'int32')) };
        return [name, read(head, weights.heads[name], states, weights.trunk, own)] as const;
      });
      return Object.fromEntries(outputs) as HeadOutputs<Heads>;
    }),
  };
}

/** Folded into a step's key for the heads: the trunk's own dropouts are numbered from 0. */
const headDropout = -1;

/** The functions of an architecture, from what heads make of hidden states. */
function reading<Weights extends { readonly trunk: unknown }, Output>(
  trunk: AnyTrunk,
  logits: (weights: Weights, hidden: tf.Tensor, options: Pick<HeadedOptions, 'mask' | 'dropoutKey'>) => Output,
): Pick<Headed<Weights, Output>, 'hidden' | 'logits' | 'forward'> {
  const hidden: Headed<Weights, Output>['hidden'] = (weights, inputs, options = {}) =>
    statesOf(trunk, weights.trunk, inputs, options);
  return {
    hidden,
    logits: (weights, states, options = {}) => logits(weights, states, options),
    forward: (weights, inputs, options = {}) => {
      const { mask, dropoutKey } = options;
      const own = dropoutKey && foldTensor(dropoutKey, tf.scalar(headDropout, 'int32'));
      return logits(weights, hidden(weights, inputs, options), { mask, dropoutKey: own });
    },
  };
}

/** The last hidden states of a trunk: [batch, time, width]. Which weights it takes is said by the types of those who call. */
export function statesOf(
  trunk: AnyTrunk,
  weights: unknown,
  inputs: tf.Tensor,
  { mask, documents = mask, ...options }: HeadedOptions,
): tf.Tensor3D {
  const reading = { documents, ...options };
  return trunk.kind === 'decoder'
    ? trunk.hidden(weights as DecoderWeights, inputs, reading)
    : trunk.forward(weights as EncoderWeights, inputs, reading);
}

function read<H extends AnyHead>(
  head: H,
  weights: unknown,
  states: tf.Tensor,
  trunk: unknown,
  options: Pick<HeadedOptions, 'mask' | 'dropoutKey'>,
): ReturnType<H['forward']> {
  const { embedding } = trunk as { readonly embedding: tf.Tensor };
  return head.forward(weights as never, states, { embedding, ...options }) as ReturnType<H['forward']>;
}
