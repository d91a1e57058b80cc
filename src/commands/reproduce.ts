import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { defineCommand } from 'citty';
import { TrainbookError } from '../error.js';
import { checkOut, findPlace, insidePath, outside } from '../experiment/reproduce/checkout.js';
import type { Place } from '../experiment/reproduce/checkout.js';
import { compareOutcomes } from '../experiment/reproduce/compare.js';
import type { Comparison } from '../experiment/reproduce/compare.js';
import { computedWith } from '../experiment/reproduce/compare-records.js';
import { environmentDiffers, isSameComputing } from '../experiment/reproduce/differences.js';
import type { Difference } from '../experiment/reproduce/differences.js';
import { readRecordedRun } from '../experiment/reproduce/recorded-run.js';
import type { RecordedRun } from '../experiment/reproduce/recorded-run.js';
import { git } from '../experiment/provenance/git.js';
import { checkName } from '../experiment/name.js';
import { readEmbeddedRecord } from '../report/embedded-record.js';
import { isClone, projectRoot } from '../setup/project.js';
import { checkoutText, comparisonText, differencesText, planText, shownLines, visible } from './reproduce-text.js';
import { present, runAgain, runCommand } from './run-again.js';
import { numberOption, UsageError } from './usage.js';

export const reproduce = defineCommand({
  meta: { name: 'reproduce', description: 'Run a recorded run again, from its own code, and compare what comes out' },
  args: {
    run: { type: 'positional', required: true, description: "A run's folder, or its report.html" },
    yes: { type: 'boolean', description: 'Run the code that is shown without asking' },
    tolerance: {
      type: 'string',
      valueHint: 'share',
      description: 'The relative difference that numbers may have on another engine or machine (0.02)',
    },
    keep: { type: 'boolean', description: 'Keep the checkout and the run in it' },
    json: { type: 'boolean', description: 'Print the verdict as one JSON value; what the run prints goes to stderr' },
  },
  async run({ args }) {
    const json = args.json === true;
    const tolerance = numberOption('tolerance', args.tolerance) ?? 0.02;
    if (tolerance < 0) throw new UsageError(`--tolerance needs a number of at least 0, not '${tolerance}'`);
    const say = (text: string): void => void process[json ? 'stderr' : 'stdout'].write(text);

    const { recorded, projects } = await readRecord(args.run);
    const place = await findPlace(recorded, projects, (project) => isClone(project));
    const command = runCommand(recorded);
    say(planText(recorded, place, command, await commitSubject(place)));
    say(differencesText(environmentDiffers(computedWith(recorded), await present(place.project))));
    if (args.yes !== true && !(await agreed(recorded, json, say))) return 1;

    const done = await again(recorded, place, { command, json, keep: args.keep === true, tolerance, say });
    say(comparisonText(done.comparison, tolerance));
    if (done.kept !== undefined) say(`kept: ${done.kept}\n`);
    if (json) process.stdout.write(`${JSON.stringify(outcome(recorded, place, done, tolerance))}\n`);
    return done.comparison.verdict === 'differs' ? 1 : 0;
  },
});

interface Loaded {
  readonly recorded: RecordedRun;
  /** Where its code may be: the project that the user is in, and that of the run's folder. */
  readonly projects: readonly string[];
}

async function readRecord(path: string): Promise<Loaded> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw new TrainbookError({
      what: 'reproduce: there is no such run or page',
      received: path,
      expected: "a run's folder, such as runs/quickstart/2026-11-21-143502-3f9c, or its report.html",
    });
  }
  const here = projectRoot();
  const recorded = found.isDirectory() ? await readRecordedRun(resolve(path)) : await readEmbeddedRecord(path);
  checkName('reproduce: the experiment of this record', recorded.spec.experiment);
  const { file } = recorded.spec;
  if (file === undefined) {
    throw new TrainbookError({
      what: 'reproduce: the record does not say in which file the experiment is',
      received: `run ${recorded.spec.runId} of ${recorded.spec.experiment}`,
      expected: 'a run of trainbook run',
      fix: 'where a notebook defined it, run the notebook: npx trainbook notebooks run',
    });
  }
  if (!insidePath(file)) throw outside(file);
  if (recorded.stages.length === 0) {
    throw new TrainbookError({
      what: 'reproduce: no stage of this run was finished, so there is nothing to compare with',
      received: recorded.state,
      expected: 'a run that made something',
    });
  }
  return { recorded, projects: [...new Set([here, projectRoot(resolve(path, '..'))])] };
}

/** `“Smaller batches” (Ada, 2026-11-28)` */
async function commitSubject(place: Place): Promise<string | undefined> {
  if (place.kind !== 'checkout') return undefined;
  const args = ['log', '-1', '--format=“%s” (%an, %as)', place.git.commit];
  return (await git(place.repository, args)).trim();
}

