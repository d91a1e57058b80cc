import { resolve } from 'node:path';
import { defineCommand } from 'citty';
import type { ShardedCorpus } from '../data/scale/sharded-corpus.js';
import type { Share, WriteOptions } from '../data/scale/write-options.js';
import type { OnProgress } from '../progress.js';
import { countsText } from './data-counts.js';
import { interruptSignal } from './interrupt-signal.js';
import { integerOption, UsageError } from './usage.js';

const place = {
  file: {
    type: 'positional',
    required: true,
    description: "A file with: export default load('corpus/*.jsonl.gz').through(normalise())",
  },
  out: { type: 'string', required: true, valueHint: 'folder', description: 'Where the shards go, with their ledger' },
} as const;

const form = {
  shards: { type: 'string', valueHint: 'number', description: 'Files of the result (one for about 16 MiB of input)' },
  dropped: { type: 'boolean', default: true, description: 'Write the text of dropped documents, too' },
  gzip: { type: 'boolean', default: true, description: 'Pack the shards' },
  json: { type: 'boolean', description: 'Print the card of the result as one JSON value' },
} as const;

export const run = defineCommand({
  meta: {
    name: 'run',
    description: 'Run a pipeline over shards; killed and started again, it continues and ends with the same bytes',
  },
  args: {
    ...place,
    workers: { type: 'string', valueHint: 'number', description: 'Threads (one for each core)' },
    shard: {
      type: 'string',
      valueHint: 'i/n',
      description: 'Do the i-th of n shares (0/4 … 3/4), and wait for the others',
    },
    stage: { type: 'string', valueHint: 'name', description: 'Do this stage alone, such as read or judge-0' },
    again: { type: 'boolean', description: 'Begin anew where the folder holds the work of another pipeline' },
    ...form,
  },
  run: ({ args: { file, out, json, workers, shards, shard, stage, again, dropped, gzip } }) =>
    runFile(file, out, json === true, {
      ...asOption('workers', integerOption('workers', workers)),
      ...asOption('shards', integerOption('shards', shards)),
      ...asOption('share', shard === undefined ? undefined : parseShare(shard)),
      ...asOption('stage', stage),
      again: again === true,
      dropped,
      gzip,
    }),
});

export const merge = defineCommand({
  meta: { name: 'merge', description: 'The last stage after all shares: sum the counts, write the card' },
  args: { ...place, ...form },
  run: ({ args: { file, out, json, shards, dropped, gzip } }) =>
    runFile(file, out, json === true, {
      ...asOption('shards', integerOption('shards', shards)),
      stage: 'finish',
      dropped,
      gzip,
    }),
});

async function runFile(file: string, out: string, json: boolean, options: WriteOptions): Promise<number> {
  const [{ importPipeline }, { runShards }] = await Promise.all([
    import('../data/scale/steps.js'),
    import('../data/scale/write.js'),
  ]);
  const path = resolve(file);
  const parts = await importPipeline(path);
  const progress = json ? undefined : progressLines();
  const corpus = await runShards(parts, out, {
    ...options,
    file: path,
    signal: interruptSignal(),
    ...(progress === undefined ? {} : { progress }),
  });
  if (corpus === undefined) {
    process.stdout.write(json ? `${JSON.stringify({ folder: out, done: false })}\n` : `${partText(options)}\n`);
    return 0;
  }
  process.stdout.write(json ? `${JSON.stringify(cardValue(corpus))}\n` : resultText(corpus));
  return 0;
}

function cardValue({ folder, card }: ShardedCorpus): object {
  return { folder, done: true, ...card };
}

function resultText({ folder, card, ledger }: ShardedCorpus): string {
  const files = card.files.filter(({ file }) => file.startsWith('part-')).length;
  const size = `${card.rows.toLocaleString('en-US')} documents, ${(card.bytes / 1e6).toFixed(1)} MB of text`;
  return `${countsText(ledger)}\n${size} in ${files} shards: ${folder} (${card.hash})\n`;
}

function partText({ stage, share }: WriteOptions): string {
  const whose = share === undefined ? '' : `, share ${share.index}/${share.of}`;
  const next = 'when all are done, trainbook data merge writes the counts and the card';
  return `done: ${stage === undefined ? 'all stages' : `stage ${stage}`}${whose}; ${next}`;
}

function parseShare(text: string): Share {
  const [, index, of] = /^(\d+)\/(\d+)$/u.exec(text) ?? [];
  if (index === undefined || of === undefined || Number(index) >= Number(of)) {
    throw new UsageError(`--shard needs i/n with i from 0 to n − 1, such as 0/4, not '${text}'`);
  }
  return { index: Number(index), of: Number(of) };
}

/** An option where it was given. */
function asOption<Name extends string, Value>(name: Name, value: Value | undefined): Partial<Record<Name, Value>> {
  return value === undefined ? {} : ({ [name]: value } as Partial<Record<Name, Value>>);
}

/** Milliseconds between two lines where they cannot be written over. */
const PACE = 10_000;

/** A line that moves in a terminal, a line now and then in a file; a line at the end of each stage in both. */
function progressLines(): OnProgress {
  const { isTTY, columns } = process.stderr as { isTTY?: boolean; columns?: number };
  let shownAt = 0;
  let ended = '';
  return ({ task, done, total, note }) => {
    const text = `${task}: ${done} of ${total}${note === undefined ? '' : `, ${note}`}`;
    const isEnd = done === total;
    if (isEnd && ended === task) return;
    if (isEnd) ended = task;
    else if (isTTY !== true && Date.now() - shownAt < PACE) return;
    shownAt = Date.now();
    if (isTTY !== true) process.stderr.write(`${text}\n`);
    else process.stderr.write(`\r\x1b[K${text.slice(0, (columns ?? 80) - 1)}${isEnd ? '\n' : ''}`);
  };
}
