import * as tf from '@tensorflow/tfjs';
import { fold } from '../engine/key.js';
import { foldTensor, uniform } from '../engine/random.js';
import type { RandomKey } from '../engine/random.js';
import { mapTree, treeEntries } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { adaptedFrom } from './adapter.js';
import type { AdapterMethod } from './adapter.js';
import { countParameters } from './cost.js';
import type { Decoder } from './decoder.js';
import { dropout } from './dropout.js';
import type { Dropout } from './dropout.js';
import { linear, LinearOperator } from './linear.js';
import { loraConfig, loraScale } from './lora-options.js';
import type { LoraConfig, LoraOptions } from './lora-options.js';
import { loraTargets, pathsOfKey } from './lora-targets.js';
import type { LoraTarget } from './lora-targets.js';
import { WeightSpec } from './weights.js';

/** The two factors of an update. */
export type LoraPair<Leaf = tf.Tensor> = {
  readonly a: Leaf; // [inputs, rank]
  readonly b: Leaf; // [rank, outputs]
};

/**
 * An adapter's weights by the path of the linear layer that they change. Layers that files have as one share their A, as in PEFT,
 * and their B's lie side by side: `layers.0.attention.query+key+value`.
 */
export type LoraWeights<Leaf = tf.Tensor> = Readonly<Record<string, LoraPair<Leaf>>>;

/** LoRA with its options: functions of a model, and of an adapter's weights. */
export interface Lora extends AdapterMethod<LoraWeights> {
  readonly kind: 'lora';
  readonly config: LoraConfig;
  /** What A B is multiplied by: alpha / rank, or alpha / √rank. */
  readonly scale: number;
  /** The layers that are changed. */
  targets(architecture: Decoder): LoraTarget[];
  /** The shapes of an adapter's weights. */
  specs(architecture: Decoder): LoraWeights<WeightSpec>;
  /**
   * The same tree, in which the layers that the adapter has weights for multiply by W + s A B, without adding it up. Gradients reach
   * A and B, and W if it is differentiated too. With a key, elements of x are left out before A, as the options say.
   *
   * @throws TrainbookError if the tree has no such layers.
   */
  apply<Weights extends object>(
    weights: Weights,
    adapter: LoraWeights,
    options?: { readonly dropoutKey?: RandomKey | undefined },
  ): Weights;
}

/** An adapter: how it is made, and its numbers. */
export interface LoraAdapter {
  readonly kind: 'lora';
  readonly method: Lora;
  readonly weights: LoraWeights;
}

/**
 * y = x W + s · dropout(x) A B, where W stays and A [inputs, rank], B [rank, outputs] are trained. A is drawn uniformly from
 * ±1/√inputs (Kaiming's, as in PEFT), B is 0: at first the model is what it was. s = alpha / rank: Hu 2021, "LoRA: Low-Rank
 * Adaptation of Large Language Models" (2106.09685); or alpha / √rank, so that high ranks learn as fast as low ones:
 * Kalajdzievski 2023 (2312.03732).
 *
 * @throws TrainbookError if an option is out of range.
 * @example
 * const method = lora({ rank: 8, targets: ['q_proj', 'v_proj'] });
 * const adapted = method.adapt(model);
 * const logits = adapted.forward(method.init(model, key(1)), tokens);
 */
export function lora(options: LoraOptions): Lora {
  const config = loraConfig(options);
  const scale = loraScale(config);
  const targets = (architecture: Decoder): LoraTarget[] => loraTargets(architecture, config.targets);
  const specs = (architecture: Decoder): LoraWeights<WeightSpec> =>
    Object.fromEntries(targets(architecture).map((target) => [target.key, pairSpecs(target, config.rank)]));
  const apply: Lora['apply'] = (weights, adapter, { dropoutKey } = {}) =>
    applyUpdates(weights, adapter, scale, dropoutKey && { rate: config.dropout, key: dropoutKey });
  return {
    kind: 'lora',
    config,
    scale,
    targets,
    specs,
    numParameters: (architecture) => countParameters(specs(architecture)),
    init: ({ architecture }, key) =>
      mapTree<WeightSpec, tf.Tensor>(specs(architecture), ({ shape, start }, path) => {
        if (start === 'zeros') return tf.zeros([...shape]);
        const bound = 1 / Math.sqrt(shape[0] ?? 1);
        return uniform(fold(key, path), shape, { min: -bound, max: bound });
      }) as LoraWeights,
    apply,
    adapt: (model) =>
      adaptedFrom(model, (adapter, tokens, reading) =>
        model.architecture.hidden(apply(model.weights, adapter, reading), tokens, reading),
      ),
  };
}