/** Shows the changes, and asks. */
async function agreed(recorded: RecordedRun, json: boolean, say: (text: string) => void): Promise<boolean> {
  if (json || !process.stdin.isTTY || !process.stdout.isTTY) {
    throw new UsageError('reproduce runs code of the record: without a terminal that could ask, give --yes');
  }
  if (recorded.patch !== null) {
    const lines = visible(recorded.patch).trimEnd().split('\n');
    say(`\n${lines.slice(0, shownLines).join('\n')}\n`);
    if (lines.length > shownLines) {
      const path = join(await mkdtemp(join(tmpdir(), 'trainbook-patch-')), 'changes.patch');
      await writeFile(path, recorded.patch);
      say(`… ${lines.length - shownLines} more lines: ${path}\n`);
    }
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/iu.test((await terminal.question('\nRun this code? [y/N] ')).trim());
  } finally {
    terminal.close();
  }
}

interface Again {
  readonly fresh: RecordedRun;
  readonly comparison: Comparison;
  readonly differences: readonly Difference[];
  /** The folder of the new run, if it was kept. */
  readonly kept: string | undefined;
}

interface AgainOptions {
  readonly command: readonly string[];
  readonly json: boolean;
  readonly keep: boolean;
  readonly tolerance: number;
  readonly say: (text: string) => void;
}

/** Runs it, with an empty store, and compares. What differs is kept for a look. */
async function again(
  recorded: RecordedRun,
  place: Place,
  { command, json, keep, tolerance, say }: AgainOptions,
): Promise<Again> {
  const checkout =
    place.kind === 'checkout' ? await checkOut(recorded, place, await packagesServe(recorded, place)) : undefined;
  const runs =
    checkout === undefined ? await mkdtemp(join(tmpdir(), 'trainbook-reproduce-')) : join(checkout.project, 'runs');
  const remove = checkout === undefined ? () => rm(runs, { recursive: true, force: true }) : () => checkout.remove();
  let kept = keep;
  try {
    if (checkout !== undefined) say(checkoutText(checkout));
    const project = checkout?.project ?? place.project;
    await runAgain(project, checkout === undefined ? [...command, '--runs', runs] : command, json);
    const parent = join(runs, recorded.spec.experiment);
    const [id = ''] = await readdir(parent);
    const fresh = await readRecordedRun(join(parent, id));
    const differences = environmentDiffers(computedWith(recorded), computedWith(fresh));
    const comparison = compareOutcomes(recorded, fresh, { tolerance, sameComputing: isSameComputing(differences) });
    kept ||= comparison.verdict === 'differs';
    say(codeText(recorded, fresh));
    return { fresh, comparison, differences, kept: kept ? join(parent, id) : undefined };
  } finally {
    if (!kept) await remove();
  }
}

/**
 * A clone of trainbook installs its packages itself, where they are not those of its lock file: never into folders that are linked from
 * here. So these serve only if they are known to be those of the run.
 */
async function packagesServe(recorded: RecordedRun, place: Place & { kind: 'checkout' }): Promise<boolean> {
  if (!isClone(place.project)) return true;
  const lock = recorded.environment['lockFile'];
  const installed = await readFile(join(place.project, 'node_modules', '.trainbook-packages'), 'utf8').catch(() => '');
  return typeof lock === 'object' && lock !== null && Reflect.get(lock, 'hash') === installed;
}

/** Whether what was run is what the record was made of, by the hashes of files. */
function codeText(recorded: RecordedRun, fresh: RecordedRun): string {
  if (recorded.spec.code === fresh.spec.code) return 'the code is the same, by its hash\n';
  const then = recorded.code?.files ?? {};
  const now = fresh.code?.files ?? {};
  const changed = [...new Set([...Object.keys(then), ...Object.keys(now)])].filter((path) => then[path] !== now[path]);
  const build = recorded.code?.build === fresh.code?.build ? [] : ['trainbook or a package that it computes with'];
  const what = [...changed, ...build].map(visible).join(', ');
  return `the code is not the same: ${what === '' ? 'packages differ' : what}\n`;
}

function outcome(recorded: RecordedRun, place: Place, done: Again, tolerance: number): object {
  const { comparison, fresh, differences, kept } = done;
  return {
    experiment: recorded.spec.experiment,
    run: recorded.spec.runId,
    place: place.kind,
    verdict: comparison.verdict,
    first: comparison.first ?? null,
    sameCode: recorded.spec.code === fresh.spec.code,
    sameComputing: isSameComputing(differences),
    tolerance,
    largest: comparison.largest ?? null,
    stages: comparison.stages,
    differences,
    kept: kept ?? null,
  };
}
