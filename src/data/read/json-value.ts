import type { Json } from '../../files.js';

/**
 * What a cell of Parquet or Arrow is as JSON: 64-bit integers become numbers, or text where a number would round them; times ISO 8601; bytes
 * base64; NaN and infinities text. Undefined for null.
 */
export function jsonValue(value: unknown): Json | undefined {
  if (value === null || value === undefined) return undefined;
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (Array.isArray(value)) return value.map((item) => jsonValue(item) ?? null);
  if (value instanceof Map) return objectOf([...value].map(([key, item]) => [String(key), item]));
  if ('toJSON' in value && typeof value.toJSON === 'function') return jsonValue((value.toJSON as () => unknown)());
  if (ArrayBuffer.isView(value))
    return Array.from(value as unknown as Iterable<unknown>, (item) => jsonValue(item) ?? null);
  return objectOf(Object.entries(value));
}

function objectOf(entries: readonly (readonly [string, unknown])[]): Readonly<Record<string, Json>> {
  const held: [string, Json][] = [];
  for (const [key, item] of entries) {
    if (key !== '__proto__') held.push([key, jsonValue(item) ?? null]);
  }
  return Object.fromEntries(held);
}
