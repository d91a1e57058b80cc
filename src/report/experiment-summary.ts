import type { ExperimentDefinition } from '../experiment/experiment.js';
import type { Summary } from '../figure.js';
import type { Json } from '../files.js';
import { formatSeconds } from './format.js';
import { headlines } from './document/headline.js';
import { readRun } from './records.js';

/** A config's values by their paths; lists stay whole. */
function paths(config: Json, path = ''): [path: string, value: string | number][] {
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) {
    return Object.entries(config).flatMap(([name, value]) => paths(value, path === '' ? name : `${path}.${name}`));
  }
  return [[path, typeof config === 'number' || typeof config === 'string' ? config : JSON.stringify(config)]];
}

/** An experiment: its stages in their order and its config. */
export function experimentSummary({ name, stages, defaults }: ExperimentDefinition): Summary {
  return {
    title: `Experiment ${name}`,
    facts: { stages: stages.length === 0 ? 'none yet' : stages.map((stage) => stage.name).join(' → ') },
    tables: [{ title: 'Config', columns: ['path', 'value'], rows: paths(defaults) }],
  };
}

/** What `runExperiment` gives. */
export interface RunValue {
  readonly runId: string;
  readonly folder: string;
  readonly state: string;
}

export function isRun(value: unknown): value is RunValue {
  if (typeof value !== 'object' || value === null || !('artifact' in value)) return false;
  return ['runId', 'folder', 'state'].every((name) => typeof Reflect.get(value, name) === 'string');
}

/** A run by its records: what a report says first, and its stages. */
export async function runSummary({ folder }: RunValue): Promise<Summary> {
  const run = await readRun(folder);
  const facts = headlines(run).map(({ label, value, unit }) => [
    label,
    unit === undefined ? value : `${value} ${unit}`,
  ]);
  return {
    title: `Run ${run.spec.runId} of ${run.spec.experiment}`,
    facts: { state: run.status.state, ...(Object.fromEntries(facts) as Record<string, string>), folder },
    tables: [
      {
        title: 'Stages',
        columns: ['stage', 'made', 'took'],
        rows: run.stages.map(({ stage, summary, cached, seconds }) => [
          stage,
          summary.title,
          `${formatSeconds(seconds)}${cached ? ' (found in the store)' : ''}`,
        ]),
      },
    ],
  };
}
