/**
 * For notebooks: experiments gone through cell by cell, with display. Works on the kernel `trainbook` and on vanilla tslab;
 * in a plain Node program it prints text.
 *
 * @packageDocumentation
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import type { Ablation } from './experiment/ablations/ablation.js';
import type { AblationPlace } from './experiment/ablations/open-ablation.js';
import type { AblationRecord } from './experiment/ablations/record.js';
import { runAblation } from './experiment/ablations/run-ablation.js';
import type { AblationRunOptions } from './experiment/ablations/run-ablation.js';
import type { ConfigSchema, DeepReadonly } from './experiment/config.js';
import type { Experiment } from './experiment/experiment.js';
import type { RunEvent } from './experiment/event.js';
import { openLab } from './experiment/open.js';
import type { Lab } from './experiment/open.js';
import { definedSince } from './experiment/redefined.js';
import { configOf } from './experiment/run.js';
import type { RunOptions, RunRange } from './experiment/run.js';
import type { Along } from './experiment/sinks/along.js';
import type { SinkTarget } from './experiment/sinks/targets.js';
import type { Json } from './files.js';
import { interruptible } from './train/interrupt.js';
import { ablationDisplay } from './report/ablation-display.js';
import { noteArtifact, noteBundle } from './report/artifact-age.js';
import { noteShown, openSlot } from './report/display.js';
import { showLastValues } from './report/last-value.js';
import { stageDisplay } from './report/stage-display.js';
import { writeReport } from './report/write-report.js';

export type { Figure, Summary, Table } from './figure.js';
export { barFigure, lineFigure, type BarFigureOptions, type LineFigureOptions } from './report/number-figures.js';
export { confusionFigure, type ConfusionFigureOptions } from './report/confusion-figure.js';
export { expertLoadFigure, expertTokensFigure } from './report/routing-figures.js';
export { communicationFigure, shardingFigure } from './report/mesh-figures.js';
export { heatmapFigure, type HeatmapFigureOptions } from './report/heatmap-figure.js';
export { parameters } from './report/parameters.js';
export { show } from './report/show.js';
export { reportPart, type Part } from './report/document/part.js';
export { readReport, type ReportOptions } from './report/write-report.js';

/** What of a run's options a notebook chooses. The engine is the one that this process has, unless `numericClass` is given. */
export type OpenOptions<Config> = Omit<RunOptions<Config>, 'numericClass' | 'signal'> &
  Pick<RunRange, 'from'> & {
    readonly numericClass?: string;
    /** Where the run is sent while it goes on, such as `[{ kind: 'mlflow', uri: 'http://127.0.0.1:5000' }]`. */
    readonly send?: readonly SinkTarget[];
  };

export interface ShowStage {
  /** Metrics that are drawn while the stage runs, such as `['loss', 'tokensPerSecond']`; losses share a chart. */
  readonly live?: readonly string[];
  /** Stops the stage as the stop button does. */
  readonly signal?: AbortSignal;
  /** Receives each row of metrics as the stage writes it. */
  readonly onMetrics?: (step: number, values: Readonly<Record<string, number>>) => void;
}

/** An experiment that a notebook goes through stage by stage. */
export interface NotebookLab<Config, Artifacts extends object> {
  readonly config: DeepReadonly<Config>;
  /**
   * Brings a stage up to date, and what it reads, shows how, and gives what it made. Interrupted, it finishes its step and
   * saves; the same cell goes on from there.
   */
  stage<Name extends keyof Artifacts & string>(name: Name, options?: ShowStage): Promise<Artifacts[Name]>;
  /** The folder of the run's record. */
  folder(): Promise<string>;
  /** Writes the report of the run so far and gives its path. */
  report(): Promise<string>;
  /** Closes the run's record. */
  close(): Promise<void>;
}

/** The nearest folder at or above the current one that is a project; notebooks run in their own folder below it. */
function projectFolder(folder = process.cwd()): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const above = dirname(folder);
  return above === folder ? process.cwd() : projectFolder(above);
}

/** What the numbers of this process depend on, and what the engine says of itself. The library is loaded for it. */
async function engine(): Promise<{ readonly numericClass: string; readonly engine: Json }> {
  const { engineInfo, engineName } = await import('./engine/backend.js');
  return { numericClass: engineName(), engine: JSON.parse(JSON.stringify(engineInfo())) as Json };
}

/** What sends runs while they go on; when a sink is away, or back, a line says so. */
async function alongOf(targets: readonly SinkTarget[]): Promise<Along | undefined> {
  if (targets.length === 0) return undefined;
  const { sendAlong } = await import('./experiment/sinks/along.js');
  return sendAlong(targets, (line) => {
    openSlot().end(noteBundle(line));
  });
}

/**
 * Opens an experiment for a notebook. Nothing runs before a stage is asked for.
 *
 * @throws TrainbookError if the config does not fit the experiment
 *
 * @example
 * const lab = open(quickstart, { set: { 'train.steps': 60 } });
 * const corpus = await lab.stage('corpus');
 * const base = await lab.stage('base', { live: ['loss'] });
 */
