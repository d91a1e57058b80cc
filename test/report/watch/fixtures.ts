import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { thisProcess, tryLock } from '../../../src/experiment/lock.js';
import type { MetricsRow } from '../../../src/experiment/metrics.js';
import { lines, makeRun } from '../../experiment/run-index/fixtures.js';

/** What a name in a record must not do to the page it stands in. */
export const hostile = '<img src=x onerror="window.broken = true">"\'&';

/** Noise in [−1, 1) that is the same in every run. */
export const noise = (step: number): number => {
  const value = Math.sin(step * 12.9898) * 43_758.5453;
  return 2 * (value - Math.floor(value)) - 1;
};

/** Rows of a fine-tuning, one each 400 ms until now, with evaluations, and a loss that leaps at `spike`. */
export function trainingRows(count: number, now: number, { spike = 0, level = 0 } = {}): MetricsRow[] {
  return Array.from({ length: count }, (_, index) => {
    const step = index + 1;
    const loss = 2.1 + level + 4 * Math.exp(-step / 60) + 0.15 * noise(step) + (step === spike ? 5 : 0);
    const accuracy: Record<string, number> =
      step % 50 === 0 ? { accuracy: 0.9 - level / 2 - 0.55 * Math.exp(-step / 90) } : {};
    const values = { loss, tokensPerSecond: 5100 + 160 * noise(step), ...accuracy };
    return { attempt: 1, stage: 'sft', step, time: now - (count - step) * 400, values };
  });
}

const latencyRows = (count: number, now: number): MetricsRow[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ attempt: 1, stage: 'serve', step: index + 1, time: now - (count - index) * 100 },
    values: { latencySeconds: 0.03 + 0.004 * noise(index) + (index % 13 === 0 ? 0.05 : 0) },
  }));

/** A folder of runs as it is in the middle of a day: one that runs, one before it, an ablation. */
export async function writeBusyFolder(runs: string, now: number): Promise<{ readonly live: string }> {
  const at = (minutes: number): string => new Date(now - minutes * 60_000).toISOString();
  const facts = { corpus: { documents: 480 } };
  await makeRun(runs, {
    experiment: '情感',
    id: '2026-11-28-091500-77aa',
    rows: trainingRows(600, now),
    createdAt: at(1500),
    facts,
  });
  const live = await makeRun(runs, {
    ...{
      experiment: '情感',
      id: '2026-11-29-153502-3f9c',
      state: 'running',
      createdAt: at(5),
      owner: thisProcess,
      facts,
      seed: 2,
      stages: ['corpus', 'sft', 'serve'],
    },
    rows: [...latencyRows(300, now), ...trainingRows(400, now, { spike: 350, level: 0.02 })],
  });
  await makeRun(runs, {
    ...{ experiment: 'pretrain', id: '2026-11-29-152000-a41c', state: 'failed', createdAt: at(6), seconds: 300 },
    rows: [
      ...trainingRows(300, now, { level: 0.6 }).map((row) => ({ ...row, stage: hostile })),
      { attempt: 1, stage: hostile, step: 301, time: now, values: { loss: Number.NaN } },
    ],
  });
  const status = { state: 'failed', startedAt: at(6), endedAt: at(1), error: `stage base: ${hostile}` };
  await writeFile(join(runs, 'pretrain', '2026-11-29-152000-a41c', 'status.json'), JSON.stringify(status));
  const ablation = join(runs, 'ablations', 'norms', '2026-11-29-153002-a41c');
  await mkdir(join(ablation, 'cells'), { recursive: true });
  const arms = ['norm=rms', 'norm=layer', 'norm=none'].map((name) => ({ name, settings: {} }));
  const design = { better: 'lower', design: { kind: 'grid' }, halving: null, axes: [], base: {}, baseline: 'norm=rms' };
  const about = { format: 1, name: 'norms', id: '2026-11-29-153002-a41c', experiment: '情感', createdAt: at(3) };
  const spec = { ...about, code: '', numericClass: '', measure: 'bits per byte', ...design, seeds: [1, 2], arms };
  await writeFile(join(ablation, 'ablation.json'), JSON.stringify(spec));
  const cells = {
    '0-1': ['norm=rms', 1, 'done'],
    '0-2': ['norm=rms', 2, 'done'],
    '1-1': ['norm=layer', 1, 'running'],
    '2-1': ['norm=none', 1, 'failed'],
  };
  for (const [place, [arm, seed, state]] of Object.entries(cells)) {
    await writeFile(join(ablation, 'cells', `${place}.json`), JSON.stringify({ arm, seed, state }));
  }
  await tryLock(join(ablation, 'locks', '1-1')); // this process runs it
  return { live };
}

export const grow = (folder: string, rows: readonly MetricsRow[]): Promise<void> =>
  appendFile(join(folder, 'metrics.jsonl'), lines(rows));