/** A has the deviation of the uniform distribution that it is drawn from. */
function pairSpecs({ inputs, outputs }: LoraTarget, rank: number): LoraPair<WeightSpec> {
  return {
    a: new WeightSpec([inputs, rank], 1 / Math.sqrt(3 * inputs)),
    b: new WeightSpec([rank, outputs], 'zeros'),
  };
}

/** Folded into a step's key before the number of the target: the model's own dropouts are numbered from 0. */
const loraDropout = -1;

function applyUpdates<Weights extends object>(
  weights: Weights,
  adapter: LoraWeights,
  scale: number,
  left: Dropout | undefined,
): Weights {
  const tree = weights as Tree<tf.Tensor>;
  const leaves = new Map(treeEntries(tree));
  const updates = new Map<string, LowRankUpdate>();
  Object.entries(adapter).forEach(([key, { a, b }], index) => {
    const bases = pathsOfKey(key).map((path) => [`${path}.weight`, leaves.get(`${path}.weight`)] as const);
    checkShapes(key, { a, b }, bases);
    let start = 0;
    for (const [path, base] of bases) {
      if (base === undefined) continue; // checked above
      const size = base.shape[1] ?? 0;
      const columns = bases.length === 1 ? undefined : { start, size };
      updates.set(path, new LowRankUpdate(base, { a, b }, scale, { columns, left, index }));
      start += size;
    }
  });
  return mapTree<tf.Tensor, unknown>(tree, (leaf, path) => updates.get(path) ?? leaf) as Weights;
}

function checkShapes(
  key: string,
  { a, b }: LoraPair,
  bases: readonly (readonly [path: string, base: tf.Tensor | undefined])[],
): void {
  const missing = bases.find(([, base]) => base === undefined);
  const inputs = bases[0]?.[1]?.shape[0];
  const outputs = bases.reduce((sum, [, base]) => sum + (base?.shape[1] ?? 0), 0);
  if (missing === undefined && a.shape[0] === inputs && b.shape[1] === outputs && a.shape[1] === b.shape[0]) return;
  throw new TrainbookError({
    what: `lora: the adapter's weights for ${key} do not fit the model`,
    received: missing === undefined ? `A [${a.shape.join(', ')}], B [${b.shape.join(', ')}]` : `no ${missing[0]}`,
    expected: missing === undefined ? `A [${inputs}, rank], B [rank, ${outputs}]` : 'weights of the model it is for',
  });
}

/** Where an update stands among others. */
interface UpdatePlace {
  /** Its part of B, where several layers share one; undefined: all of it. */
  readonly columns: { readonly start: number; readonly size: number } | undefined;
  readonly left: Dropout | undefined;
  /** The target's number: layers that share A share the elements left out. */
  readonly index: number;
}

/** W + s A B, which is never added up. W may have an update itself. */
class LowRankUpdate extends LinearOperator {
  readonly shape: readonly number[];

  constructor(
    private readonly base: tf.Tensor | LinearOperator,
    private readonly pair: LoraPair,
    private readonly scale: number,
    private readonly place: UpdatePlace,
  ) {
    super();
    this.shape = base.shape;
  }

  times(rows: tf.Tensor2D): tf.Tensor {
    const { columns, left, index } = this.place;
    const own = left && {
      rate: left.rate,
      key: foldTensor(foldTensor(left.key, tf.scalar(loraDropout, 'int32')), tf.scalar(index, 'int32')),
    };
    const b =
      columns === undefined
        ? this.pair.b
        : tf.slice(this.pair.b, [0, columns.start], [this.pair.b.shape[0], columns.size]);
    const inner = tf.mul(tf.matMul(dropout(rows, own), this.pair.a), this.scale); // [rows, rank]
    // `linear` takes operators as well, though a model's weights are tensors to the compiler.
    return tf.add(linear({ weight: this.base as tf.Tensor }, rows), tf.matMul(inner, b));
  }
}
