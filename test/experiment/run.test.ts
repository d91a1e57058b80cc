import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { experiment } from '../../src/experiment/experiment.js';
import type { RunEvent } from '../../src/experiment/event.js';
import { readMetrics } from '../../src/experiment/metrics.js';
import { openLab } from '../../src/experiment/open.js';
import { planRun, runExperiment } from '../../src/experiment/run.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-run-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** How often each stage was really computed. */
let ran: string[] = [];
beforeEach(() => {
  ran = [];
});

const schema = z.object({
  title: z.string(),
  data: z.object({ words: z.array(z.string()), repeat: z.int().positive() }),
  train: z.object({ steps: z.int().positive(), rate: z.number(), note: z.string().optional() }),
});

const letters = experiment('字母', schema, {
  title: 'unread',
  data: { words: ['to', 'be'], repeat: 2 },
  train: { steps: 3, rate: 0.5 },
})
  .stage('语料', ({ config }) => {
    ran.push('语料');
    return config.data.words.join(' ').repeat(config.data.repeat);
  })
  .stage('count', ({ 语料 }) => {
    ran.push('count');
    return { letters: new Set(语料).size };
  })
  .stage('base', async ({ config, count, key, metrics }) => {
    ran.push('base');
    for (let step = 1; step <= config.train.steps; step++) metrics(step, { loss: count.letters / step });
    await Promise.resolve();
    return { weights: Float32Array.of(count.letters, config.train.rate, key.words[0]), settings: config.train };
  });

const numericClass = 'test float64';
const events: RunEvent[] = [];
const options = (
  more: object = {},
): {
  codecs: [];
  code: string;
  runsFolder: string;
  numericClass: string;
  onEvent: (event: RunEvent) => void;
} => ({
  code: 'test', // see code.test.ts
  codecs: [], // no tensors here: the codecs of models would load TensorFlow.js
  runsFolder: join(folder, 'runs'),
  numericClass,
  onEvent: (event) => events.push(event),
  ...more,
});

