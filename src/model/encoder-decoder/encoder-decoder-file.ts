import { z } from 'zod';
import { treeEntries } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import type { Json } from '../../files.js';
import { encoderDecoder } from './encoder-decoder.js';
import type { EncoderDecoder } from './encoder-decoder.js';
import { encoderDecoderSchema } from './encoder-decoder-options.js';
import type { HuggingFaceConfig } from '../family.js';
import type { TensorFile } from '../files/stored-tensor.js';
import type { NameRule } from '../names.js';
import type { Naming } from '../read-tree.js';
import { configOfT5, gatedT5Names, isDerivedInT5, optionsOfT5, t5Names } from './t5.js';

/*
 * config.json of an encoder–decoder: the whole config under `trainbook`, and for a T5 Hugging Face's keys beside it.
 *
 * {"trainbook":{"format":1,"kind":"encoderDecoder","config":{"layers":6,…}},"model_type":"t5","d_model":512,…}
 */

const ownSchema = z.looseObject({
  trainbook: z.object({ format: z.literal(1), kind: z.literal('encoderDecoder'), config: encoderDecoderSchema }),
});
const typeSchema = z.looseObject({ model_type: z.string() });

/** The contents of config.json, and how the weights are named beside it. */
export function encoderDecoderFile(architecture: EncoderDecoder): {
  readonly json: Json;
  readonly names: readonly NameRule[];
} {
  const { config } = architecture;
  const own: Json = { format: 1, kind: 'encoderDecoder', config: { ...config } };
  const json = configOfT5(config);
  return json === undefined
    ? { json: { trainbook: own }, names: ownNames(architecture) }
    : { json: { ...json, trainbook: own }, names: namesOf(architecture) };
}

const namesOf = ({ config: { mlp } }: EncoderDecoder): readonly NameRule[] =>
  mlp === 'geglu' || mlp === 'swiglu' ? gatedT5Names : t5Names;

/** Weights of no family are named by their paths in the tree, such as `encoder.layers.0.attention.query.weight`. */
function ownNames({ specs }: EncoderDecoder): NameRule[] {
  const paths = treeEntries(specs).map(([path]) => path.replace(/(^|\.)\d+\./, '$1*.'));
  return [...new Set(paths)].map((path) => ({ path, name: path }));
}

/** What is read from a folder, and how its weights are named there. */
export interface DescribedEncoderDecoder {
  readonly architecture: EncoderDecoder;
  readonly naming: Naming;
}

/**
 * The encoder–decoder that a config.json describes: one that trainbook wrote, or Hugging Face's T5.
 *
 * @throws TrainbookError if it is neither.
 */
export function describedEncoderDecoder(
  json: unknown,
  file: Pick<TensorFile, 'tensors'>,
  path: string,
): DescribedEncoderDecoder {
  const own = ownSchema.safeParse(json);
  if (own.success) {
    const architecture = encoderDecoder(own.data.trainbook.config);
    return {
      architecture,
      naming: { names: encoderDecoderFile(architecture).names, prefix: '', isDerived: () => false },
    };
  }
  const typed = typeSchema.safeParse(json);
  const isOwn = typeof json === 'object' && json !== null && 'trainbook' in json;
  if (isOwn || !typed.success || typed.data.model_type !== 't5') {
    throw new TrainbookError({
      what: isOwn
        ? `${path} does not describe a trainbook encoder–decoder: ${z.prettifyError(own.error)}`
        : `${path} describes no encoder–decoder that is known here`,
      received: typed.success ? `model_type ${JSON.stringify(typed.data.model_type)}` : 'no model_type',
      expected: 'the key "trainbook" with format 1 and the config of an encoder–decoder, or model_type t5',
      fix: 'decoders (GPT-2, OPT, Llama, Qwen) are read by loadModel, encoders (BERT, RoBERTa) by loadEncoder',
    });
  }
  const hasOutput = file.tensors.has('lm_head.weight');
  const architecture = encoderDecoder(optionsOfT5(json as HuggingFaceConfig, path, hasOutput));
  return { architecture, naming: { names: namesOf(architecture), prefix: '', isDerived: isDerivedInT5 } };
}
