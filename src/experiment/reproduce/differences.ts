import { canonicalJson } from '../../files.js';
import type { Json } from '../../files.js';

/** Something that is not as it was when a run was recorded. */
export interface Difference {
  /** Such as `node` or `engine.library.hash`. */
  readonly what: string;
  readonly recorded: Json | undefined;
  readonly now: Json | undefined;
}

/** What decides the bits of a result, with the code: arithmetic of the engine, the processor and JavaScript itself. */
const computing =
  /^(?:numericClass|node|cpu|cpuFeatures|arch|engine\.(?:library\.(?:hash|version)|backend|devices|gpus))(?:\.|$)/u;

/** What is of the record itself, or of the code, which is spoken of apart. */
const apart = ['format', 'git', 'command', 'secretsRemoved', 'memory', 'peakMemoryBytes'];
const asideOf = /^engine\.(?:reason|library\.(?:path|source))$/u;

const isRecord = (value: Json | undefined): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function* walk(recorded: Json | undefined, now: Json | undefined, path: string): Generator<Difference> {
  if (isRecord(recorded) && isRecord(now)) {
    for (const key of new Set([...Object.keys(recorded), ...Object.keys(now)])) {
      if (path === '' && apart.includes(key)) continue;
      yield* walk(recorded[key], now[key], path === '' ? key : `${path}.${key}`);
    }
    return;
  }
  if (asideOf.test(path)) return;
  const text = (value: Json | undefined): string => (value === undefined ? '' : canonicalJson(value));
  if (text(recorded) !== text(now)) yield { what: path, recorded, now };
}

/**
 * What differs between two environments: Node, packages, engine, machine, the lock file, variables.
 *
 * @example
 * environmentDiffers({ node: 'v20.20.2' }, { node: 'v22.1.0' }); // [{ what: 'node', recorded: 'v20.20.2', now: 'v22.1.0' }]
 */
export function environmentDiffers(
  recorded: Readonly<Record<string, Json>>,
  now: Readonly<Record<string, Json>>,
): readonly Difference[] {
  return [...walk(recorded, now, '')];
}

/**
 * Whether the same bits must come out: nothing differs that results depend on beside the code. What an older record
 * does not tell counts as equal.
 */
export function isSameComputing(differences: readonly Difference[]): boolean {
  return !differences.some(({ what, recorded }) => computing.test(what) && recorded !== undefined);
}
