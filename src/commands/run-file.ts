import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { register } from 'tsx/esm/api';
import { membershipOf } from '../engine/collectives/membership.js';
import type { Group } from '../engine/group.js';
import { checkOneTfjs } from '../engine/one-tfjs.js';
import { TrainbookError } from '../error.js';
import { isAblation } from '../experiment/ablations/ablation.js';
import { isExperiment } from '../experiment/experiment.js';
import type { Experiment } from '../experiment/experiment.js';
import type { RunEvent } from '../experiment/event.js';
import type { Along } from '../experiment/sinks/along.js';
import type { SinkTarget } from '../experiment/sinks/targets.js';
import type { Json } from '../files.js';
import { isClone, isModuleProject, projectRoot } from '../setup/project.js';
import { chooseDevice } from './device-option.js';
import { dryRunText, planValue } from './dry-run-text.js';
import { interruptSignal } from './interrupt-signal.js';
import { endLine } from './sink-options.js';
import { terminalEvents } from './terminal.js';
import { parseValue, UsageError } from './usage.js';

export interface RunFileOptions {
  readonly set?: Readonly<Record<string, Json>>;
  readonly seed?: number;
  readonly from?: string;
  readonly to?: string;
  /** Where runs and their store lie, if not in the project's `runs`. */
  readonly runsFolder?: string;
  /** Where compiled functions run: see `chooseDevice`. */
  readonly device?: string;
  /** Says what would run, and runs nothing. */
  readonly dryRun?: boolean;
  readonly json?: boolean;
  /** Where the run is sent while it goes on. */
  readonly sinks?: readonly SinkTarget[];
}

/** `['train.steps=200', 'model.norm=rms']` as values by path. */
export function settings(pairs: readonly string[]): Record<string, Json> {
  const entries = pairs.map((pair): [string, Json] => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--set needs path=value, not '${pair}'`);
    return [pair.slice(0, at), parseValue(pair.slice(at + 1)) as Json];
  });
  return Object.fromEntries(entries);
}

/**
 * The experiment that a TypeScript file exports as its default, or that of an ablation.
 *
 * @throws TrainbookError for a file that does not exist or exports none
 */
export async function loadExperiment(file: string): Promise<Experiment<never>> {
  const found = await loadDefault(file, 'run');
  if (isAblation(found)) return found.experiment as Experiment<never>;
  if (isExperiment(found)) return found;
  throw new TrainbookError({
    what: `run: ${file} exports no experiment`,
    received: found === undefined ? 'no default export' : `a default export of type ${typeof found}`,
    expected: "export default experiment('name', schema, defaults).stage(…)",
  });
}

/** What a TypeScript file exports as its default; packages are those of the file's own project. */
export async function loadDefault(file: string, command: string): Promise<unknown> {
  const path = resolve(file);
  if (!existsSync(path)) {
    const fix = 'npx trainbook new my-model --data my.txt writes one';
    throw new TrainbookError({
      what: `${command}: no such file`,
      received: path,
      expected: 'an experiment, such as experiments/quickstart.ts',
      fix,
    });
  }
  if (path.endsWith('.ts') && !isModuleProject(projectRoot(dirname(path)))) {
    throw new TrainbookError({
      what: `${command}: Node takes this file for CommonJS, which cannot import trainbook`,
      received: `${path} in a project whose package.json has no "type": "module"`,
      expected: 'an ES module',
      fix: `rename it: mv ${file} ${file.replace(/\.ts$/, '.mts')}`,
    });
  }
  // the paths of the clone's tsconfig.json lead `trainbook` to src/, for the type check: here it would be a second copy
  register(isClone() ? { tsconfig: false } : {});
  const loaded = (await import(pathToFileURL(path).href)) as { default?: unknown };
  return loaded.default;
}

/** The processes that `trainbook launch` started with this one; undefined where it was started alone. */
async function launchedGroup(): Promise<Group | undefined> {
  if (membershipOf() === undefined) return undefined;
  const { joinGroup } = await import('../engine/collectives/join-group.js');
  return joinGroup();
}

/** Runs an experiment file to its report, or says what would run; the exit code is 1 where the user interrupted. */
export async function runFile(file: string, options: RunFileOptions): Promise<number> {
  const project = projectRoot();
  checkOneTfjs(project);
  const experiment = await loadExperiment(file);
  const [{ engineInfo, engineName }, { planRun, runExperiment }, { followRun }, { writeReport }] = await Promise.all([
    import('../engine/backend.js'),
    import('../experiment/run.js'),
    import('../experiment/follow.js'),
    import('../report/write-report.js'),
  ]);
  const { device, json = false, dryRun = false, sinks = [], runsFolder = join(project, 'runs'), ...choices } = options;
  await chooseDevice(device);
  const engine = engineInfo();
  const signal = interruptSignal();
  const group = await launchedGroup();
  if (group !== undefined && group.index > 0) {
    if (!dryRun) await followRun(experiment, { ...choices, runsFolder, signal, numericClass: engineName() }, group);
    await group.leave();
    return 0;
  }
  const write = (text: string): boolean => process.stdout.write(text);
  const { isTTY, columns } = process.stdout as { isTTY?: boolean; columns?: number };
  if (!json) write(`engine: ${engine.reason}\n`);
  const where = { file: resolve(file), runsFolder, root: project, numericClass: engineName() };
  if (dryRun) {
    const stages = await planRun(experiment, { ...choices, ...where });
    write(json ? `${JSON.stringify(planValue(experiment.name, stages))}\n` : dryRunText(stages));
    await group?.leave();
    return 0;
  }
  const show = json ? undefined : terminalEvents({ write, isTerminal: isTTY === true, columns: columns ?? 80 });
  const along = await alongOf(sinks, json ? () => undefined : (line) => write(`${line}\n`));
  let place = '';
  const onEvent = (event: RunEvent): void => {
    show?.(event);
    if (event.type !== 'run-start') return;
    place = `${experiment.name}/${event.runId}`;
    along?.start(event.folder);
  };
  try {
    const run = await runExperiment(experiment, {
      ...choices,
      ...where,
      engine: JSON.parse(JSON.stringify(engine)) as Json,
      signal,
      ...(group && { group }),
      onEvent,
    });
    await group?.leave();
    const report = await writeReport(run.folder);
    const { runId, folder, state } = run;
    const sent = (await along?.end()) ?? [];
    if (json) {
      const told = sinks.length === 0 ? {} : { sinks: sent };
      write(`${JSON.stringify({ experiment: experiment.name, runId, folder, state, report, ...told })}\n`);
    } else {
      for (const end of sent) write(`${endLine(end, place)}\n`);
      write(`report: ${report}\n`);
    }
    return state === 'done' ? 0 : 1;
  } finally {
    await along?.end(); // a run that failed is sent, too
  }
}

/** What sends runs while they go on; undefined where nothing is to be sent. Wrong addresses are said before anything begins. */
export async function alongOf(targets: readonly SinkTarget[], say: (line: string) => void): Promise<Along | undefined> {
  if (targets.length === 0) return undefined;
  const { sendAlong } = await import('../experiment/sinks/along.js');
  return sendAlong(targets, say);
}
