import * as tf from '@tensorflow/tfjs';
import { compile } from '../engine/compile.js';
import type { Target } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import { TrainbookError } from '../error.js';
import type { Model } from '../model/model.js';
import type { DecoderWeights } from '../model/weights.js';

/** Where a text's tokens went. */
export interface ExpertRouting {
  /** Experts of a layer. */
  readonly number: number;
  readonly layers: readonly LayerRouting[];
}

/** The same in one layer with experts. */
export interface LayerRouting {
  /** Counted from 0, among all layers. */
  readonly layer: number;
  /** The experts of each token, the highest score first. */
  readonly experts: readonly (readonly number[])[];
  /** The choices of each expert over an even share: 1 where all are equally loaded. */
  readonly loads: readonly number[];
}

/**
 * Which experts each token of a text goes through.
 *
 * @throws TrainbookError if the model has no experts, or the text is empty or longer than its context.
 * @example
 * const routing = await expertRouting(model, tokenizer.encode('To be, or not to be'));
 * routing.layers[0]?.loads; // [0.8, 1.4, …]
 */
export async function expertRouting(
  { architecture, weights }: Model,
  tokens: readonly number[],
  { target }: { readonly target?: Target } = {},
): Promise<ExpertRouting> {
  const { experts, context } = architecture.config;
  if (experts === undefined) {
    throw new TrainbookError({
      what: 'expertRouting: the model has no experts',
      received: 'a dense decoder',
      expected: 'one with the option experts',
    });
  }
  if (tokens.length === 0 || tokens.length > context) {
    throw new TrainbookError({
      what: 'expertRouting: the text does not fit the model',
      received: `${tokens.length} tokens`,
      expected: `1 to ${context}`,
    });
  }
  const read = compile(
    (given: DecoderWeights, inputs: tf.Tensor) =>
      architecture.routed(given, inputs).routing.map(({ experts: chosen }) => chosen),
    { name: 'routing', ...(target !== undefined && { target }) },
  );
  return inferring(async () => {
    const inputs = tf.tensor2d([...tokens], [1, tokens.length], 'int32');
    const chosen = await read(weights, inputs);
    const rows = (await Promise.all(chosen.map((layer) => layer.array()))) as number[][][];
    tf.dispose([inputs, ...chosen]);
    return {
      number: experts.number,
      layers: rows.map((own, index) => ({
        layer: experts.fromLayer + index,
        experts: own,
        loads: loadsOf(own, experts.number),
      })),
    };
  });
}

/** Choices by expert, over an even share of them. */
function loadsOf(chosen: readonly (readonly number[])[], number: number): number[] {
  const counts = new Array<number>(number).fill(0);
  for (const expert of chosen.flat()) counts[expert] = (counts[expert] ?? 0) + 1;
  const share = chosen.flat().length / number;
  return counts.map((count) => count / share);
}
