import type { RunRecords } from '../records.js';
import { configBlocks } from './config.js';
import { cost } from './cost.js';
import type { Price } from './cost.js';
import { curves } from './curves.js';
import { section } from './document.js';
import type { Document } from './document.js';
import { environment } from './environment.js';
import { headlines, peakMemory, runSeconds } from './headline.js';
import { lineage } from './lineage.js';
import { originOf } from './origin.js';
import { reproduce } from './reproduce.js';
import { runSummary } from './run-summary.js';
import { samples } from './samples.js';
import { dataCard, stages } from './stages.js';

export interface DocumentOptions {
  /** What an hour of the machine costs; without it no money is told. */
  readonly price?: Price;
}

/** Joules of all training, as the metrics tell them. */
export function joulesOf({ metrics }: Pick<RunRecords, 'metrics'>): number | undefined {
  const told = metrics.flatMap(({ values }) => values['energyJoules'] ?? []);
  return told.length === 0 ? undefined : told.reduce((sum, joules) => sum + joules, 0);
}

/** The report of a run, from its records alone. */
export function runDocument(run: RunRecords, { price }: DocumentOptions = {}): Document {
  const { spec, status } = run;
  const origin = originOf(run);
  const shown = headlines(run);
  const { error } = status;
  const taken = {
    seconds: runSeconds(run),
    secondsFromStore: run.stages.filter(({ cached }) => cached).reduce((sum, { seconds }) => sum + seconds, 0),
    joules: joulesOf(run),
    peakMemoryBytes: peakMemory(run),
  };
  const sections = [
    ...runSummary(run, shown),
    ...curves(run),
    ...samples(run),
    ...dataCard(run),
    ...stages(run),
    ...section('configuration', 'Configuration', configBlocks(spec.config, spec.defaults)),
    ...lineage(run),
    ...cost(taken, price),
    ...environment(run.environment),
    ...reproduce(run, origin.run),
  ];
  const firstCurve = sections.find(({ id }) => id === 'training')?.blocks.find((block) => block.kind === 'figure');
  return {
    kind: 'run',
    title: spec.experiment,
    id: spec.runId,
    path: origin.run,
    state: status.state,
    createdAt: spec.createdAt,
    about: [
      ['seed', String(spec.seed)],
      ['run', spec.runId],
    ],
    ...(error === undefined ? {} : { error: typeof error === 'string' ? error : JSON.stringify(error, undefined, 2) }),
    headlines: shown,
    sections,
    excerpt: [
      { section: 'training', blocks: firstCurve === undefined ? [] : [firstCurve.id] },
      { section: 'samples', blocks: ['samples'] },
      { section: 'configuration', blocks: ['config-diff'] },
    ],
    origin,
  };
}