export function open<Schema extends ConfigSchema, Artifacts extends object>(
  experiment: Experiment<Schema, Artifacts>,
  options: OpenOptions<z.input<Schema>> = {},
): NotebookLab<z.output<Schema>, Artifacts> {
  const { numericClass = '', send = [], ...rest } = options;
  let along: Along | undefined;
  const config = configOf(experiment, { ...rest, numericClass }) as DeepReadonly<z.output<Schema>>;
  let opened: Promise<Lab<z.output<Schema>, Artifacts>> | undefined;
  const lab = (): Promise<Lab<z.output<Schema>, Artifacts>> => {
    opened ??= (async () => {
      const runsFolder = join(projectFolder(), 'runs');
      const found = numericClass === '' ? await engine() : { numericClass };
      along = await alongOf(send);
      const lab = await openLab(experiment, { runsFolder, ...found, ...rest });
      along?.start(lab.folder);
      return lab;
    })();
    return opened;
  };
  // An interrupted cell ends before the stage in it has saved: the next one waits for that, and then shows itself.
  let last: Promise<unknown> = Promise.resolve();

  async function bring<Name extends keyof Artifacts & string>(
    name: Name,
    { live = [], signal, onMetrics }: ShowStage,
  ): Promise<Artifacts[Name]> {
    const changed = definedSince(experiment);
    if (changed !== undefined) {
      const what = `experiment ${experiment.name} has been changed since this lab was opened (${changed})`;
      openSlot().end(
        noteBundle(`stale: ${what}; the lab goes on with the earlier one. Run the cell with open(…) again.`),
      );
    }
    const display = stageDisplay(name, live);
    const given: { artifact?: string; reason?: string } = {};
    const onEvent = (event: RunEvent): void => {
      display.onEvent(event);
      if ((event.type === 'stage-end' || event.type === 'cached') && event.stage === name)
        given.artifact = event.artifact;
      if (event.type === 'stage-start' && event.stage === name) given.reason = event.reason;
      if (event.type === 'metrics' && event.stage === name) onMetrics?.(event.step, event.values);
    };
    const interrupt = await interruptible(() => {
      display.interrupting();
    });
    const stop = signal === undefined ? interrupt.signal : AbortSignal.any([interrupt.signal, signal]);
    try {
      const artifact = await (await lab()).stage(name, { signal: stop, onEvent });
      const { artifact: hash = '', reason } = given;
      noteArtifact(artifact, { experiment: experiment.name, stage: name, artifact: hash, reason });
      await display.end('done');
      noteShown(artifact);
      return artifact;
    } catch (error) {
      await display.end(stop.aborted ? 'interrupted' : 'failed');
      throw error;
    } finally {
      interrupt.release();
    }
  }

  return {
    config,
    stage(name, show = {}) {
      const result = last.then(() => bring(name, show));
      last = result.catch(() => undefined);
      return result;
    },
    async folder() {
      return (await lab()).folder;
    },
    async report() {
      await last;
      return writeReport((await lab()).folder);
    },
    async close() {
      await last;
      if (opened !== undefined) await (await opened).close();
      await along?.end();
    },
  };
}

/** What of an ablation's run a notebook chooses. */
export type AblateOptions = Partial<AblationPlace> &
  Pick<AblationRunOptions, 'retry'> &
  Pick<OpenOptions<never>, 'send'>;

/**
 * Runs an ablation in this notebook, one run after another, and shows the comparison: a table of arms and a forest plot. Interrupted, it
 * finishes its step and saves; the same cell goes on from there. In a terminal `trainbook ablate` has several workers.
 *
 * @throws TrainbookError if the ablation's code changed while it ran; what failed in an arm is kept, and the others go on
 * @example
 * const record = await ablate(norms);
 */
export async function ablate(ablation: Ablation, options: AblateOptions = {}): Promise<AblationRecord> {
  const display = ablationDisplay(ablation);
  const interrupt = await interruptible(() => {
    display.interrupting();
  });
  const { numericClass, signal, send = [], ...rest } = options;
  const stop = signal === undefined ? interrupt.signal : AbortSignal.any([interrupt.signal, signal]);
  const place = { runsFolder: join(projectFolder(), 'runs'), ...(await engine()), ...rest };
  const along = await alongOf(send);
  try {
    const { state, record } = await runAblation(ablation, {
      ...place,
      ...(numericClass !== undefined && { numericClass }),
      signal: stop,
      onEvent: (event) => {
        display.onEvent(event);
        const run = event.type === 'cell-end' ? event.result.run : undefined;
        if (run !== undefined) along?.ended(join(place.runsFolder, run));
      },
    });
    display.end(state, record);
    await along?.end();
    return record;
  } catch (error) {
    display.end(stop.aborted ? 'interrupted' : 'failed');
    throw error;
  } finally {
    interrupt.release();
  }
}

showLastValues();
