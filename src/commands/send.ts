import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineCommand } from 'citty';
import { TrainbookError } from '../error.js';
import type { Membership } from '../experiment/ablations/membership.js';
import { shownTarget } from '../experiment/sinks/along.js';
import type { Sent } from '../experiment/sinks/send-run.js';
import type { Sink } from '../experiment/sinks/sink.js';
import type { SinkTarget } from '../experiment/sinks/targets.js';
import { projectRoot } from '../setup/project.js';
import { sinkArgs, sinkTargets } from './sink-options.js';
import { repeated, UsageError } from './usage.js';

export const send = defineCommand({
  meta: { name: 'send', description: 'Send runs to MLflow or TensorBoard: all that was not sent yet, once' },
  args: {
    runs: {
      type: 'positional',
      required: false,
      valueHint: repeated,
      description: 'Runs by folder, or by experiment/id; all if none is given',
    },
    ...sinkArgs,
    experiment: {
      type: 'string',
      valueHint: 'name',
      description: "MLflow's experiment (MLFLOW_EXPERIMENT_NAME, else the run's own)",
    },
    weights: { type: 'boolean', description: "Send the weights of each run's model to MLflow, too" },
    register: {
      type: 'string',
      valueHint: 'name',
      description: "Register the runs' model in MLflow under this name, with its weights",
    },
    stage: { type: 'string', valueHint: 'name', description: 'The stage whose model it is (the last that made one)' },
    json: { type: 'boolean', description: 'Print the result as one JSON value' },
  },
  async run({ args }) {
    const { register: name, stage } = args;
    const targets = sinkTargets(args, process.env).map((target) =>
      target.kind === 'tensorboard'
        ? target
        : {
            ...target,
            ...(args.experiment === undefined ? {} : { experiment: args.experiment }),
            ...(args.weights === true ? { weights: true } : {}),
            ...(name === undefined ? {} : { register: { name, ...(stage === undefined ? {} : { stage }) } }),
          },
    );
    if (targets.length === 0) throw new UsageError('where to? --mlflow URI, or --tensorboard folder');
    if (stage !== undefined && name === undefined) throw new UsageError('--stage goes with --register');
    const runsFolder = join(projectRoot(), 'runs');
    const folders = args._.length === 0 ? await allRuns(runsFolder) : args._.map((run) => runFolder(runsFolder, run));
    const print = (line: string): void => void process.stdout.write(args.json === true ? '' : `${line}\n`);
    const outcomes: Outcome[] = [];
    for (const target of targets) outcomes.push(...(await sendAll(folders, target, print)));
    if (args.json === true) process.stdout.write(`${JSON.stringify({ runs: outcomes })}\n`);
    return outcomes.every(({ state }) => state === 'sent') ? 0 : 1;
  },
});

interface Outcome extends Partial<Sent> {
  readonly run: string;
  readonly sink: string;
  readonly target: string;
  readonly state: 'sent' | 'failed' | 'not tried';
  readonly error?: string;
}

async function sendAll(
  folders: readonly string[],
  target: SinkTarget,
  print: (line: string) => void,
): Promise<Outcome[]> {
  const [{ sinkOf }, { readMemberships }] = await Promise.all([
    import('../experiment/sinks/targets.js'),
    import('../experiment/ablations/membership.js'),
  ]);
  const sink = sinkOf(target, process.env);
  const outcomes: Outcome[] = [];
  const memberships = new Map<string, Map<string, Membership>>();
  let isAway = false;
  for (const folder of folders) {
    const run = `${basename(dirname(folder))}/${basename(folder)}`;
    const about = { run, sink: sink.name, target: shownTarget(target) };
    if (isAway) {
      outcomes.push({ ...about, state: 'not tried' });
      continue;
    }
    try {
      const runsFolder = dirname(dirname(folder));
      const known = memberships.get(runsFolder) ?? (await readMemberships(runsFolder));
      memberships.set(runsFolder, known);
      const sent = await sendWithPatience(folder, sink, known.get(run));
      outcomes.push({ ...about, state: 'sent', ...sent });
      print([`✓ ${run}`, sent.link, sent.model, ...sent.notes].filter((part) => part !== undefined).join('  '));
    } catch (error) {
      const { Unreachable, Busy } = await import('../experiment/sinks/sink.js');
      if (!(error instanceof TrainbookError || error instanceof Unreachable)) throw error;
      isAway = error instanceof Unreachable && !(error instanceof Busy);
      outcomes.push({ ...about, state: 'failed', error: error.message });
      print(`✗ ${run}  ${sink.name}: ${error.message}`);
    }
  }
  const numLeft = outcomes.filter(({ state }) => state === 'not tried').length;
  if (numLeft > 0) print(`${numLeft} more runs were not tried: the same command sends what is left`);
  return outcomes;
}

/** A server that starts, or is busy, gets a second and a third try. */
async function sendWithPatience(folder: string, sink: Sink, membership: Membership | undefined): Promise<Sent> {
  const [{ sendRun }, { Unreachable, Busy }] = await Promise.all([
    import('../experiment/sinks/send-run.js'),
    import('../experiment/sinks/sink.js'),
  ]);
  for (let tries = 1; ; tries++) {
    try {
      return await sendRun(folder, sink, { signal: new AbortController().signal, membership });
    } catch (error) {
      if (!(error instanceof Unreachable) || error instanceof Busy || tries === 3) throw error;
      await sleep(1000 * tries);
    }
  }
}

async function allRuns(runsFolder: string): Promise<string[]> {
  const found: string[] = [];
  for (const experiment of (await readdir(runsFolder).catch((): string[] => [])).sort()) {
    const folder = join(runsFolder, experiment);
    const ids = await readdir(folder).catch((): string[] => []); // a file
    found.push(...ids.map((id) => join(folder, id)).filter((each) => existsSync(join(each, 'spec.json'))));
  }
  return found;
}

function runFolder(runsFolder: string, named: string): string {
  const places = [resolve(named), join(runsFolder, named)];
  const found = places.find((place) => existsSync(join(place, 'spec.json')));
  if (found !== undefined) return found;
  throw new TrainbookError({
    what: 'send: there is no such run',
    received: named,
    expected: 'the folder of a run, or its place below runs/, such as quickstart/2026-11-21-143502-3f9c',
    fix: 'ls runs/* shows them',
  });
}
