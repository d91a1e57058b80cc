import { readFileSync } from 'node:fs';
import { dtypeOf } from '../../../src/model/files/stored-tensor.js';
import type { Dtype, StoredTensor, TensorFile } from '../../../src/model/files/stored-tensor.js';

/** What `fixtures/files.py` says of a tensor: halves as words, 64-bit integers and non-finite numbers as text. */
export interface Described {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly elements: readonly (number | string)[];
}

export const fixture = (name: string): string => new URL(`fixtures/${name}`, import.meta.url).pathname;

export const expected = JSON.parse(readFileSync(fixture('expected.json'), 'utf8')) as {
  readonly every: Record<string, Described>;
  readonly sharded: Record<string, Described>;
  readonly divisions: Record<string, string[][]>;
  readonly state: Record<string, Described>;
  readonly checkpoint: Record<string, Described>;
  readonly gguf: Record<string, { shape: number[]; elements: number[] }>;
  readonly halves: { float16Words: string; numbers: number[]; float16: number[]; bfloat16: number[] };
};

const torchNames: Record<Dtype, string> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
};

/** A tensor in the words of the fixtures' script. */
export function described(tensor: StoredTensor): Described {
  const elements = Array.from<number | bigint, number | string>(tensor.elements, (element) =>
    typeof element === 'bigint' || !Number.isFinite(element) ? String(element) : element,
  );
  return { dtype: torchNames[dtypeOf(tensor)], shape: tensor.shape, elements };
}

/** One tensor of an open file. */
export async function tensorOf(file: TensorFile, name: string): Promise<StoredTensor> {
  const entry = file.tensors.get(name);
  if (entry === undefined) throw new Error(`no tensor ${name}`);
  return entry.read();
}

/** All tensors of an open file, which is closed. */
export async function contents(file: TensorFile): Promise<Record<string, Described>> {
  const all: [string, Described][] = [];
  for (const [name, entry] of file.tensors) {
    const tensor = await entry.read();
    if (dtypeOf(tensor) !== entry.dtype)
      throw new Error(`${name} is ${dtypeOf(tensor)}, not ${entry.dtype} as promised`);
    all.push([name, described(tensor)]);
  }
  await file.close();
  return Object.fromEntries(all);
}
