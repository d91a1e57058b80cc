import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../../error.js';
import type { LayerAttention } from '../../../model/decoder.js';
import type { Loss } from '../../loss.js';
import { attentionOf } from './layered-model.js';
import type { LayeredModel } from './layered-model.js';
import { inHeads, logRelation, relationLosses } from './relations.js';
import type { Related } from './relations.js';
import { nextTokens } from './student-rows.js';
import type { StudentBatch, StudentRows } from './student-rows.js';
import { asked } from './teacher.js';
import type { Teacher } from './teacher.js';

/** What both losses of attention take. */
export interface AttentionOptions<B> {
  readonly teacher: Teacher<LayeredModel<never>>;
  /** The teacher's layer that is learned from, counted from 0; of a deep one, one above its middle may be better. Default: its last. */
  readonly teacherLayer?: number;
  /** How batches are read. Default: `nextTokens`; `maskedTokens` for encoders. */
  readonly rows?: StudentRows<B>;
}

/**
 * KL(Aᵀ ‖ Aˢ) + KL(Vᵀ ‖ Vˢ) of the last layer of each, means over heads and tokens: A = softmax(Q Kᵀ / √size) is how tokens attend, and
 * V = softmax(V Vᵀ / √size) how their values relate. Widths may differ, heads must not. Wang 2020, "MiniLM" (2002.10957).
 *
 * In a decoder each token is related to those that it sees.
 *
 * @throws TrainbookError if there is no such layer, or heads differ in number.
 * @example
 * await train(student, { objective: distillAttention({ teacher }), data: (options) => loader(packed, options), … });
 */
export function distillAttention<B = StudentBatch>(
  options: AttentionOptions<B>,
): <Weights>(student: LayeredModel<Weights>) => Loss<Weights, B> {
  const related = (x: tf.Tensor, { visibility }: LayerAttention): tf.Tensor4D => logRelation(x, x, visibility);
  return layerLoss('distillAttention', options, {
    attention: ({ queries, keys, visibility }) => logRelation(queries, keys, visibility),
    values: (layer) => related(layer.values, layer),
  });
}

export interface RelationOptions<B> extends AttentionOptions<B> {
  /** Into how many heads the features of both are cut; it divides these. More tell more: MiniLMv2 takes 48 for 768 features. */
  readonly heads: number;
  /** What is related to itself. Default: queries, keys and values. */
  readonly relations?: readonly Related[];
}

/**
 * Σ KL(Rᵀ ‖ Rˢ) over queries, keys and values, means over heads and tokens: R = softmax(A Aᵀ / √size) with the features of all heads
 * cut into as many in teacher and student, so that widths and heads may differ. Wang 2020, "MiniLMv2" (2012.15828).
 *
 * In a decoder each token is related to those that it sees, with queries and keys turned by their positions, as attention takes them.
 *
 * @throws TrainbookError if there is no such layer, or `heads` does not divide the features.
 * @example
 * await train(student, { objective: distillRelations({ teacher, heads: 8 }), data: (options) => loader(packed, options), … });
 */
export function distillRelations<B = StudentBatch>(
  options: RelationOptions<B>,
): <Weights>(student: LayeredModel<Weights>) => Loss<Weights, B> {
  const { heads, relations = ['queries', 'keys', 'values'] } = options;
  if (!Number.isInteger(heads) || heads < 1 || relations.length === 0) {
    throw new TrainbookError({
      what: 'distillRelations: there is nothing to relate',
      received: `${heads} heads, relations of ${relations.join(', ') || 'nothing'}`,
      expected: 'at least one of each',
    });
  }
  const related = (what: Related) => (layer: LayerAttention) => {
    const features = inHeads(layer[what], heads, what);
    return logRelation(features, features, layer.visibility);
  };
  return layerLoss('distillRelations', options, Object.fromEntries(relations.map((what) => [what, related(what)])));
}

/** Of each part of the loss, the relation of tokens that is compared. */
type Parts = Readonly<Record<string, (layer: LayerAttention) => tf.Tensor4D>>;

function layerLoss<B>(
  what: string,
  { teacher: given, teacherLayer, rows = nextTokens as unknown as StudentRows<B> }: AttentionOptions<B>,
  parts: Parts,
): <Weights>(student: LayeredModel<Weights>) => Loss<Weights, B> {
  const teacher = given as { architecture: LayeredModel<unknown>; weights: unknown };
  const { layers } = teacher.architecture.config;
  const layer = teacherLayer ?? layers - 1;
  if (!Number.isInteger(layer) || layer < 0 || layer >= layers) {
    throw new TrainbookError({
      what: `${what}: the teacher has no such layer`,
      received: layer,
      expected: `an integer from 0 to ${layers - 1}`,
    });
  }
  const ofEach = <Value>(value: (part: string) => Value): Record<string, Value> =>
    Object.fromEntries(Object.keys(parts).map((part) => [part, value(part)]));
  return (student) => ({
    shares: ofEach(() => 1),
    unit: 'tokens',
    size: (batch) => rows.size(batch),
    tensors: (batch) => rows.tensors(batch),
    counts: (tensors) => {
      const count = tf.sum<tf.Scalar>(rows.read(tensors).places);
      return ofEach(() => count);
    },
    sums: (weights, tensors, { dropoutKey, recompute } = {}) => {
      const { inputs, places, documents, positions, types } = rows.read(tensors);
      const reading = { documents, positions, types };
      const wanted = asked(() => {
        const seen = attentionOf(teacher.architecture, teacher.weights, layer, inputs, reading);
        return ofEach((part) => parts[part]?.(seen));
      });
      const last = student.config.layers - 1;
      const seen = attentionOf(student, weights, last, inputs, { ...reading, dropoutKey, recompute });
      return ofEach((part) => {
        const [goal, own] = [wanted[part], parts[part]?.(seen)];
        if (goal === undefined || own === undefined) throw new Error(`internal: there is no relation ${part}`);
        return tf.sum<tf.Scalar>(tf.mul(relationLosses(goal, own), places));
      });
    },
  });
}
