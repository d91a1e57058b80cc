import { z } from 'zod';
import { canonicalJson } from '../files.js';
import type { Json } from '../files.js';

// What one execution of a stage read:
// {"config":[{"path":["train","steps"],"value":300}],"seed":1,"artifacts":{"corpus":"9f0c…"},"files":{"datasets/a.txt":"77b2…"}}

const json: z.ZodType<Json> = z.json();
const configRead = z.union([
  z.object({ path: z.array(z.string()), value: json }),
  /** The stage saw that an object stands there, and read its fields one by one. */
  z.object({ path: z.array(z.string()), object: z.literal(true) }),
  /** The stage looked for a key that is not there. */
  z.object({ path: z.array(z.string()), absent: z.literal(true) }),
]);
export const readsSchema = z.object({
  config: z.array(configRead),
  /** Only where the stage took its `key`. */
  seed: z.number().optional(),
  /** Hashes by the names of stages, in the order of reading. */
  artifacts: z.record(z.string(), z.string()),
  /** Hashes by path from the project's folder; of a folder, the hash of its list of names. */
  files: z.record(z.string(), z.string()),
});
export type ConfigRead = z.infer<typeof configRead>;
export type Reads = z.infer<typeof readsSchema>;

/** The value at a path of a config; undefined where there is none. */
export function valueAt(config: Json, path: readonly string[]): Json | undefined {
  let node: Json | undefined = config;
  for (const segment of path) {
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, segment)) return undefined;
    node = (node as Readonly<Record<string, Json>>)[segment];
  }
  return node;
}

function short(value: Json | undefined): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

/** The innermost part that differs, of an object that was read whole: `config train.steps: 300, now 200`. */
function firstDifference(path: readonly string[], before: Json | undefined, now: Json | undefined): string {
  if (isFields(before) && isFields(now)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    const name = names.find((each) => canonicalJson(before[each] ?? null) !== canonicalJson(now[each] ?? null));
    if (name !== undefined) return firstDifference([...path, name], before[name], now[name]);
  }
  return `config ${path.join('.')}: ${short(before)}, now ${short(now)}`;
}

function isFields(value: Json | undefined): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Why a config or seed is not the one that was read: `config train.steps: 300, now 200`; undefined if it is. */
export function configDiffers(reads: Pick<Reads, 'config' | 'seed'>, config: Json, seed: number): string | undefined {
  if (reads.seed !== undefined && reads.seed !== seed) return `seed: ${reads.seed}, now ${seed}`;
  for (const read of reads.config) {
    const now = valueAt(config, read.path);
    const where = `config ${read.path.join('.')}`;
    if ('value' in read) {
      if (now === undefined || canonicalJson(now) !== canonicalJson(read.value)) {
        return firstDifference(read.path, read.value, now);
      }
    } else if ('absent' in read) {
      if (now !== undefined) return `${where}: nothing, now ${short(now)}`;
    } else if (typeof now !== 'object' || now === null || Array.isArray(now)) {
      return `${where}: an object, now ${short(now)}`;
    }
  }
  return undefined;
}

/** The config paths whose values were read, or looked for; `*` for the whole config. */
export function configPathsRead({ config }: Pick<Reads, 'config'>): string[] {
  const paths = config.filter((read) => !('object' in read)).map(({ path }) => path.join('.'));
  return paths.map((path) => (path === '' ? '*' : path)).sort();
}

/** Both together: for an execution that was killed and goes on, which must not forget what its first half read. */
export function joinReads(a: Reads, b: Reads): Reads {
  const config = new Map([...a.config, ...b.config].map((read) => [JSON.stringify(read), read]));
  const seed = a.seed ?? b.seed;
  return {
    config: [...config.values()],
    ...(seed === undefined ? {} : { seed }),
    artifacts: { ...a.artifacts, ...b.artifacts },
    files: { ...a.files, ...b.files },
  };
}
