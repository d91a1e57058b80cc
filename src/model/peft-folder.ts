import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { treeEntries } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { readJson, writeAtomic } from '../files.js';
import type { Decoder } from './decoder.js';
import { openSafetensors, writeSafetensors } from './files/safetensors.js';
import type { TensorFile } from './files/stored-tensor.js';
import type { Lora, LoraAdapter } from './lora.js';
import { storedWeights } from './names.js';
import type { NameRule } from './names.js';
import { peftConfigText, peftMethod } from './peft-config.js';
import type { PeftMethod } from './peft-config.js';
import type { PrefixAdapter, PrefixTuning, PrefixWeights } from './prefix-tuning.js';
import type { PromptAdapter } from './prompt-tuning.js';
import { readTree } from './read-tree.js';
import { WeightSpec } from './weights.js';

/*
 * A folder of PEFT's: adapter_config.json (`peft-config.ts`) and adapter_model.safetensors, which has
 *
 * base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight   [rank, inputs]      LORA; lora_B [outputs, rank]
 * base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector   [outputs]   with use_dora
 * prompt_embeddings   [virtual tokens, layers · 2 · keyValueHeads · headSize]          PREFIX_TUNING: keys, then values of each layer
 * prompt_embeddings   [virtual tokens, width]                                          PROMPT_TUNING
 */

/** An adapter of any kind that PEFT has files for here. */
export type Adapter = LoraAdapter | PrefixAdapter | PromptAdapter;

/** Where an adapter belongs. */
export interface AdapterPlace {
  readonly architecture: Decoder;
  /** The base's name or path, for the reader. */
  readonly base?: string;
}

/**
 * Writes `adapter_config.json` and `adapter_model.safetensors` into a folder, as PEFT 0.21.2 writes them; gives the hash of the
 * weights' file.
 *
 * @throws TrainbookError if the adapter's weights do not fit the architecture.
 * @example
 * await saveAdapter({ kind: 'lora', method, weights }, 'my-adapter', { architecture, base: 'HuggingFaceTB/SmolLM2-135M' });
 */
export async function saveAdapter(
  adapter: Adapter,
  folder: string,
  { architecture, base }: AdapterPlace,
): Promise<string> {
  const { rules, tree, own } = inFile(adapter, architecture);
  checkFit(tree, adapter.method, architecture);
  try {
    const tensors = await storedWeights(tree, rules);
    await mkdir(folder, { recursive: true });
    await writeAtomic(join(folder, configName), peftConfigText(adapter.method, architecture, base ?? null));
    return await writeSafetensors(join(folder, weightsName), { tensors, metadata: { format: 'pt' } });
  } finally {
    tf.dispose(own);
  }
}

const configName = 'adapter_config.json';
const weightsName = 'adapter_model.safetensors';

/**
 * Reads a folder that PEFT or `saveAdapter` wrote: the adapter for a model of this architecture.
 *
 * @throws TrainbookError if a file is missing or damaged, has a setting that is not supported here, or does not fit the architecture.
 * @example
 * const adapter = await loadAdapter('my-adapter', model.architecture);
 * if (adapter.kind === 'lora') await generate(attachLora(model, adapter), tokenizer, 'Once');
 */
export async function loadAdapter(folder: string, architecture: Decoder): Promise<Adapter> {
  const configPath = join(folder, configName);
  const method = peftMethod(await readJson(configPath), architecture, configPath);
  const path = join(folder, weightsName);
  const file = await openSafetensors(path);
  try {
    switch (method.kind) {
      case 'lora': {
        const weights = await readWeights(method.specs(architecture), loraNames(method, architecture), file, path);
        return { kind: 'lora', method, weights: weights as LoraAdapter['weights'] };
      }
      case 'prefix': {
        const specs = { embeddings: prefixSpec(method, architecture) };
        const { embeddings } = (await readWeights(specs, promptNames, file, path)) as { embeddings: tf.Tensor };
        const weights = prefixOf(embeddings, architecture);
        embeddings.dispose();
        return { kind: 'prefix', method, weights };
      }
      case 'prompt': {
        const weights = await readWeights(method.specs(architecture), promptNames, file, path);
        return { kind: 'prompt', method, weights: weights as PromptAdapter['weights'] };
      }
    }
  } finally {
    await file.close();
  }
}

