import { hash } from '../../../files.js';

/** What MLflow takes, from its `utils/validation.py`. */
export const limits = {
  key: 250,
  param: 6000,
  tag: 8000,
  paramsInBatch: 100,
  metricsInBatch: 1000,
  datasetProfile: 16_777_215,
  datasetSource: 65_535,
} as const;

/**
 * A name that MLflow takes for a metric or param: letters of every script, digits, `_-.: /`, and a path that is its own shortest
 * form. One that must change gets a part of its hash, so that two names never become one.
 */
export function mlflowName(name: string): string {
  const shortest = name
    .split('/')
    .filter((part) => part !== '' && part !== '.' && part !== '..')
    .join('/');
  // colons are refused by servers on Windows
  const clean = shortest.replace(/[^\p{L}\p{M}\p{N}_\-. /]/gu, '_').slice(0, limits.key);
  if (clean === name) return name;
  return `${clean.slice(0, limits.key - 9)}-${hash(name).slice(0, 8)}`;
}

/** The text with an ellipsis in place of what is beyond the limit. */
export function shortened(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}
