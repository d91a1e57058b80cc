import { createInterface } from 'node:readline/promises';
import { defineCommand } from 'citty';
import { findRun } from '../experiment/run-index/find-run.js';
import { dependentsOf, removeRun } from '../experiment/run-index/remove-runs.js';
import type { Dependents } from '../experiment/run-index/remove-runs.js';
import { runNames } from '../experiment/run-index/run-entry.js';
import { TrainbookError } from '../error.js';
import { formatBytes } from '../report/format.js';
import { runsFolder, runsOption } from './runs-folder.js';
import { terminalWidth, textTable } from './text-table.js';
import { everyWord, repeated } from './usage.js';

const args = {
  ids: {
    type: 'positional',
    required: true,
    valueHint: repeated,
    description: 'Runs: their ids, or a beginning or end of an id that no other run has',
  },
  yes: { type: 'boolean', description: 'Remove without asking' },
  ...runsOption,
  json: { type: 'boolean', description: 'Print what was removed as one JSON value; needs --yes' },
} as const;

export const remove = defineCommand({
  meta: { name: 'remove', description: 'Remove runs, after showing what depends on them; artifacts stay in the store' },
  args,
  async run({ args: { yes, json, ...given }, rawArgs }) {
    const folder = runsFolder(given);
    const all = await runNames(folder);
    const names = [...new Set(everyWord(args, rawArgs).map((word) => findRun(all, word, folder)))];
    const dependents = await dependentsOf(folder, names);
    if (json !== true) process.stdout.write(dependentsText(dependents));
    if (yes !== true && !(await agrees(`remove ${names.length === 1 ? 'this run' : `these ${names.length} runs`}?`))) {
      process.stdout.write('nothing was removed\n');
      return 1;
    }
    const removed: string[] = [];
    let refusal: TrainbookError | undefined;
    for (const name of names) {
      try {
        await removeRun(folder, name);
        removed.push(name);
      } catch (error) {
        if (!(error instanceof TrainbookError)) throw error;
        refusal ??= error; // the others go all the same
      }
    }
    const bytes = dependents.runs.filter(({ name }) => removed.includes(name)).reduce((sum, run) => sum + run.bytes, 0);
    if (json === true) process.stdout.write(`${JSON.stringify({ removed, bytes, ...dependents })}\n`);
    else if (removed.length > 0) process.stdout.write(removedText(removed, bytes, dependents));
    if (refusal !== undefined) throw refusal;
    return 0;
  },
});

/** Asks on the terminal; where there is none, nobody can agree. */
async function agrees(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new TrainbookError({
      what: 'runs remove: nobody can be asked here',
      received: 'standard input that is no terminal',
      fix: '--yes removes without asking',
    });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/iu.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}

function dependentsText({ runs, artifacts, cells }: Dependents): string {
  const width = terminalWidth();
  const lines = textTable(
    { columns: ['run', 'size'], rows: runs.map(({ name, bytes }) => [name, formatBytes(bytes)]) },
    width,
  );
  if (artifacts.length > 0) {
    const rows = artifacts.map(({ stage, artifact, bytes }) => [stage, artifact, formatBytes(bytes)]);
    lines.push(
      '',
      'artifacts that no other run needs',
      ...textTable({ columns: ['stage', 'artifact', 'size'], rows }, width),
    );
  }
  if (cells.length > 0) {
    const rows = cells.map(({ ablation, ablationId, arm, seed, run = '' }) => [
      `${ablation}/${ablationId}`,
      arm,
      String(seed),
      run,
    ]);
    lines.push('', 'cells of ablations that keep their value but lose its run');
    lines.push(...textTable({ columns: ['ablation', 'arm', 'seed', 'run'], rows }, width));
  }
  return `${lines.join('\n')}\n`;
}

function removedText(removed: readonly string[], bytes: number, { artifacts }: Dependents): string {
  const count = removed.length === 1 ? '1 run' : `${removed.length} runs`;
  const stored = artifacts.reduce((sum, artifact) => sum + artifact.bytes, 0);
  const more = stored === 0 ? '' : `; npx trainbook store gc frees up to ${formatBytes(stored)} more`;
  return `removed ${count}, ${formatBytes(bytes)}${more}\n`;
}