describe('runExperiment', () => {
  it('runs the stages in order and leaves the record of the run', async () => {
    const run = await runExperiment(letters, options());
    expect(run.state).toBe('done');
    expect(ran).toEqual(['语料', 'count', 'base']);
    expect(await run.artifact('语料')).toBe('to beto be');
    const base = await run.artifact('base');
    expect(base.weights).toBeInstanceOf(Float32Array);
    expect([...base.weights].slice(0, 2)).toEqual([5, 0.5]); // t, o, space, b, e
    expect(base.settings).toEqual({ steps: 3, rate: 0.5 });

    expect(run.folder).toBe(join(folder, 'runs', '字母', run.runId));
    expect(run.runId).toMatch(/^\d{4}-\d\d-\d\d-\d{6}-[0-9a-f]{4}$/u);
    const json = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(run.folder, name), 'utf8'));
    expect(await json('spec.json')).toMatchObject({
      format: 1,
      experiment: '字母',
      seed: 1,
      stages: ['语料', 'count', 'base'],
    });
    // This file is not in the project of the run: no path of a machine goes into its record.
    expect(await json('spec.json')).not.toHaveProperty('file');
    const { state, peakMemoryBytes } = (await json('status.json')) as { state: string; peakMemoryBytes: number };
    expect(state).toBe('done');
    expect(peakMemoryBytes).toBeGreaterThanOrEqual(process.memoryUsage().rss / 2); // it is a peak, in bytes
    expect(peakMemoryBytes).toBeLessThanOrEqual(process.resourceUsage().maxRSS * 1024);
    expect(await json('stages/base.json')).toMatchObject({ stage: 'base', cached: false });
    const lineage = (await json('lineage.json')) as { stages: { artifact: string; parents: string[] }[] };
    expect(lineage.stages).toHaveLength(3);
    expect(lineage.stages[1]?.parents).toEqual([lineage.stages[0]?.artifact]);
    expect((await readMetrics(run.folder)).map((row) => [row.step, row.values['loss']])).toEqual([
      [1, 5],
      [2, 2.5],
      [3, 5 / 3],
    ]);
  });

  it("notes the experiment's file as its project knows it; the file is no part of what the run is", async () => {
    const file = join(folder, '实验 1.ts');
    await writeFile(file, '');
    const first = await runExperiment(letters, options({ file, runId: 'r' }));
    const spec = JSON.parse(await readFile(join(first.folder, 'spec.json'), 'utf8')) as { file: string };
    expect(spec.file).toBe('实验 1.ts');
    expect((await runExperiment(letters, options({ runId: 'r' }))).runId).toBe('r');
  });

  it('finds everything in the store the second time, with metrics and summaries', async () => {
    const first = await runExperiment(letters, options());
    ran = [];
    const second = await runExperiment(letters, options());
    expect(ran).toEqual([]);
    expect(second.runId).not.toBe(first.runId);
    expect(await readMetrics(second.folder)).toEqual(await readMetrics(first.folder));
    const stage = async (run: { folder: string }): Promise<{ cached: boolean; summary: unknown }> =>
      JSON.parse(await readFile(join(run.folder, 'stages', 'base.json'), 'utf8')) as {
        cached: boolean;
        summary: unknown;
      };
    expect((await stage(second)).cached).toBe(true);
    expect((await stage(second)).summary).toEqual((await stage(first)).summary);
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['nothing, for a path that no stage read', { title: 'other' }, []],
    ['a path that was absent, in an object that was read whole', { 'train.note': 'x' }, ['base']],
    ['a path that one stage read', { 'train.steps': 4 }, ['base']],
    ['a path that the first stage read, whose artifact changes', { 'data.words': ['or'] }, ['语料', 'count', 'base']],
    ['a path that changes the first artifact and not the second', { 'data.repeat': 3 }, ['语料', 'count']],
  ])('runs again %s', async (_what, set, expected) => {
    await runExperiment(letters, options());
    ran = [];
    await runExperiment(letters, options({ set }));
    expect(ran).toEqual(expected);
  });

  it('runs a stage again for another seed just if it took its key', async () => {
    await runExperiment(letters, options());
    ran = [];
    await runExperiment(letters, options({ seed: 2 }));
    expect(ran).toEqual(['base']);
  });

  it('runs everything again in another numeric class, and finds the old one when it comes back', async () => {
    await runExperiment(letters, options());
    await runExperiment(letters, options({ numericClass: 'other' }));
    expect(ran).toHaveLength(6);
    await runExperiment(letters, options());
    expect(ran).toHaveLength(6);
  });

  it('stops after --to and runs again from --from', async () => {
    await runExperiment(letters, options({ to: 'count' }));
    expect(ran).toEqual(['语料', 'count']);
    await runExperiment(letters, options());
    ran = [];
    await runExperiment(letters, options({ from: 'count' }));
    expect(ran).toEqual(['count', 'base']);
    await expect(runExperiment(letters, options({ from: 'cuont' }))).rejects.toThrow(/did you mean count/u);
  });

  it('plans without running and says why', async () => {
    expect(await planRun(letters, options())).toMatchObject([
      { stage: '语料', action: 'run', reason: 'it never ran before', seconds: undefined },
      { action: 'run' },
      { action: 'run' },
    ]);
    await runExperiment(letters, options());
    const plan = await planRun(letters, options({ set: { 'train.steps': 7 } }));
    expect(plan.map(({ action }) => action)).toEqual(['cached', 'cached', 'run']);
    expect(plan[2]?.reason).toBe('config train.steps: 3, now 7');
    expect(plan[2]?.seconds).toBeGreaterThan(0);
    expect(await readdir(join(folder, 'runs', '字母'))).toHaveLength(1);
  });

  it('names the path and the nearest key of a wrong config', async () => {
    await expect(runExperiment(letters, options({ set: { 'train.step': 4 } }))).rejects.toThrow(
      'unknown config path train.step; nearest: train.steps',
    );
    await expect(runExperiment(letters, options({ set: { 'train.steps': 'many' } }))).rejects.toThrow(
      /train\.steps: .*number.*\(got "many"\)/u,
    );
    expect(ran).toEqual([]);
  });
});

describe('damage', () => {
  async function artifactFolder(stage: string): Promise<string> {
    const traces = await readFile(join(folder, 'runs', 'store', 'traces', `${stage}.jsonl`), 'utf8');
    const last = traces.trimEnd().split('\n').at(-1) ?? '';
    return join(folder, 'runs', 'store', (JSON.parse(last) as { artifact: string }).artifact);
  }

  it.each([
    [
      'a file with other bytes',
      (path: string) => writeFile(join(path, 'value.json'), '{"value":"to beto bX","arrays":0,"parts":[]}'),
    ],
    ['a file that is cut', (path: string) => writeFile(join(path, 'value.json'), '{')],
    ['a missing file', (path: string) => rm(join(path, 'value.json'))],
    ['a missing description', (path: string) => rm(join(path, 'artifact.json'))],
  ])('notices %s and builds the artifact again, with a message', async (_what, harm) => {
    await runExperiment(letters, options());
    await harm(await artifactFolder('语料'));
    ran = [];
    events.length = 0;
    const run = await runExperiment(letters, options());
    expect(ran).toEqual(['语料']); // the same bytes come out, so what follows is up to date
    expect(await run.artifact('语料')).toBe('to beto be');
    const messages = events.flatMap((event) => (event.type === 'message' ? [event.text] : []));
    expect(messages.join()).toMatch(/artifact [0-9a-f]{32} is damaged/u);
  });

  it('builds a removed artifact again', async () => {
    await runExperiment(letters, options());
    await rm(await artifactFolder('count'), { recursive: true });
    ran = [];
    await runExperiment(letters, options());
    expect(ran).toEqual(['count']);
  });

  it('passes over torn and foreign lines of traces', async () => {
    await runExperiment(letters, options());
    const path = join(folder, 'runs', 'store', 'traces', 'count.jsonl');
    const whole = await readFile(path, 'utf8');
    await writeFile(path, `{"format":2}\n${whole}${whole.slice(0, 40)}`);
    ran = [];
    await runExperiment(letters, options());
    expect(ran).toEqual([]);
    await runExperiment(letters, options({ from: 'count' })); // appended after the torn line
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    expect(JSON.parse(lines[3] ?? '')).toMatchObject({ format: 1, stage: 'count' });
  });
});

