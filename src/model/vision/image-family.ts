import { z } from 'zod';
import type { Json } from '../../files.js';
import { TrainbookError } from '../../error.js';
import { readConfig } from '../family.js';
import type { HuggingFaceConfig } from '../family.js';
import { linearNames, normNames } from '../names.js';
import type { NameRule } from '../names.js';
import type { PublishedTrunk } from './image-trunks.js';

/** A family of published models of images: what its config.json means, and how its weights are named in files. */
export interface ImageFamily<Trunk extends PublishedTrunk = PublishedTrunk> {
  /** `model_type` in config.json, and the kind of the trunk here. */
  readonly kind: Trunk['kind'];
  /** transformers' class of it. */
  readonly architecture: string;
  /** The trunk that a config.json describes. @throws TrainbookError for what is not supported here. */
  readonly trunk: (config: HuggingFaceConfig, source: string) => Trunk;
  /** What config.json says of a trunk, or undefined if transformers has none like it. */
  readonly config: (trunk: Trunk) => Record<string, Json> | undefined;
  /** Paths begin with `trunk.`. */
  readonly names: (trunk: Trunk) => readonly NameRule[];
}

const activationNames = { geluExact: 'gelu', gelu: 'gelu_new', relu: 'relu' } as const;
const mlpNames = { gelu: 'geluExact', gelu_new: 'gelu', gelu_pytorch_tanh: 'gelu', relu: 'relu' } as const;
const size = z.int().positive();

/** What config.json of models of images have in common. */
export const imageModelShape = {
  image_size: z.union([size.transform((side): [number, number] => [side, side]), z.tuple([size, size])]),
  patch_size: size,
  num_channels: size.default(3),
  hidden_act: z.enum(Object.keys(mlpNames) as [keyof typeof mlpNames]).default('gelu'),
  initializer_range: z.number().positive().default(0.02),
  hidden_dropout_prob: z.number().default(0),
  qkv_bias: z.literal(true).default(true),
};

/** The options that all of them describe alike. */
export function imageOptions(config: z.output<z.ZodObject<typeof imageModelShape>>) {
  return {
    image: config.image_size,
    patch: config.patch_size,
    channels: config.num_channels,
    mlp: mlpNames[config.hidden_act],
    initDeviation: config.initializer_range,
    dropout: config.hidden_dropout_prob,
  };
}

/** The keys of config.json that all of them have. */
export function imageConfig({ config }: PublishedTrunk): Record<string, Json> {
  const [height, width] = config.image;
  return {
    attention_probs_dropout_prob: config.dropout,
    hidden_act: activationNames[config.mlp],
    hidden_dropout_prob: config.dropout,
    image_size: height === width ? height : [height, width],
    initializer_range: config.initDeviation,
    layer_norm_eps: config.normEpsilon,
    num_channels: config.channels,
    patch_size: config.patch,
    qkv_bias: true,
  };
}

const labelsSchema = z.looseObject({ id2label: z.record(z.string(), z.string()) });

/** The names of the classes of a config.json, in their order. @throws TrainbookError where one is missing. */
export function classesOfConfig(config: HuggingFaceConfig, source: string): readonly string[] {
  const { id2label } = readConfig(labelsSchema, config, source);
  return Object.keys(id2label).map((_, place) => {
    const name = id2label[place];
    if (name !== undefined) return name;
    throw new TrainbookError({
      what: `${source}: the classes are not numbered from 0 on`,
      received: Object.keys(id2label).join(', '),
      expected: 'a name for each number',
    });
  });
}

/** The names of a block's weights, which BERT's descendants share. */
export function imageBlockNames(path: string, name: string, attention: string): NameRule[] {
  return [
    ...normNames(`${path}.attentionNorm`, `${name}.layernorm_before`),
    ...(['query', 'key', 'value'] as const).flatMap((which) =>
      linearNames(`${path}.attention.${which}`, `${name}.attention.${attention}.${which}`),
    ),
    ...linearNames(`${path}.attention.output`, `${name}.attention.output.dense`),
    ...normNames(`${path}.mlpNorm`, `${name}.layernorm_after`),
    ...linearNames(`${path}.mlp.up`, `${name}.intermediate.dense`),
    ...linearNames(`${path}.mlp.down`, `${name}.output.dense`),
  ];
}
