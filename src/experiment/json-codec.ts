import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainbookError } from '../error.js';
import type { Codec, Json } from '../files.js';
import type { Summary } from '../figure.js';

// value.json is the value as JSON, with one-key objects for what JSON lacks:
// {"loss":{"$number":"NaN"},"embedding":{"$array":0,"type":"Float32Array"},"model":{"$part":0,"kind":"model"}}
// A typed array's bytes (little-endian) are in array-0.bin; a part is a folder written by the codec of its kind.

const arrayTypes = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;
type ArrayType = keyof typeof arrayTypes;

const escapes = ['$number', '$bigint', '$undefined', '$date', '$array', '$part', '$object'];

interface Writing {
  readonly arrays: NodeJS.TypedArray[];
  readonly parts: { readonly codec: Codec<unknown>; readonly value: unknown }[];
  readonly above: Set<object>;
}

function refuse(path: string, received: string): never {
  throw new TrainbookError({
    what: `a stage's result cannot be kept: ${path === '' ? 'it' : path} is ${received}`,
    received,
    expected: 'plain values, typed arrays, or a type with a codec (corpus, tokenizer, model)',
    fix: 'return plain values; of a tensor, await tensor.data()',
  });
}

function encode(value: unknown, path: string, out: Writing, codecs: readonly Codec<unknown>[]): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (value === undefined) return { $undefined: true };
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $number: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (typeof value !== 'object') refuse(path, `a ${typeof value}`);

  const codec = codecs.find((each) => each.is(value));
  if (codec !== undefined) return { $part: out.parts.push({ codec, value }) - 1, kind: codec.kind };
  if (value instanceof Date) return { $date: value.toISOString() };
  const type = Object.prototype.toString.call(value).slice('[object '.length, -1);
  if (ArrayBuffer.isView(value) && type in arrayTypes) {
    return { $array: out.arrays.push(value as NodeJS.TypedArray) - 1, type };
  }
  if (out.above.has(value)) refuse(path, 'a value that contains itself');
  out.above.add(value);
  try {
    if (Array.isArray(value)) return value.map((item, index) => encode(item, `${path}[${index}]`, out, codecs));
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) refuse(path, `an instance of ${className(value)}`);
    const fields = Object.entries(value).map(([key, item]): [string, Json] => [
      key,
      encode(item, path === '' ? key : `${path}.${key}`, out, codecs),
    ]);
    const [only] = fields;
    return only !== undefined && escapes.includes(only[0]) ? { $object: fields } : Object.fromEntries(fields);
  } finally {
    out.above.delete(value);
  }
}

function className(value: object): string {
  const constructor: unknown = Reflect.get(value, 'constructor');
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'a class';
}

interface Reading {
  readonly arrays: readonly Uint8Array[];
  readonly parts: readonly unknown[];
}

function decode(value: Json, from: Reading): unknown {
  if (Array.isArray(value)) return value.map((item: Json) => decode(item, from));
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as Readonly<Record<string, Json>>;
  const [key] = Object.keys(fields);
  const inner = key === undefined ? undefined : fields[key];
  const text = typeof inner === 'string' ? inner : '';
  if (key === '$number') return Number(inner);
  if (key === '$bigint') return BigInt(text);
  if (key === '$undefined') return undefined;
  if (key === '$date') return new Date(text);
  if (key === '$part') return from.parts[Number(inner)];
  if (key === '$array') {
    const bytes = from.arrays[Number(inner)] ?? new Uint8Array();
    return new arrayTypes[fields['type'] as ArrayType](new Uint8Array(bytes).buffer);
  }
  if (key === '$object') {
    return Object.fromEntries((inner as readonly [string, Json][]).map(([name, item]) => [name, decode(item, from)]));
  }
  return Object.fromEntries(Object.entries(fields).map(([name, item]) => [name, decode(item, from)]));
}

interface Contents {
  readonly value: Json;
  readonly arrays: number;
  readonly parts: readonly string[];
}