async function readWeights(
  specs: Tree<WeightSpec>,
  names: readonly NameRule[],
  file: TensorFile,
  source: string,
): Promise<Tree<tf.Tensor>> {
  return readTree(specs, { names, prefix: '', isDerived: () => false }, file, source);
}

const promptNames: readonly NameRule[] = [{ path: 'embeddings', name: 'prompt_embeddings' }];

/** How LoRA's weights are named in files: `*` stands for a layer's number. */
function loraNames(method: Lora, architecture: Decoder): NameRule[] {
  const anyLayer = (name: string): string => name.replace(/\.\d+\./, '.*.');
  return method.targets(architecture).flatMap(({ key, module }) => [
    ...(['a', 'b'] as const).map((factor) => ({
      path: anyLayer(`${key}.${factor}`),
      name: anyLayer(`base_model.model.${module}.lora_${factor.toUpperCase()}.weight`),
      turned: true as const,
    })),
    { path: anyLayer(`${key}.magnitude`), name: anyLayer(`base_model.model.${module}.lora_magnitude_vector`) },
  ]);
}

/** An adapter's weights as a file has them, their names, and the tensors that were made for it. */
function inFile(
  adapter: Adapter,
  architecture: Decoder,
): { readonly rules: readonly NameRule[]; readonly tree: Tree<tf.Tensor>; readonly own: tf.Tensor[] } {
  if (adapter.kind === 'lora')
    return { rules: loraNames(adapter.method, architecture), tree: adapter.weights, own: [] };
  if (adapter.kind === 'prompt') return { rules: promptNames, tree: adapter.weights, own: [] };
  const embeddings = tf.tidy(() => embeddingsOf(adapter.weights));
  return { rules: promptNames, tree: { embeddings }, own: [embeddings] };
}

/** What the file of a method has. */
function specsInFile(method: PeftMethod, architecture: Decoder): Tree<WeightSpec> {
  return method.kind === 'prefix' ? { embeddings: prefixSpec(method, architecture) } : method.specs(architecture);
}

function checkFit(tree: Tree<tf.Tensor>, method: PeftMethod, architecture: Decoder): void {
  const shapesOf = (leaves: Tree<{ readonly shape: readonly number[] }>): string =>
    treeEntries<{ readonly shape: readonly number[] }>(leaves)
      .map(([path, { shape }]) => `${path} [${shape.join(', ')}]`)
      .sort()
      .join(', ');
  const [received, expected] = [shapesOf(tree), shapesOf(specsInFile(method, architecture))];
  if (received === expected) return;
  throw new TrainbookError({ what: 'saveAdapter: the adapter does not fit the architecture', received, expected });
}

function prefixSpec({ config: { numVirtualTokens } }: PrefixTuning, { config }: Decoder): WeightSpec {
  return new WeightSpec([numVirtualTokens, config.layers * 2 * config.keyValueHeads * config.headSize], 1);
}

/** [virtual tokens, layers · 2 · heads · headSize] → keys and values of each layer, [1, heads, virtual tokens, headSize] each. */
function prefixOf(embeddings: tf.Tensor, { config }: Decoder): PrefixWeights {
  const { layers, keyValueHeads, headSize } = config;
  const parts = tf.tidy(() => {
    const split = tf.reshape(embeddings, [-1, layers * 2, keyValueHeads, headSize]);
    return tf.unstack(tf.transpose(split, [1, 2, 0, 3])).map((part) => tf.expandDims(part, 0));
  });
  return Array.from({ length: layers }, (_, layer) => ({
    keys: parts[2 * layer] as tf.Tensor,
    values: parts[2 * layer + 1] as tf.Tensor,
  }));
}

/** The other way round. */
function embeddingsOf(prefix: PrefixWeights): tf.Tensor {
  const parts = prefix.flatMap(({ keys, values }) => [keys, values]); // [1, heads, virtual tokens, headSize]
  const byToken = tf.transpose(tf.concat(parts, 0), [2, 0, 1, 3]);
  return tf.reshape(byToken, [byToken.shape[0], -1]);
}
