import { basename } from 'node:path';
import { defineCommand } from 'citty';
import { collectGarbage } from '../experiment/garbage/collect-garbage.js';
import type { Collected } from '../experiment/garbage/collect-garbage.js';
import { formatBytes } from '../report/format.js';
import { runsFolder, runsOption } from './runs-folder.js';
import { terminalWidth, textTable } from './text-table.js';

export const gc = defineCommand({
  meta: {
    name: 'gc',
    description: 'Remove artifacts that no run needs, and what killed processes left; runs may go on meanwhile',
  },
  args: {
    'dry-run': { type: 'boolean', description: 'Only say what would be removed' },
    ...runsOption,
    json: { type: 'boolean', description: 'Print what was removed as one JSON value' },
  },
  async run({ args }) {
    const dryRun = args['dry-run'] === true;
    const collected = await collectGarbage(runsFolder(args), dryRun);
    process.stdout.write(
      args.json === true ? `${JSON.stringify({ dryRun, ...collected })}\n` : collectedText(collected, dryRun),
    );
    return 0;
  },
});

function collectedText({ removed, traces, bytes, busy }: Collected, dryRun: boolean): string {
  const artifacts = removed.filter(({ kind }) => kind === 'artifact');
  const lines: string[] = [];
  if (artifacts.length > 0) {
    const rows = artifacts.map(({ stage, path, bytes: size }) => [stage, basename(path), formatBytes(size)]);
    lines.push(...textTable({ columns: ['stage', 'artifact', 'size'], rows }, terminalWidth()), '');
  }
  const others = (['execution', 'checkpoint', 'leftover'] as const).flatMap((kind) => {
    const some = removed.filter((each) => each.kind === kind);
    const size = some.reduce((sum, each) => sum + each.bytes, 0);
    return some.length === 0 ? [] : [[words[kind](some.length), formatBytes(size)]];
  });
  const numTraces = traces.reduce((sum, { count }) => sum + count, 0);
  if (numTraces > 0) {
    const size = traces.reduce((sum, each) => sum + each.bytes, 0);
    others.push([plural(numTraces, 'trace', 'traces'), formatBytes(size)]);
  }
  if (others.length > 0) lines.push(...others.map(([what = '', size = '']) => `${what}: ${size}`), '');
  for (const stage of busy) lines.push(`traces of stage ${stage} stay as they are: it is being run`);
  lines.push(
    bytes === 0 && removed.length === 0
      ? 'nothing to remove'
      : `${formatBytes(bytes)} ${dryRun ? 'would be freed' : 'freed'}`,
  );
  return `${lines.join('\n')}\n`;
}

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

const words = {
  execution: (count: number) => plural(count, 'record of an execution', 'records of executions'),
  checkpoint: (count: number) =>
    plural(count, 'checkpoint that no run goes on from', 'checkpoints that no run goes on from'),
  leftover: (count: number) => plural(count, 'leftover of a killed process', 'leftovers of killed processes'),
} as const;
