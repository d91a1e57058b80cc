import * as tf from '@tensorflow/tfjs';
import { stopGradient } from '../engine/gradients/stop-gradient.js';
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
  /** With `dora`: the length of each column of the changed matrix. */
  readonly magnitude?: Leaf; // [outputs]
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
   * A and B, the lengths of columns where they are trained, and W if it is differentiated too. With a key, elements of x are left out
   * before A, as the options say.
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
 * With `dora` it is y = x V m / ‖V‖, V = W + s A B, where ‖V‖ is the length of each column and m, at first ‖W‖, is trained as well;
 * gradients do not flow through ‖V‖, and with dropout only the change of x W sees what is left: Liu 2024, "DoRA: Weight-Decomposed Low-Rank
 * Adaptation" (2402.09353), as in PEFT.
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
    Object.fromEntries(targets(architecture).map((target) => [target.key, pairSpecs(target, config)]));
  const apply: Lora['apply'] = (weights, adapter, { dropoutKey } = {}) =>
    applyUpdates(weights, adapter, scale, dropoutKey && { rate: config.dropout, key: dropoutKey });
  return {
    kind: 'lora',
    config,
    scale,
    targets,
    specs,
    numParameters: (architecture) => countParameters(specs(architecture)),
    init: ({ architecture, weights }, key) =>
      mapTree<WeightSpec, tf.Tensor>(specs(architecture), ({ shape, start }, path) => {
        if (start === 'zeros') return tf.zeros([...shape]);
        if (start === 'ones') return columnLengths(weights, path.replace(/\.magnitude$/, ''));
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

/** A has the deviation of the uniform distribution that it is drawn from; lengths begin with those of the model's own columns. */
function pairSpecs({ inputs, outputs }: LoraTarget, { rank, dora }: LoraConfig): LoraPair<WeightSpec> {
  return {
    a: new WeightSpec([inputs, rank], 1 / Math.sqrt(3 * inputs)),
    b: new WeightSpec([rank, outputs], 'zeros'),
    ...(dora && { magnitude: new WeightSpec([outputs], 'ones') }),
  };
}

/** ‖W‖ of each column of the layers of a key, side by side: [outputs]. */
function columnLengths(weights: object, key: string): tf.Tensor {
  const leaves = new Map(treeEntries(weights as Tree<tf.Tensor>));
  return tf.tidy(() => tf.concat(pathsOfKey(key).map((path) => lengths(matrixOf(leaves.get(`${path}.weight`), key)))));
}

const lengths = (matrix: tf.Tensor): tf.Tensor => tf.sqrt(tf.sum(tf.square(matrix), 0)); // [outputs]

/** @throws TrainbookError for a matrix that is known by what it does alone: its columns have no lengths. */
function matrixOf(matrix: tf.Tensor | LinearOperator | undefined, key: string): tf.Tensor {
  if (matrix instanceof tf.Tensor) return matrix;
  throw new TrainbookError({
    what: `lora: dora needs the numbers of ${key}`,
    received: 'a matrix that has an adapter already',
    expected: 'a tensor',
    fix: 'merge the first adapter, with mergeLora',
  });
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
  Object.entries(adapter).forEach(([key, pair], index) => {
    const bases = pathsOfKey(key).map((path) => [`${path}.weight`, leaves.get(`${path}.weight`)] as const);
    checkShapes(key, pair, bases);
    let start = 0;
    for (const [path, base] of bases) {
      if (base === undefined) continue; // checked above
      const size = base.shape[1] ?? 0;
      const columns = bases.length === 1 ? undefined : { start, size };
      if (pair.magnitude !== undefined) matrixOf(base, key);
      updates.set(path, new LowRankUpdate(base, pair, scale, { columns, left, index }));
      start += size;
    }
  });
  return mapTree<tf.Tensor, unknown>(tree, (leaf, path) => updates.get(path) ?? leaf) as Weights;
}

function checkShapes(
  key: string,
  { a, b, magnitude }: LoraPair,
  bases: readonly (readonly [path: string, base: tf.Tensor | undefined])[],
): void {
  const missing = bases.find(([, base]) => base === undefined);
  const inputs = bases[0]?.[1]?.shape[0];
  const outputs = bases.reduce((sum, [, base]) => sum + (base?.shape[1] ?? 0), 0);
  const fits = a.shape[0] === inputs && b.shape[1] === outputs && a.shape[1] === b.shape[0];
  if (missing === undefined && fits && (magnitude?.size ?? outputs) === outputs) return;
  const sized =
    magnitude === undefined ? ['', ''] : [`, magnitude [${magnitude.shape.join(', ')}]`, `, magnitude [${outputs}]`];
  throw new TrainbookError({
    what: `lora: the adapter's weights for ${key} do not fit the model`,
    received:
      missing === undefined ? `A [${a.shape.join(', ')}], B [${b.shape.join(', ')}]${sized[0]}` : `no ${missing[0]}`,
    expected:
      missing === undefined ? `A [${inputs}, rank], B [rank, ${outputs}]${sized[1]}` : 'weights of the model it is for',
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

/** W + s A B, which is never added up; or its columns at other lengths. W may have an update itself. */
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
    const { left, index } = this.place;
    const own = left && {
      rate: left.rate,
      key: foldTensor(foldTensor(left.key, tf.scalar(loraDropout, 'int32')), tf.scalar(index, 'int32')),
    };
    const seen = dropout(rows, own);
    const { a, b, magnitude } = partOfPair(this.pair, this.place.columns);
    const update = tf.matMul(tf.mul(tf.matMul(seen, a), this.scale), b); // s x A B: [rows, outputs]
    // `linear` takes operators as well, though a model's weights are tensors to the compiler.
    const y = linear({ weight: this.base as tf.Tensor }, rows);
    if (magnitude === undefined) return tf.add(y, update);
    const stretch = columnStretch(this.base as tf.Tensor, { a, b, magnitude }, this.scale);
    const ofSeen = own === undefined || own.rate === 0 ? y : linear({ weight: this.base as tf.Tensor }, seen);
    return tf.add(y, tf.add(tf.mul(tf.sub(stretch, 1), ofSeen), tf.mul(stretch, update)));
  }
}

/** The part of a pair for one of several layers that share it. */
export function partOfPair({ a, b, magnitude }: LoraPair, columns: UpdatePlace['columns']): LoraPair {
  if (columns === undefined) return magnitude === undefined ? { a, b } : { a, b, magnitude };
  const { start, size } = columns;
  return {
    a,
    b: tf.slice(b, [0, start], [b.shape[0], size]),
    ...(magnitude && { magnitude: tf.slice(magnitude, [start], [size]) }),
  };
}

/** m / ‖W + s A B‖ of each column: [outputs]. Gradients reach m alone. */
export function columnStretch(base: tf.Tensor, { a, b, magnitude }: Required<LoraPair>, scale: number): tf.Tensor {
  return tf.div(magnitude, stopGradient(lengths(tf.add(base, tf.mul(tf.matMul(a, b), scale)))));
}
