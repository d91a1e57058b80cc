import type { Key } from '../../../engine/key.js';
import type { Json } from '../../../files.js';
import type { Decoder } from '../../../model/decoder.js';
import type { Model } from '../../../model/model.js';
import type { DecoderWeights } from '../../../model/weights.js';
import type { ModelFiles } from '../../checkpoints/checkpoint.js';
import { decoderFiles } from '../../checkpoints/decoder-files.js';
import { treeFiles } from '../../checkpoints/tree-files.js';
import type { Objective } from '../../loss.js';
import { causalLanguageModel } from '../../objectives/causal-language-model.js';
import { distillAttention, distillRelations } from '../../objectives/distillation/attention.js';
import type { AttentionOptions, RelationOptions } from '../../objectives/distillation/attention.js';
import { forwardKl } from '../../objectives/distillation/divergence.js';
import { distillHiddenStates, withProjections } from '../../objectives/distillation/hidden-states.js';
import type { HiddenStateOptions, ProjectedWeights } from '../../objectives/distillation/hidden-states.js';
import { distillLogits } from '../../objectives/distillation/logits.js';
import type { LogitSettings } from '../../objectives/distillation/logits.js';
import type { StudentBatch } from '../../objectives/distillation/student-rows.js';

/** What a student learns of its teacher, and which weights learn it. */
export interface Lesson<Weights> {
  readonly weights: Weights;
  readonly objective: Objective<Decoder, Weights, StudentBatch>;
  readonly files: ModelFiles<Weights>;
  /** The student's own among the weights. */
  readonly student: (weights: Weights) => DecoderWeights;
  /** What else decides how it goes: part of a run's identity. */
  readonly identity: Json;
  /** Whether predictions are learned, so that tokens need to be the same in both. */
  readonly comparesTokens: boolean;
}

/** Makes the lesson of a student and a teacher. */
export type MakeLesson<Weights> = (pair: {
  readonly student: Model;
  readonly teacher: Model;
  readonly key: Key;
}) => Lesson<Weights>;

type Own<Options> = Omit<Options, 'teacher' | 'rows'>;

/**
 * What the teacher thinks of each next token: `distillLogits`.
 *
 * @throws TrainbookError, when it is used, if a number is out of range.
 * @example
 * await distil(student, { teacher, loss: fromLogits({ temperature: 2, crossEntropy: 0.5 }), data, … });
 */
export function fromLogits(settings: LogitSettings = {}): MakeLesson<DecoderWeights> {
  const { divergence = forwardKl(), temperature = 2, crossEntropy = 0.5 } = settings;
  return ({ student, teacher }) =>
    ofStudent(student, distillLogits({ ...settings, teacher }), {
      logits: { divergence: divergence.name, temperature, crossEntropy },
    });
}

/**
 * How the teacher's last layer attends, and how its values relate: `distillAttention`, MiniLM.
 *
 * @throws TrainbookError, when it is used, if there is no such layer.
 * @example
 * await distil(student, { teacher, loss: fromAttention(), data, … });
 */
export function fromAttention(options: Own<AttentionOptions<StudentBatch>> = {}): MakeLesson<DecoderWeights> {
  return ({ student, teacher }) =>
    ofStudent(student, distillAttention({ ...options, teacher }), { attention: { ...options } }, false);
}

/**
 * How queries, keys and values of a layer relate to themselves: `distillRelations`, MiniLMv2. Heads and widths may differ.
 *
 * @throws TrainbookError, when it is used, if there is no such layer.
 * @example
 * await distil(student, { teacher, loss: fromRelations({ heads: 8 }), data, … });
 */
export function fromRelations(options: Own<RelationOptions<StudentBatch>>): MakeLesson<DecoderWeights> {
  return ({ student, teacher }) =>
    ofStudent(student, distillRelations({ ...options, teacher }), { relations: { ...options } }, false);
}

/**
 * The teacher's hidden states, by projections that are thrown away afterwards: `distillHiddenStates`, as FitNets and TinyBERT.
 *
 * @throws TrainbookError, when it is used, if there is no such state.
 * @example
 * const begun = await distil(student, { teacher, loss: fromHiddenStates(), data, … });
 * const trained = await distil(begun, { teacher, loss: fromLogits(), data, … });
 */
export function fromHiddenStates(
  options: Own<HiddenStateOptions<StudentBatch>> = {},
): MakeLesson<ProjectedWeights<DecoderWeights>> {
  return ({ student, teacher, key }) => {
    const { weights } = withProjections(student, teacher, { pairs: options.pairs, key });
    return {
      weights,
      objective: distillHiddenStates({ ...options, teacher }),
      files: treeFiles(weights),
      student: (trained) => trained.student,
      identity: { hiddenStates: (options.pairs ?? []).map((pair) => ({ ...pair })) },
      comparesTokens: false,
    };
  };
}

/**
 * The tokens of the data alone: with answers that the teacher wrote (`writeAnswers`) it is sequence-level distillation; with text it is the
 * student trained without a teacher, to compare with.
 *
 * @example
 * await distil(student, { teacher, loss: fromAnswers(), data: packExamples(written, tokenizer, 128), … });
 */
export function fromAnswers(): MakeLesson<DecoderWeights> {
  return ({ student }) => ofStudent(student, causalLanguageModel(), 'answers');
}

function ofStudent(
  { architecture, weights }: Model,
  objective: Objective<Decoder, DecoderWeights, StudentBatch>,
  identity: Json,
  comparesTokens = true,
): Lesson<DecoderWeights> {
  return {
    weights,
    objective,
    files: decoderFiles(architecture),
    student: (trained) => trained,
    identity,
    comparesTokens,
  };
}
