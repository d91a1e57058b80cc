import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TrainbookError } from '../../src/error.js';
import { experiment } from '../../src/experiment/experiment.js';
import { readAllRows } from '../../src/experiment/metrics.js';
import { readStatus } from '../../src/experiment/run-record.js';
import { planRun, runExperiment } from '../../src/experiment/run.js';
import type { Codec } from '../../src/files.js';

let folder = '';
let ran: string[] = [];
beforeEach(async () => {
  ran = [];
  folder = await mkdtemp(join(tmpdir(), 'trainbook-errors-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const options = (
  more: object = {},
): { codecs: Codec<unknown>[]; code: string; runsFolder: string; numericClass: string } => ({
  code: 'test',
  codecs: [],
  runsFolder: join(folder, 'runs'),
  numericClass: 'test',
  ...more,
});
const store = (...parts: string[]): string => join(folder, 'runs', 'store', ...parts);

const two = experiment('two', z.object({ size: z.int() }), { size: 10 })
  .stage('corpus', ({ config }) => {
    ran.push('corpus');
    return new Float32Array(config.size).fill(1);
  })
  .stage('base', ({ corpus }) => {
    ran.push('base');
    return corpus.length;
  });

describe('a stage that reads what is not made before it', () => {
  type Any = (input: Record<string, unknown>) => unknown;
  const reading = (run: Any, first: Any = () => 1) =>
    experiment('reading', z.object({}), {})
      .stage('corpus', first as () => unknown)
      .stage('count', run as () => unknown)
      .stage('base', () => 2);

  it.each<[string, Any, RegExp]>([
    [
      'a later stage, taken apart',
      ({ base }) => base,
      /^stage count reads artifact base, which a later stage makes[\s\S]*to fix: put stage base before it/u,
    ],
    ['a later stage, another way', (input) => input['base'], /which a later stage makes/u],
    ['itself', ({ count }) => count, /^stage count reads itself/u],
    [
      'nothing that is there',
      ({ corpsu }) => corpsu,
      /reads corpsu, which no stage makes[\s\S]*did you mean corpus\?/u,
    ],
    ['nothing that is there, another way', (input) => input['metric'], /did you mean metrics\?/u],
  ])('is refused: %s', async (_what, run, message) => {
    const error: unknown = await runExperiment(reading(run), options()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TrainbookError);
    expect((error as TrainbookError).message).toMatch(message);
  });

  it('is refused before any stage runs, where its argument tells', async () => {
    const first: Any = () => ran.push('corpus');
    await expect(
      runExperiment(
        reading(({ base }) => base, first),
        options(),
      ),
    ).rejects.toThrow(/a later stage/u);
    await expect(
      planRun(
        reading(({ base }) => base, first),
        options(),
      ),
    ).rejects.toThrow(/a later stage/u);
    expect(ran).toEqual([]);
  });

  it('may be looked at by the language itself', async () => {
    const run: Any = async (input) => [String(Object.keys(await Promise.resolve(input)).length), 'base' in input];
    expect(await (await runExperiment(reading(run), options())).artifact('count')).toEqual(['8', false]);
  });
});

describe('a range of stages', () => {
  it('must not end before it begins', async () => {
    await expect(runExperiment(two, options({ from: 'base', to: 'corpus' }))).rejects.toThrow(
      /would stop before the stage from which it should run again\n {2}received: from base, to corpus/u,
    );
    await expect(planRun(two, options({ to: 'bsae' }))).rejects.toThrow(/\(to\)[\s\S]*did you mean base\?/u);
  });
});

describe('the store', () => {
  const artifactOf = async (stage: string): Promise<string> =>
    (JSON.parse(await readFile(store('traces', `${stage}.jsonl`), 'utf8')) as { artifact: string }).artifact;

  it('finds one flipped bit by the hash, and builds the artifact again', async () => {
    await runExperiment(two, options());
    const file = await open(store(await artifactOf('corpus'), 'array-0.bin'), 'r+');
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, 7);
    await file.write(Buffer.of((buffer[0] ?? 0) ^ 1), 0, 1, 7);
    await file.close();
    ran = [];
    const run = await runExperiment(two, options());
    expect(ran).toEqual(['corpus']);
    expect(await run.artifact('corpus')).toEqual(new Float32Array(10).fill(1));
    const log = await readFile(join(run.folder, 'log.txt'), 'utf8');
    expect(log).toMatch(/is damaged: .*array-0\.bin has other contents than were written; it is built again/u);
  });

  it('says that an artifact is gone when it is asked for', async () => {
    const run = await runExperiment(two, options());
    await rm(store(await artifactOf('base')), { recursive: true });
    await expect(run.artifact('base')).rejects.toThrow(
      /stage base is not whole any more[\s\S]*run the experiment again/u,
    );
  });

  it('does not touch what a later version wrote', async () => {
    await runExperiment(two, options());
    const path = store(await artifactOf('corpus'), 'artifact.json');
    const later = (await readFile(path, 'utf8')).replace('"format":1', '"format":2');
    await writeFile(path, later);
    const refused = /^artifact [0-9a-f]{32} was written by a later version of trainbook\n {2}received: format 2/u;
    await expect(runExperiment(two, options())).rejects.toThrow(refused);
    await rm(store('traces'), { recursive: true }); // found by its name alone, when it is made again
    await expect(runExperiment(two, options())).rejects.toThrow(refused);
    expect(await readFile(path, 'utf8')).toBe(later);
  });
});

describe('runs of a later version', () => {
  it('are passed over, or refused where one is named', async () => {
    const { folder: run, runId } = await runExperiment(two, options());
    const path = join(run, 'spec.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"format": 1', '"format": 2'));
    await appendFile(store('traces', 'corpus.jsonl'), '{"format":2}\n');
    await expect(runExperiment(two, options({ runId }))).rejects.toThrow(
      /was written by a later version of trainbook/u,
    );
    ran = [];
    expect((await runExperiment(two, options())).runId).not.toBe(runId);
    expect(ran).toEqual([]); // the traces of this version still count
  });
});

describe('a full disk', () => {
  const noSpace = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

  it('is said of the artifact that was being written; nothing of it stays', async () => {
    let full = true;
    const codec: Codec<Float32Array> = {
      kind: 'numbers',
      is: (value): value is Float32Array => value instanceof Float32Array,
      async write(_value, to) {
        await writeFile(join(to, 'half.bin'), 'half');
        if (full) throw noSpace;
      },
      read: () => Promise.resolve(new Float32Array(10).fill(1)),
      summarise: () => ({ title: 'Numbers', facts: {} }),
    };
    const codecs = [codec as unknown as Codec<unknown>];
    await expect(runExperiment(two, options({ codecs }))).rejects.toThrow(
      /^no space left on the disk: the artifact of stage corpus could not be written[\s\S]*to fix: make room/u,
    );
    expect(await readdir(store('tmp'))).toEqual([]);
    expect((await readdir(store())).filter((name) => /^[0-9a-f]{32}$/u.test(name))).toEqual([]);
    const [id = ''] = await readdir(join(folder, 'runs', 'two'));
    expect(await readStatus(join(folder, 'runs', 'two', id))).toMatchObject({ state: 'failed' });
    full = false;
    expect((await runExperiment(two, options({ codecs }))).runId).toBe(id); // the same run goes on
  });

  const mounted = (path: string): boolean => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', path], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };

  it('leaves whole what was written before, and the run goes on when there is room', async ({ skip }) => {
    const runs = join(folder, 'runs');
    await mkdir(runs);
    if (!mounted(runs)) skip('no right to mount a small file system');
    try {
      const noisy = experiment('noisy', z.object({}), {})
        .stage('corpus', () => {
          ran.push('corpus');
          return 'to be';
        })
        .stage('base', ({ metrics }) => {
          ran.push('base');
          for (let step = 1; step <= 10_000; step++) metrics(step, { loss: 1 / step });
          return 1;
        });
      await expect(runExperiment(noisy, options())).rejects.toThrow(
        /^no space left on the disk: a row of metrics\.jsonl \(stage base, step \d+\) could not be written/u,
      );
      const [id = ''] = await readdir(join(runs, 'noisy'));
      const text = await readFile(join(runs, 'noisy', id, 'metrics.jsonl'), 'utf8');
      expect(text.endsWith('}\n')).toBe(true);
      expect(await readAllRows(join(runs, 'noisy', id))).toHaveLength(text.trimEnd().split('\n').length);
      // Larger than what is left: the artifact is refused, and the store stays as it was.
      const before = (await readdir(store())).sort();
      await expect(runExperiment(two, options({ set: { size: 200_000 } }))).rejects.toThrow(
        /^no space left on the disk/u,
      );
      expect((await readdir(store())).filter((name) => /^[0-9a-f]{32}$/u.test(name))).toEqual(
        before.filter((name) => /^[0-9a-f]{32}$/u.test(name)),
      );
      execFileSync('mount', ['-o', 'remount,size=8m', runs]);
      ran = [];
      const whole = await runExperiment(noisy, options());
      expect(ran).toEqual(['base']);
      expect(whole.state).toBe('done');
    } finally {
      execFileSync('umount', [runs]);
    }
  });
});
