import { z } from 'zod';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import { nearest } from './nearest.js';

/** The root of an experiment's config: an object, so that every value has a path. */
export type ConfigSchema = z.ZodObject;

/** T with every property and array readonly, all the way down. */
export type DeepReadonly<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly unknown[]
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : { readonly [K in keyof T]: DeepReadonly<T[K]> };

/** T with every property optional, all the way down; arrays are given whole. */
export type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: DeepPartial<T[K]> }
    : T;

/** A config after parsing: plain JSON with an object at the root. */
export type PlainConfig = Readonly<Record<string, Json>>;

interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
}

function jsonSchema(schema: ConfigSchema): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
}

/** The schema itself and, through references and unions, all that a value there may be. */
function alternatives(root: JsonSchema, schema: JsonSchema, seen = new Set<JsonSchema>()): JsonSchema[] {
  if (seen.has(schema)) return [];
  seen.add(schema);
  const referred = schema.$ref === '#' ? root : root.$defs?.[schema.$ref?.replace('#/$defs/', '') ?? ''];
  const parts = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  if (referred !== undefined) parts.push(referred);
  return [schema, ...parts.flatMap((part) => alternatives(root, part, seen))];
}

function children(root: JsonSchema, schema: JsonSchema, segment: string): JsonSchema[] {
  return alternatives(root, schema).flatMap((one) => {
    const own = one.properties?.[segment];
    if (own !== undefined) return [own];
    const index = /^\d+$/u.test(segment) ? Number(segment) : undefined;
    const item = index === undefined ? undefined : (one.prefixItems?.[index] ?? one.items);
    if (item !== undefined) return [item];
    return typeof one.additionalProperties === 'object' ? [one.additionalProperties] : [];
  });
}

function at(root: JsonSchema, path: readonly string[]): JsonSchema[] {
  return path.reduce<JsonSchema[]>(
    (found, segment) => found.flatMap((schema) => children(root, schema, segment)),
    [root],
  );
}

/** All paths that the schema names, such as `train` and `train.steps`; keys of records and items of arrays are not named. */
export function configPaths(schema: ConfigSchema): string[] {
  const root = jsonSchema(schema);
  const walk = (node: JsonSchema, prefix: string, depth: number): string[] =>
    depth === 0
      ? []
      : alternatives(root, node).flatMap((one) =>
          Object.entries(one.properties ?? {}).flatMap(([key, child]) => [
            prefix + key,
            ...walk(child, `${prefix}${key}.`, depth - 1),
          ]),
        );
  return [...new Set(walk(root, '', 8))];
}

function keysAt(schema: ConfigSchema, path: readonly string[]): string[] {
  const root = jsonSchema(schema);
  const keys = at(root, path).flatMap((node) =>
    alternatives(root, node).flatMap((one) => Object.keys(one.properties ?? {})),
  );
  return [...new Set(keys)];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const dotted = (path: readonly PropertyKey[]): string => path.map(String).join('.');

/** zod's `object` drops keys that it does not know without a word: these are the paths that were given and are gone. */
function dropped(given: unknown, parsed: unknown, path: readonly string[] = []): string[][] {
  if (Array.isArray(given) && Array.isArray(parsed)) {
    return given.flatMap((item, index) => dropped(item, parsed[index], [...path, String(index)]));
  }
  if (!isRecord(given) || !isRecord(parsed)) return [];
  return Object.keys(given).flatMap((key) =>
    given[key] === undefined
      ? []
      : Object.hasOwn(parsed, key)
        ? dropped(given[key], parsed[key], [...path, key])
        : [[...path, key]],
  );
}

function unknownKey(schema: ConfigSchema, path: readonly string[]): string {
  const parent = path.slice(0, -1);
  const siblings = keysAt(schema, parent);
  const close = nearest(path.at(-1) ?? '', siblings);
  if (close !== undefined) return `unknown config path ${dotted(path)}; nearest: ${dotted([...parent, close])}`;
  // The right key in the wrong place: the same last word elsewhere, or the nearest whole path.
  const paths = configPaths(schema);
  const elsewhere = paths.find((known) => known.split('.').at(-1) === path.at(-1)) ?? nearest(dotted(path), paths);
  const hint = elsewhere === undefined ? `known there: ${siblings.join(', ')}` : `nearest: ${elsewhere}`;
  return `unknown config path ${dotted(path)}; ${hint}`;
}

function received(value: unknown, path: readonly PropertyKey[]): string {
  const found = path.reduce<unknown>(
    (node, key) => (typeof node === 'object' && node !== null ? Reflect.get(node, key) : undefined),
    value,
  );
  const text = typeof found === 'number' || found === undefined ? String(found) : JSON.stringify(found);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function complaint(schema: ConfigSchema, value: unknown, issue: z.core.$ZodIssue): string[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(schema, [...path, key]));
  // A union says nothing of its own: the branch with the fewest complaints is what the user most likely meant.
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const best = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
    return best.flatMap((inner) => complaint(schema, value, { ...inner, path: [...issue.path, ...inner.path] }));
  }
  const where = path.length === 0 ? 'the config' : dotted(path);
  return [`${where}: ${issue.message} (got ${received(value, issue.path)})`];
}

