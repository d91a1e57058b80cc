import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { decoder } from './decoder.js';
import type { DecoderOptions } from './decoder-options.js';
import type { DescribedModel } from './config-file.js';
import { scalingOfKeys } from './gguf-rotary.js';
import { gpt2Options } from './gpt2.js';
import type { MetadataValue } from './files/stored-tensor.js';
import { llamaOptions } from './llama.js';
import { linearNames, normNames } from './names.js';
import type { NameRule } from './names.js';
import type { RotaryScaling } from './rope-scaling.js';

/*
 * What a GGUF file says of its architecture, and how it names the weights:
 *
 * general.architecture = "llama", llama.block_count = 30, llama.embedding_length = 576, llama.attention.head_count = 9, …
 * token_embd.weight, blk.0.attn_norm.weight, blk.0.attn_q.weight, …, output_norm.weight
 */

const size = z.int().positive();
const none = z.literal(0).optional();

/** What all have; numbers a layer (arrays) are refused. */
const sizes = {
  block_count: size,
  context_length: size,
  embedding_length: size,
  feed_forward_length: size,
  'attention.head_count': size,
  'attention.head_count_kv': size.optional(),
  'attention.causal': z.literal(true).optional(),
  vocab_size: size.optional(),
};

const gpt2Keys = z.strictObject({ ...sizes, 'attention.layer_norm_epsilon': z.number().positive() });

const llamaKeys = z.strictObject({
  ...sizes,
  'attention.layer_norm_rms_epsilon': z.number().positive(),
  'attention.key_length': size.optional(),
  'attention.value_length': size.optional(),
  'attention.sliding_window': size.optional(),
  'rope.freq_base': z.number().positive().default(10_000),
  'rope.dimension_count': size.optional(),
  'rope.scaling.type': z.enum(['none', 'linear', 'yarn']).optional(),
  'rope.scaling.factor': z.number().min(1).optional(),
  'rope.scaling.original_context_length': size.optional(),
  'rope.scaling.attn_factor': z.number().positive().optional(),
  'rope.scaling.yarn_beta_fast': z.number().positive().optional(),
  'rope.scaling.yarn_beta_slow': z.number().positive().optional(),
  'rope.scaling.finetuned': z.boolean().optional(),
  expert_count: none,
  expert_used_count: none,
});

type Options = Omit<DecoderOptions, 'tiedEmbeddings'>;

/** What the keys of an architecture mean. */
interface GgufArchitecture {
  readonly options: (keys: Readonly<Record<string, MetadataValue>>, source: string) => Options;
  readonly names: readonly NameRule[];
  /** Whether rows of queries and keys are interleaved: of each head the two of a pair stand side by side. */
  readonly interleaved: boolean;
}

const outerNames: readonly NameRule[] = [
  { path: 'embedding', name: 'token_embd.weight' },
  { path: 'positions.weight', name: 'position_embd.weight' },
  ...normNames('norm', 'output_norm'),
  { path: 'output.weight', name: 'output.weight' },
];

const blockNames: readonly NameRule[] = [
  ...normNames('layers.*.attentionNorm', 'blk.*.attn_norm'),
  ...linearNames('layers.*.attention.output', 'blk.*.attn_output'),
  ...normNames('layers.*.mlpNorm', 'blk.*.ffn_norm'),
  ...linearNames('layers.*.mlp.up', 'blk.*.ffn_up'),
  ...linearNames('layers.*.mlp.down', 'blk.*.ffn_down'),
];

const qkv = (part: string): string[] => ['query', 'key', 'value'].map((name) => `layers.*.attention.${name}.${part}`);

const gpt2Names: readonly NameRule[] = [
  ...outerNames,
  ...blockNames,
  { path: qkv('weight'), name: 'blk.*.attn_qkv.weight', turned: true },
  { path: qkv('bias'), name: 'blk.*.attn_qkv.bias' },
];

const llamaLikeNames: readonly NameRule[] = [
  ...outerNames,
  ...blockNames,
  ...linearNames('layers.*.attention.query', 'blk.*.attn_q'),
  ...linearNames('layers.*.attention.key', 'blk.*.attn_k'),
  ...linearNames('layers.*.attention.value', 'blk.*.attn_v'),
  ...normNames('layers.*.attention.queryNorm', 'blk.*.attn_q_norm'),
  ...normNames('layers.*.attention.keyNorm', 'blk.*.attn_k_norm'),
  ...linearNames('layers.*.mlp.gate', 'blk.*.ffn_gate'),
];

function llamaLike(extra: Partial<DecoderOptions>, interleaved = false): GgufArchitecture {
  return {
    interleaved,
    names: llamaLikeNames,
    options: (json, source) => {
      const keys = readKeys(llamaKeys, json, source);
      const headSize = keys['attention.key_length'] ?? keys.embedding_length / keys['attention.head_count'];
      // Each must be what it would be without the key.
      const same = {
        'attention.value_length': headSize,
        'rope.dimension_count': headSize,
        'attention.sliding_window': Math.max(keys.context_length, keys['attention.sliding_window'] ?? 0),
      } as const;
      for (const [key, expected] of Object.entries(same)) {
        const given = keys[key as keyof typeof same];
        if (given !== undefined && given !== expected)
          throw unsupported(source, `${key} ${given}`, `${key} ${expected}`);
      }
      const scaling = scalingOfKeys(keys);
      return {
        ...llamaOptions,
        ...extra,
        ...sizeOptions(keys),
        headSize,
        normEpsilon: shortest(keys['attention.layer_norm_rms_epsilon']),
        rotaryBase: shortest(keys['rope.freq_base']),
        ...(scaling === undefined ? {} : { rotaryScaling: scaling }),
      };
    },
  };
}

