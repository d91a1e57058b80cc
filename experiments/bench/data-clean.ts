import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'trainbook';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { ratios, summarise } from './blocks.js';
import { start, startModule, withChildren } from './child.js';
import type { Child } from './child.js';

const recipeOf = (quick: boolean) => ({ megabytes: quick ? 1 : 48, chineseShare: 0.2, rounds: quick ? 1 : 2 });
const processes = 2;

interface Answer {
  readonly seconds: number;
  readonly kept: number;
}

/** Cleaning, ours beside datatrove's, in two processes each: the same filters on the same documents, from JSON Lines to JSON Lines. */
export const dataClean: Benchmark = {
  name: 'data-clean',
  title: 'cleaning documents: Gopher, C4, FineWeb, personal data, beside datatrove',
  workload: (quick) => ({
    ...recipeOf(quick),
    processes,
    ours: 'normalise, Gopher repetition, Gopher quality, C4, FineWeb, personal data (all kinds masked)',
    datatrove:
      'GopherRepetition, GopherQuality, C4Quality, FineWebQuality, PIIFormatter (e-mail and IP), words by spaCy and jieba',
    text: 'passages of Brown, Shakespeare and Chinese classics, put together anew; a fifth of the bytes is Chinese',
    leftOut: 'language: datatrove’s filter downloads its model',
  }),
  run: async ({ quick, peer, folder, say }) => {
    const { megabytes, chineseShare, rounds } = recipeOf(quick);
    await writeShards(join(folder, 'en'), ['brown', 'shakespeare'], 1e6 * megabytes * (1 - chineseShare));
    await writeShards(join(folder, 'zh'), ['zh_classics'], 1e6 * megabytes * chineseShare);
    const script = fileURLToPath(new URL('data_clean_peer.py', import.meta.url));
    const worker = new URL('data-clean-worker.ts', import.meta.url).href;
    const ours = Array.from({ length: processes }, () => startModule(worker));
    const theirs = peer === undefined ? undefined : start(peer.python, [script]);
    return withChildren([...ours, ...(theirs === undefined ? [] : [theirs])], async () => {
      const speeds: { readonly ours: number[]; readonly datatrove: number[] } = { ours: [], datatrove: [] };
      const kept = { ours: 0, datatrove: 0 };
      for (let round = 0; round < rounds; round++) {
        say(`round ${round + 1} of ${rounds}`);
        const answer = await inParallel(ours, folder);
        speeds.ours.push(megabytes / answer.seconds);
        kept.ours = answer.kept;
        if (theirs === undefined) continue;
        const { seconds, kept: peerKept } = await theirs.ask<Answer>('clean', { folder, processes });
        speeds.datatrove.push(megabytes / seconds);
        kept.datatrove = peerKept;
      }
      const measurements: Measurement[] = [
        summarise('ours', speeds.ours, { unit: 'MB/s' }),
        { figure: 'documents kept: ours', value: kept.ours },
      ];
      if (theirs === undefined)
        return { measurements, notes: ['no peer: --peer-python names a Python that has datatrove'] };
      measurements.push(
        summarise('datatrove', speeds.datatrove, { unit: 'MB/s' }),
        { figure: 'documents kept: datatrove', value: kept.datatrove },
        summarise('ours : datatrove', ratios(speeds.ours, speeds.datatrove), { goal: { atLeast: 2 } }),
      );
      return { measurements };
    });
  },
};

/** Each process cleans its shard of both languages; the slower one is the time. */
async function inParallel(children: readonly Child[], folder: string): Promise<Answer> {
  const answers = await Promise.all(children.map((child, shard) => child.ask<Answer>('clean', { folder, shard })));
  return {
    seconds: Math.max(...answers.map(({ seconds }) => seconds)),
    kept: answers.reduce((sum, { kept }) => sum + kept, 0),
  };
}

/** Two shards of documents: passages of real texts, put together in another order each time, some with an address. */
async function writeShards(folder: string, sources: readonly string[], bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const corpora = await Promise.all(sources.map((name) => load(name)));
  const parts = corpora.flatMap(({ documents }) =>
    documents.flatMap(({ text }) => text.match(/(?:[^\n]*\n?){1,12}/gu)?.filter((part) => part.trim() !== '') ?? []),
  );
  let state = 1;
  // Numerical Recipes' linear congruential generator: the same documents each time.
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let shard = 0; shard < processes; shard++) {
    const lines: string[] = [];
    for (let written = 0, number = 0; written < bytes / processes; number++) {
      const pieces = Array.from({ length: 1 + random(6) }, () => parts[random(parts.length)] ?? '');
      if (number % 10 === 0) pieces.push(`Write to reader${number}@example.org from 203.0.113.${number % 256}.\n`);
      const text = pieces.join(number % 3 === 0 ? '\n' : '');
      written += Buffer.byteLength(text);
      lines.push(JSON.stringify({ id: `${shard}-${number}`, text }));
    }
    await writeFile(join(folder, `${shard}.jsonl`), `${lines.join('\n')}\n`);
  }
}