describe('files that a stage reads', () => {
  it('runs the stage again when one changes, also one that was not there', async () => {
    const text = join(folder, 'text.txt');
    await writeFile(text, 'one');
    const reading = experiment('reading', z.object({}), {})
      .stage('text', async () => {
        ran.push('text');
        const extra = await readFile(join(folder, 'extra.txt'), 'utf8').catch(() => '');
        return (await readFile(text, 'utf8')) + extra;
      })
      .stage('length', ({ text }) => {
        ran.push('length');
        return text.length;
      });
    await runExperiment(reading, options());
    await runExperiment(reading, options());
    expect(ran).toEqual(['text', 'length']);
    await writeFile(text, 'two');
    await runExperiment(reading, options());
    expect(ran).toEqual(['text', 'length', 'text', 'length']);
    await writeFile(join(folder, 'extra.txt'), '!');
    expect(await (await runExperiment(reading, options())).artifact('length')).toBe(4);
  });
});

describe('interrupt and failure', () => {
  it('ends as interrupted; the same command goes on in the same run', async () => {
    const controller = new AbortController();
    const slow = experiment('slow', z.object({}), {})
      .stage('first', () => {
        ran.push('first');
        return 1;
      })
      .stage('second', ({ first, signal, checkpoints, metrics }) => {
        ran.push('second');
        metrics(ran.length, { first });
        expect(checkpoints).toContain('checkpoints');
        if (ran.length === 2) controller.abort();
        signal.throwIfAborted();
        return first + 1;
      });
    const cut = await runExperiment(slow, options({ signal: controller.signal }));
    expect(cut.state).toBe('interrupted');
    expect(JSON.parse(await readFile(join(cut.folder, 'status.json'), 'utf8'))).toMatchObject({ state: 'interrupted' });
    const whole = await runExperiment(slow, options());
    expect(whole.folder).toBe(cut.folder);
    expect(whole.state).toBe('done');
    expect(ran).toEqual(['first', 'second', 'second']);
    expect((await readMetrics(whole.folder)).map(({ attempt, step }) => [attempt, step])).toEqual([
      [1, 2],
      [2, 3],
    ]);
  });

  it('writes what failed and throws what the stage threw', async () => {
    const failing = experiment('failing', z.object({}), {}).stage('bad', (): number => {
      throw new RangeError('no such thing');
    });
    await expect(runExperiment(failing, options())).rejects.toThrow(RangeError);
    const [id = ''] = await readdir(join(folder, 'runs', 'failing'));
    const status = await readFile(join(folder, 'runs', 'failing', id, 'status.json'), 'utf8');
    expect(JSON.parse(status)).toMatchObject({ state: 'failed', error: 'stage bad: no such thing' });
  });
});

describe('openLab', () => {
  it('runs just what the stage reads, and gives the same value again', async () => {
    const lab = await openLab(letters, options());
    expect(lab.config.train.steps).toBe(3);
    expect((await lab.stage('count')).letters).toBe(5);
    expect(ran).toEqual(['语料', 'count']);
    expect(await lab.stage('count')).toBe(await lab.stage('count'));
    expect(ran).toEqual(['语料', 'count']);
    await lab.close();
  });

  it('does not run earlier stages that a stage does not read', async () => {
    const two = experiment('two', z.object({}), {})
      .stage('left', () => {
        ran.push('left');
        return 1;
      })
      .stage('right', () => {
        ran.push('right');
        return 2;
      });
    const lab = await openLab(two, options());
    expect(await lab.stage('right')).toBe(2);
    expect(ran).toEqual(['right']);
    await lab.close();
  });
});
