import * as tf from '@tensorflow/tfjs';
import { fold, key } from '../../src/engine/key.js';
import { uniform } from '../../src/engine/random.js';
import { decoder } from '../../src/model/decoder.js';
import type { Decoder } from '../../src/model/decoder.js';
import { gpt2Options } from '../../src/model/gpt2.js';
import { llamaOptions } from '../../src/model/llama.js';
import type { Model } from '../../src/model/model.js';
import { mapWeights } from '../../src/model/weights.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import { trainBpe } from '../../src/tokens/train-bpe.js';
import type { Tokenizer } from '../../src/tokens/tokenizer.js';

const text =
  'In the beginning the gardener planted 12 apple trees; in 2026 there were 345. She said: “That is enough, isn’t it?” 一年之计在于春。';

/** Byte-level BPE, with words as in GPT-2, and with each digit by itself as in SmolLM. */
export const smallTokenizers = async (): Promise<Readonly<Record<'together' | 'single', Tokenizer>>> => {
  const corpus = { documents: [{ text: text.repeat(3) }] };
  const [together, single] = await Promise.all(
    (['together', 'single'] as const).map((digits) => trainBpe(corpus, { vocabularySize: 288, digits })),
  );
  return { together: together as Tokenizer, single: single as Tokenizer };
};

/** Small models of the families that GGUF has, with rows of whole blocks. Their weights follow from the key alone. */
export function smallModels(vocabularySize: number): Readonly<Record<string, Model>> {
  const sizes = { layers: 2, width: 64, context: 128, hidden: 96, vocabularySize };
  const grouped = { ...sizes, heads: 4, keyValueHeads: 2 };
  const architectures: Readonly<Record<string, Decoder>> = {
    gpt2: decoder({ ...gpt2Options, ...sizes, heads: 2 }),
    llama: decoder({ ...llamaOptions, ...grouped, tiedEmbeddings: false }),
    'llama-linear': decoder({ ...llamaOptions, ...grouped, rotaryScaling: { kind: 'linear', factor: 4 } }),
    'llama-yarn': decoder({
      ...llamaOptions,
      ...grouped,
      headSize: 32,
      rotaryScaling: { kind: 'yarn', factor: 4, originalContext: 32 },
    }),
    'llama-llama3': decoder({
      ...llamaOptions,
      ...grouped,
      rotaryBase: 500_000,
      rotaryScaling: { kind: 'llama3', factor: 8, originalContext: 64, lowFrequency: 1, highFrequency: 4 },
    }),
    qwen2: decoder({ ...llamaOptions, ...grouped, biases: 'queryKeyValue', normEpsilon: 1e-6 }),
    qwen3: decoder({ ...llamaOptions, ...grouped, headSize: 32, queryKeyNorm: true, normEpsilon: 1e-6 }),
  };
  return Object.fromEntries(
    Object.entries(architectures).map(([name, architecture]) => [
      name,
      { architecture, weights: drawnEvenly(architecture, name) },
    ]),
  );
}

/** Weights by their path: even draws are the same bits on every machine, unlike those of `init`. */
function drawnEvenly({ specs }: Decoder, name: string): DecoderWeights {
  return mapWeights(specs, ({ shape, start }, path) => {
    const spread = shape.length === 1 ? 0.2 : 0.5;
    const draws = uniform(fold(key(name), path), shape, { min: -spread, max: spread });
    return start === 'ones' ? tf.add(draws, 1) : draws;
  });
}

/** What is asked of llama.cpp and of us. */
export const ggufPrompt = 'In the garden there were 345 apple trees 一年';
