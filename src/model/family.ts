import { z } from 'zod';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import type { DecoderConfig, DecoderOptions } from './decoder-options.js';
import type { NameRule } from './names.js';

/** A family of published decoders: what its config.json means, and how its weights are named in files. */
export interface DecoderFamily {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** The options that a config.json describes. @throws TrainbookError for what is not supported here. */
  readonly options: (config: HuggingFaceConfig, source: string) => DecoderOptions & { readonly vocabularySize: number };
  /** The config.json of a model, or undefined if the model is none of this family. */
  readonly config: (config: DecoderConfig) => Record<string, Json> | undefined;
  readonly names: readonly NameRule[];
  /** What names in files may begin with, or lack. */
  readonly prefix: string;
}

/** A config.json: keys and whatever they hold. */
export type HuggingFaceConfig = Readonly<Record<string, unknown>>;

/**
 * The keys of a config.json that a schema asks for.
 *
 * @throws TrainbookError that names the key.
 */
export function readConfig<Shape extends z.ZodType>(
  schema: Shape,
  config: HuggingFaceConfig,
  source: string,
): z.output<Shape> {
  const parsed = schema.safeParse(config);
  if (parsed.success) return parsed.data;
  throw new TrainbookError({
    what: `${source} describes a model that is not supported here`,
    received: z.prettifyError(parsed.error),
    expected: `what models of the type ${String(config['model_type'])} usually have`,
  });
}

/** transformers from 5.0 on has the keys of rotary positions together, as `rope_parameters`; here they are as before. */
export function withRopeKeys(config: HuggingFaceConfig): HuggingFaceConfig {
  const { rope_parameters: parameters, ...rest } = config;
  if (typeof parameters !== 'object' || parameters === null || 'rope_theta' in rest) return config;
  const { rope_theta: base, ...scaling } = parameters as Readonly<Record<string, unknown>>;
  const isPlain = scaling['rope_type'] === undefined || scaling['rope_type'] === 'default';
  return {
    ...rest,
    ...(base !== undefined && { rope_theta: base }),
    ...(!isPlain && { rope_scaling: { ...scaling } }),
  };
}
