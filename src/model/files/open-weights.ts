import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainbookError } from '../../error.js';
import { closedOnRefusal, fileSource, readBytes } from './byte-source.js';
import { ggufFrom } from './gguf.js';
import { openPyTorch, pytorchFrom } from './pytorch.js';
import { openSafetensors, safetensorsFrom } from './safetensors.js';
import { openShards } from './sharded.js';
import type { TensorFile } from './stored-tensor.js';

/*
 * A folder from Hugging Face: config.json, tokenizer.json and one of
 *
 * model.safetensors | model.safetensors.index.json + model-00001-of-00002.safetensors …
 * pytorch_model.bin | pytorch_model.bin.index.json + pytorch_model-00001-of-00002.bin …
 */

const kinds: readonly {
  readonly name: string;
  readonly open: (folder: string, name: string) => Promise<TensorFile>;
}[] = [
  { name: 'model.safetensors', open: (folder, name) => openSafetensors(join(folder, name)) },
  { name: 'model.safetensors.index.json', open: (folder, name) => openShards(folder, name, openSafetensors) },
  { name: 'pytorch_model.bin', open: (folder, name) => openPyTorch(join(folder, name)) },
  { name: 'pytorch_model.bin.index.json', open: (folder, name) => openShards(folder, name, openPyTorch) },
];

/**
 * Opens the weights of a folder, whatever it has (of several the first of `model.safetensors`, its shards,
 * `pytorch_model.bin`, its shards), or one file of any format, which its first bytes tell: safetensors, PyTorch, GGUF.
 *
 * @throws TrainbookError if there are no weights, or they are damaged.
 * @example
 * const weights = await openWeights('smollm2'); // or 'SmolLM2-135M-Instruct.Q4_1.gguf'
 * const norm = float32Elements(await weights.tensors.get('model.norm.weight').read());
 * await weights.close();
 */
export async function openWeights(path: string): Promise<TensorFile> {
  const status = await stat(path).catch(() => undefined);
  if (status?.isDirectory() !== true) return openFile(path);
  for (const { name, open } of kinds) {
    const there = await stat(join(path, name)).catch(() => undefined);
    if (there !== undefined) return open(path, name);
  }
  throw new TrainbookError({
    what: `openWeights: ${path} has no weights`,
    received: 'none of the files',
    expected: kinds.map(({ name }) => name).join(', '),
  });
}

async function openFile(path: string): Promise<TensorFile> {
  return closedOnRefusal(await fileSource(path, 'a file or folder of weights'), async (source) => {
    const first = Buffer.from(await readBytes(source, 0, Math.min(4, source.size))).toString('latin1');
    if (first === 'GGUF') return ggufFrom(source);
    // A zip archive, or a pickle (legacy): of safetensors these would be lengths of headers of 67 MB and more, or of no JSON.
    if (first === 'PK\x03\x04' || first.startsWith('\x80\x02\x8a\x0a')) return pytorchFrom(source);
    return safetensorsFrom(source);
  });
}
