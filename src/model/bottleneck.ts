import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { fold } from '../engine/key.js';
import { mapTree, treeEntries } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { adaptedFrom } from './adapter.js';
import type { AdapterMethod } from './adapter.js';
import { countParameters } from './cost.js';
import type { Decoder } from './decoder.js';
import { linear, LinearOperator } from './linear.js';
import type { Linear } from './linear.js';
import { activations } from './mlp.js';
import { parseOptions } from './parse-options.js';
import { drawTree, WeightSpec } from './weights.js';

/**
 * Options of bottleneck adapters; unknown keys are refused.
 *
 * @example
 * bottleneckOptions.parse({ size: 64, after: ['mlp'] });
 */
export const bottleneckOptions = z.strictObject({
  size: z.int().positive().describe('features of the bottleneck; 8 to 256 is usual'),
  after: z
    .array(z.enum(['attention', 'mlp']))
    .min(1)
    .refine((places) => new Set(places).size === places.length, 'a place stands twice')
    .default(['attention', 'mlp'])
    .describe('which parts of a block have one behind them; the MLP alone is Pfeiffer’s form'),
  activation: z.enum(['relu', 'gelu']).default('relu').describe('the function in the bottleneck'),
});

export type BottleneckOptions = z.input<typeof bottleneckOptions>;

/** One small network: y + f(y D + d) U + u. */
type Network<Leaf = tf.Tensor> = {
  readonly down: Required<Linear<Leaf>>; // [width, size]
  readonly up: Required<Linear<Leaf>>; // [size, width]
};

/** The networks by the path of the linear layer that they stand behind, such as `layers.0.attention.output`. */
export type BottleneckWeights<Leaf = tf.Tensor> = Readonly<Record<string, Network<Leaf>>>;

/** Bottleneck adapters with their options. */
export interface Bottleneck extends AdapterMethod<BottleneckWeights> {
  readonly kind: 'bottleneck';
  readonly config: z.output<typeof bottleneckOptions>;
  /** The shapes of an adapter's weights. */
  specs(architecture: Decoder): BottleneckWeights<WeightSpec>;
  /**
   * The same tree, in which the networks stand behind their layers: a model to generate with. Nothing is added up, and nothing could be: a
   * function that is not linear has no place in a matrix.
   *
   * @throws TrainbookError if the tree has no such layers.
   */
  apply<Weights extends object>(weights: Weights, adapter: BottleneckWeights): Weights;
}

/** An adapter: how it is made, and its numbers. */
export interface BottleneckAdapter {
  readonly kind: 'bottleneck';
  readonly method: Bottleneck;
  readonly weights: BottleneckWeights;
}

/**
 * y + f(y D + d) U + u behind the attention and behind the MLP of each block, before they are added to the residual stream; D, d, U and u
 * are trained. U and u are 0 at first, so that the model is what it was. Houlsby 2019, "Parameter-Efficient Transfer Learning for NLP"
 * (1902.00751); behind the MLP alone: Pfeiffer 2020 (2005.00247).
 *
 * Its weights are saved by `saveWeights(adapter.weights, folder)` and read by `loadWeights(method.specs(architecture), folder)`.
 *
 * @throws TrainbookError if an option is out of range, or the model has experts and adapters are wanted behind them.
 * @example
 * const method = bottleneck({ size: 64 });
 * const logits = method.adapt(model).forward(method.init(model, key(1)), tokens);
 */
export function bottleneck(options: BottleneckOptions): Bottleneck {
  const config = parseOptions('bottleneck', bottleneckOptions, options);
  const specs = (architecture: Decoder): BottleneckWeights<WeightSpec> => {
    const all = new Map(treeEntries<WeightSpec>(architecture.specs));
    const paths = architecture.specs.layers.flatMap((_, layer) =>
      config.after.map((place) => `layers.${layer}.${endOf[place]}`),
    );
    return Object.fromEntries(paths.map((path) => [path, networkSpecs(all.get(`${path}.weight`), path, config.size)]));
  };
  const apply: Bottleneck['apply'] = (weights, adapter) =>
    withNetworks(weights, adapter, activations[config.activation]);
  return {
    kind: 'bottleneck',
    config,
    specs,
    numParameters: (architecture) => countParameters(specs(architecture)),
    init: ({ architecture }, key) => drawTree(specs(architecture), fold(key, 'bottleneck')) as BottleneckWeights,
    apply,
    adapt: (model) =>
      adaptedFrom(model, (adapter, tokens, reading) =>
        model.architecture.hidden(apply(model.weights, adapter), tokens, reading),
      ),
  };
}

/** The layer that a part of a block ends with. */
const endOf = { attention: 'attention.output', mlp: 'mlp.down' } as const;

function networkSpecs(base: WeightSpec | undefined, path: string, size: number): Network<WeightSpec> {
  const [, width, more] = base?.shape ?? [];
  if (width === undefined || more !== undefined) {
    throw new TrainbookError({
      what: `bottleneck: the model has no linear layer ${path}`,
      received: 'a block with experts, perhaps',
      expected: 'a matrix that ends the part of the block',
      fix: "leave the MLP out: after: ['attention']",
    });
  }
  return {
    down: { weight: new WeightSpec([width, size], 0.01), bias: new WeightSpec([size], 'zeros') },
    up: { weight: new WeightSpec([size, width], 'zeros'), bias: new WeightSpec([width], 'zeros') },
  };
}

type Activation = (x: tf.Tensor) => tf.Tensor;

function withNetworks<Weights extends object>(
  weights: Weights,
  adapter: BottleneckWeights,
  activation: Activation,
): Weights {
  const tree = weights as Tree<tf.Tensor>;
  const leaves = new Map(treeEntries(tree));
  const behind = new Map<string, Behind>();
  for (const [path, network] of Object.entries(adapter)) {
    const base = leaves.get(`${path}.weight`);
    if (base?.shape[1] !== network.down.weight.shape[0]) {
      throw new TrainbookError({
        what: `bottleneck: the adapter's weights for ${path} do not fit the model`,
        received: `a network of width ${network.down.weight.shape[0]}`,
        expected: base === undefined ? 'weights of the model it is for' : `width ${base.shape[1]}`,
      });
    }
    behind.set(`${path}.weight`, new Behind({ weight: base, bias: leaves.get(`${path}.bias`) }, network, activation));
  }
  return mapTree<tf.Tensor, unknown>(tree, (leaf, path) => behind.get(path) ?? leaf) as Weights;
}

/**
 * A linear layer with a network behind it: y = x W, then y + f((y + b) D + d) U + u. The layer's own bias b, which `linear` adds after this, is
 * seen by the network.
 */
class Behind extends LinearOperator {
  readonly shape: readonly number[];

  constructor(
    private readonly base: { readonly weight: tf.Tensor; readonly bias: tf.Tensor | undefined },
    private readonly network: Network,
    private readonly activation: Activation,
  ) {
    super();
    this.shape = base.weight.shape;
  }

  times(rows: tf.Tensor2D): tf.Tensor {
    const { weight, bias } = this.base;
    const y = linear({ weight }, rows);
    const seen = bias === undefined ? y : tf.add(y, bias);
    return tf.add(y, linear(this.network.up, this.activation(linear(this.network.down, seen))));
  }
}