/**
 * Keeps plain values: what JSON holds, and NaN, infinities, undefined, bigint, dates, typed arrays, and values of the
 * given codecs anywhere inside. It takes every value; what it cannot keep is refused by `write`, with the path.
 */
export function jsonCodec(codecs: readonly Codec<unknown>[]): Codec<unknown> {
  return {
    kind: 'json',
    is: (_value): _value is unknown => true,
    async write(value, folder) {
      const out: Writing = { arrays: [], parts: [], above: new Set() };
      const encoded = encode(value, '', out, codecs);
      const contents: Contents = {
        value: encoded,
        arrays: out.arrays.length,
        parts: out.parts.map(({ codec }) => codec.kind),
      };
      await mkdir(folder, { recursive: true });
      for (const [index, array] of out.arrays.entries()) {
        await writeFile(
          join(folder, `array-${index}.bin`),
          new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
        );
      }
      for (const [index, part] of out.parts.entries()) {
        const inside = join(folder, `part-${index}`);
        await mkdir(inside, { recursive: true });
        await part.codec.write(part.value, inside);
      }
      await writeFile(join(folder, 'value.json'), JSON.stringify(contents));
    },
    async read(folder) {
      const contents = JSON.parse(await readFile(join(folder, 'value.json'), 'utf8')) as Contents;
      const arrays: Uint8Array[] = [];
      for (let index = 0; index < contents.arrays; index++) {
        arrays.push(await readFile(join(folder, `array-${index}.bin`)));
      }
      const parts: unknown[] = [];
      for (const [index, kind] of contents.parts.entries()) {
        const codec = codecs.find((each) => each.kind === kind);
        if (codec === undefined) throw unknownKind(kind);
        parts.push(await codec.read(join(folder, `part-${index}`)));
      }
      return decode(contents.value, { arrays, parts });
    },
    summarise: summariseJson,
    dispose(value) {
      const seen = new Set<object>();
      const visit = (node: unknown): void => {
        if (typeof node !== 'object' || node === null || seen.has(node) || ArrayBuffer.isView(node)) return;
        seen.add(node);
        const codec = codecs.find((each) => each.is(node));
        if (codec !== undefined) codec.dispose?.(node);
        else Object.values(node).forEach(visit);
      };
      visit(value);
    },
  };
}

/** For an artifact whose kind no codec at hand can read. */
export function unknownKind(kind: string): TrainbookError {
  return new TrainbookError({
    what: 'an artifact is of a kind that this version cannot read',
    received: kind,
    fix: 'update trainbook, or run the stage again with --from',
  });
}

const maxText = 2000; // characters of a text, and entries of a list, that a report shows
const maxFacts = 24;

/** Facts: numbers and short texts by their path; texts: long strings, and lists of strings such as samples. */
function summariseJson(value: unknown): Summary {
  const facts: Record<string, string | number> = {};
  const texts: { title: string; text: string }[] = [];
  const visit = (node: unknown, path: string): void => {
    if (Object.keys(facts).length + texts.length >= maxFacts) return;
    if (typeof node === 'number') facts[path] = node;
    else if (typeof node === 'string' && (node.length > 80 || node.includes('\n'))) {
      texts.push({ title: path, text: node.slice(0, maxText) });
    } else if (typeof node === 'string' || typeof node === 'boolean') facts[path] = String(node);
    else if (ArrayBuffer.isView(node) && 'length' in node) facts[path] = `${String(node.length)} numbers`;
    else if (Array.isArray(node) && node.length > 0 && node.every((item) => typeof item === 'number')) {
      facts[path] = `${node.length} numbers`;
    } else if (typeof node === 'object' && node !== null) {
      for (const [key, item] of Object.entries(node)) visit(item, path === 'value' ? key : `${path}.${key}`);
    }
  };
  visit(value, 'value');
  return { title: 'Result', facts, ...(texts.length === 0 ? {} : { texts }) };
}