const architectures: Readonly<Record<string, GgufArchitecture>> = {
  gpt2: {
    interleaved: false,
    names: gpt2Names,
    options: (json, source) => {
      const keys = readKeys(gpt2Keys, json, source);
      return { ...gpt2Options, ...sizeOptions(keys), normEpsilon: shortest(keys['attention.layer_norm_epsilon']) };
    },
  },
  llama: llamaLike({}, true),
  qwen2: llamaLike({ biases: 'queryKeyValue' }),
  qwen3: llamaLike({ queryKeyNorm: true }),
};

function sizeOptions(
  keys: z.output<z.ZodObject<typeof sizes>>,
): Pick<DecoderOptions, 'layers' | 'width' | 'heads' | 'keyValueHeads' | 'hidden' | 'context'> {
  const heads = keys['attention.head_count'];
  return {
    layers: keys.block_count,
    width: keys.embedding_length,
    heads,
    keyValueHeads: keys['attention.head_count_kv'] ?? heads,
    hidden: keys.feed_forward_length,
    context: keys.context_length,
  };
}

/** A float32 as the shortest decimal that it is nearest to: 1e-5, not 0.000009999999747378752. */
function shortest(number: number): number {
  const short = Number(number.toPrecision(7));
  return Math.fround(short) === Math.fround(number) ? short : number;
}

function readKeys<Shape extends z.ZodType>(
  schema: Shape,
  keys: Readonly<Record<string, MetadataValue>>,
  source: string,
): z.output<Shape> {
  const parsed = schema.safeParse(keys);
  if (parsed.success) return parsed.data;
  throw unsupported(source, z.prettifyError(parsed.error), 'the keys that its architecture usually has');
}

function unsupported(source: string, received: string, expected: string): TrainbookError {
  return new TrainbookError({ what: `${source} describes a model that is not supported here`, received, expected });
}

/** An architecture that a GGUF file describes. */
export interface DescribedGguf extends DescribedModel {
  readonly interleaved: boolean;
}

/** What else than keys describes it: which tensors there are, and the scaling that one of them holds. */
export interface GgufTensors {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly rotaryScaling?: RotaryScaling | undefined;
}

/** How a GGUF file of an architecture names and lays out weights; undefined for one that is not known here. */
export function namesInGguf(name: string): Pick<GgufArchitecture, 'names' | 'interleaved'> | undefined {
  return Object.hasOwn(architectures, name) ? architectures[name] : undefined;
}

/** The name and the keys of a file's architecture, these without the name. */
export function architectureKeys(metadata: ReadonlyMap<string, MetadataValue>): {
  readonly name: string;
  readonly keys: Readonly<Record<string, MetadataValue>>;
} {
  const name = String(metadata.get('general.architecture') ?? 'none');
  const own = [...metadata].flatMap(([key, value]) =>
    key.startsWith(`${name}.`) ? [[key.slice(name.length + 1), value] as const] : [],
  );
  return { name, keys: Object.fromEntries(own) };
}

/**
 * The architecture that a GGUF file's metadata describe: GPT-2, Llama (and what is laid out as one, such as SmolLM2 and Mistral),
 * Qwen2, Qwen3. The vocabulary is as large as the embedding, which may be larger than the tokenizer's.
 *
 * @throws TrainbookError that names the architecture or key that is not known here.
 */
export function describedGguf(
  metadata: ReadonlyMap<string, MetadataValue>,
  { shapes, rotaryScaling }: GgufTensors,
  source: string,
): DescribedGguf {
  const { name, keys } = architectureKeys(metadata);
  const known = Object.hasOwn(architectures, name) ? architectures[name] : undefined;
  if (known === undefined) {
    throw new TrainbookError({
      what: `${source} holds a model that is not known here`,
      received: `general.architecture ${JSON.stringify(name)}`,
      expected: Object.keys(architectures).join(', '),
    });
  }
  const [vocabularySize] = shapes.get('token_embd.weight') ?? [];
  if (vocabularySize === undefined) throw unsupported(source, 'no token_embd.weight', 'an embedding of tokens');
  const options = known.options(keys, source);
  const architecture = decoder({
    ...options,
    ...(rotaryScaling === undefined ? {} : { rotaryScaling }),
    // Some Llamas have biases, and a file without a matrix for the logits uses the embedding.
    ...(options.biases === 'none' && shapes.has('blk.0.attn_q.bias') ? { biases: 'queryKeyValue' as const } : {}),
    tiedEmbeddings: !shapes.has('output.weight'),
    vocabularySize,
  });
  return { architecture, names: known.names, prefix: '', interleaved: known.interleaved };
}