/** What keeps a parsed value from being written as JSON and read back the same: the path and why. */
function notPlain(value: unknown, path: readonly string[] = []): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : `${dotted(path)} is ${String(value)}, which JSON cannot hold`;
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => notPlain(item, [...path, String(index)])).find((reason) => reason !== undefined);
  }
  if (isRecord(value) && (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)) {
    return Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => notPlain(item, [...path, key]))
      .find((reason) => reason !== undefined);
  }
  return `${dotted(path)} is not plain JSON (${typeof value})`;
}

/**
 * Parses a config by its schema. Keys that the schema does not know are refused at every depth, whether or not the
 * schema says `strictObject`, with the nearest key that it knows.
 *
 * @throws TrainbookError that lists every mistake with its path
 */
export function parseConfig(owner: string, schema: ConfigSchema, value: unknown): PlainConfig {
  const result = schema.safeParse(value);
  const complaints = result.success
    ? dropped(value, result.data).map((path) => unknownKey(schema, path))
    : result.error.issues.flatMap((issue) => complaint(schema, value, issue));
  if (result.success && complaints.length === 0) {
    const reason = notPlain(result.data);
    if (reason === undefined) return JSON.parse(JSON.stringify(result.data)) as PlainConfig;
    complaints.push(reason);
  }
  throw new TrainbookError({
    what: `${owner}: ${complaints.join(`\n${owner}: `)}`,
    fix: 'correct the config (or the schema beside it)',
  });
}

/** `base` with the fields of `overrides` in place of its own, object by object; arrays and other values are replaced whole. */
export function mergeConfig(base: Json, overrides: unknown): Json {
  if (overrides === undefined) return base;
  if (!isRecord(base) || !isRecord(overrides)) return overrides as Json;
  const merged: Record<string, Json> = { ...(base as Readonly<Record<string, Json>>) };
  for (const [key, value] of Object.entries(overrides)) {
    if (value !== undefined) merged[key] = mergeConfig(merged[key] ?? {}, value);
  }
  return merged;
}

/**
 * The config with the values at some paths set: `{ 'train.steps': 200 }`.
 *
 * @throws TrainbookError for a path that the schema does not know: `unknown config path train.step; nearest: train.steps`
 */
export function setPaths(
  owner: string,
  schema: ConfigSchema,
  config: Json,
  values: Readonly<Record<string, Json>>,
): Json {
  const root = jsonSchema(schema);
  return Object.entries(values).reduce((current, [path, value]) => {
    const segments = path.split('.');
    if (at(root, segments).length === 0) {
      throw new TrainbookError({
        what: `${owner}: ${unknownKey(schema, segments)}`,
        fix: `the paths are: ${configPaths(schema).join(', ')}`,
      });
    }
    return setAt(current, segments, value);
  }, config);
}

function setAt(node: Json | undefined, [head, ...rest]: readonly string[], value: Json): Json {
  if (head === undefined) return value;
  if (Array.isArray(node)) {
    const items = node as readonly Json[];
    const copy = [...items];
    copy[Number(head)] = setAt(items[Number(head)], rest, value);
    return copy;
  }
  const fields = isRecord(node) ? (node as Readonly<Record<string, Json>>) : {};
  return { ...fields, [head]: setAt(fields[head], rest, value) };
}
