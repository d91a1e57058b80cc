import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../files.js';
import type { ExperimentDefinition } from './experiment.js';

/** The last definition of each name in this process. In a notebook the same cell may define an experiment again and again. */
const latest = new Map<string, ExperimentDefinition>();

/** What each was begun with: `experiment(…)` begins, `stage` goes on with the same beginning. */
const beginnings = new WeakMap<ExperimentDefinition, object>();

/** @param from what it has one more stage than; nothing if it begins */
export function noteDefinition(definition: ExperimentDefinition, from?: ExperimentDefinition): void {
  latest.set(definition.name, definition);
  beginnings.set(definition, (from && beginnings.get(from)) ?? definition);
}

/** Differences that are told; more of them are counted. */
const TOLD = 3;

/**
 * In what an experiment differs from the last one of its name that was defined in this process, as far as that one goes: an experiment is
 * defined stage by stage. A stage that another branch of the same beginning has, and it has not, is no change. Undefined where nothing has
 * changed.
 *
 * @example
 * definedSince(quickstart); // 'config train.steps: 60, now 200; stage corpus'
 */
export function definedSince(definition: ExperimentDefinition): string | undefined {
  const now = latest.get(definition.name);
  if (now === undefined || now === definition) return undefined;
  const isBranch = beginnings.get(now) === beginnings.get(definition);
  const stages = now.stages
    .filter(({ name, run }) => {
      const before = definition.stages.find((stage) => stage.name === name);
      return before === undefined ? !isBranch : String(before.run) !== String(run);
    })
    .map(({ name }) => `stage ${name}`);
  const differences = [...configDifferences(definition.defaults, now.defaults, 'config '), ...stages];
  if (differences.length === 0) return undefined;
  const more = differences.length > TOLD ? [`${differences.length - TOLD} more`] : [];
  return [...differences.slice(0, TOLD), ...more].join('; ');
}

const isFields = (value: Json | undefined): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function configDifferences(before: Json | undefined, now: Json | undefined, path: string): string[] {
  if (isFields(before) && isFields(now)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    const inside = path.endsWith(' ') ? path : `${path}.`;
    return names.flatMap((name) => configDifferences(before[name], now[name], `${inside}${name}`));
  }
  if (isDeepStrictEqual(before, now)) return [];
  const text = (value: Json | undefined): string => (value === undefined ? 'not there' : JSON.stringify(value));
  return [`${path}: ${text(before)}, now ${text(now)}`];
}
