import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { experiment } from '../../src/experiment/experiment.js';
import { open, parameters, show } from '../../src/notebook.js';
import { pretendKernel } from './kernel-writer.js';

const counting = experiment('counting', z.strictObject({ steps: z.int() }), { steps: 4 })
  .stage('numbers', ({ config }) => Array.from({ length: config.steps }, (_, index) => index + 1))
  .stage('fit', async ({ numbers, metrics, progress, signal }) => {
    for (const step of numbers) {
      metrics(step, { loss: 1 / step, tokensPerSecond: 100 });
      progress({ task: 'fit', done: step, total: numbers.length, note: `loss ${1 / step}` });
      await sleep(60);
      if (signal.aborted) throw signal.reason;
    }
    return { nats: 1 / numbers.length };
  });

let runsFolder: string;
beforeEach(async () => {
  runsFolder = join(await mkdtemp(join(tmpdir(), 'trainbook-lab-')), 'runs');
});
afterEach(() => rm(join(runsFolder, '..'), { recursive: true, force: true }));

describe('open, in a notebook', () => {
  let kernel: ReturnType<typeof pretendKernel>;
  beforeEach(() => {
    kernel = pretendKernel();
  });
  afterEach(() => {
    kernel.stop();
  });

  it('shows a line, live charts and the summary, each in its own place', async () => {
    const lab = open(counting, { runsFolder, numericClass: 'test' });
    expect(lab.config.steps).toBe(4);
    expect(await lab.stage('fit', { live: ['loss', 'tokensPerSecond'] })).toEqual({ nats: 0.25 });
    const places = [...new Set(kernel.sent.map(({ place }) => place))];
    const shownAt = (index: number): string[] =>
      kernel.sent.filter(({ place }) => place === places[index]).map(({ data }) => Object.keys(data).join(' '));
    expect(places).toHaveLength(4);
    // Each place is first displayed, then updated; a chart's last form is interactive and has a picture beside it.
    for (const place of places) {
      expect(kernel.sent.filter((sent) => sent.place === place).map(({ update }) => update)[0]).toBe(false);
      expect(
        kernel.sent
          .filter((sent) => sent.place === place)
          .slice(1)
          .every(({ update }) => update),
      ).toBe(true);
    }
    expect(kernel.sent.findLast(({ place }) => place === places[0])?.data['text/plain']).toMatch(
      /^fit: done in \d+\.\d+ s$/,
    );
    expect(shownAt(1)[0]).toBe('text/plain image/svg+xml');
    expect(shownAt(1).at(-1)).toBe('text/plain image/svg+xml application/vnd.plotly.v1+json');
    expect(kernel.sent.findLast(({ place }) => place === places[1])?.data['text/plain']).toContain('1 → 0.25');
    expect(shownAt(3)).toEqual(['text/plain text/html']);
    await lab.close();
  });

  it('sends the run along, and says at once where it cannot go', { timeout: 60_000 }, async () => {
    const folder = join(runsFolder, '..', 'events');
    const lab = open(counting, { runsFolder, numericClass: 'test', send: [{ kind: 'tensorboard', folder }] });
    await lab.stage('fit');
    await lab.close();
    expect((await readdir(folder, { recursive: true })).some((path) => path.includes('tfevents'))).toBe(true);
    const wrong = open(counting, { runsFolder, numericClass: 'test', send: [{ kind: 'mlflow', uri: 'nowhere' }] });
    await expect(wrong.stage('numbers')).rejects.toThrow('nowhere');
  });

  it('says when a stage was found in the store', async () => {
    const first = open(counting, { runsFolder, numericClass: 'test' });
    await first.stage('numbers');
    await first.close();
    kernel.sent.length = 0;
    const second = open(counting, { runsFolder, numericClass: 'test' });
    await second.stage('numbers');
    expect(kernel.sent.map(({ data }) => data['text/plain']).join('\n')).toContain('numbers: found in the store');
    await second.close();
  });

  it('stops at an interrupt after the step, says so, and goes on when asked again', async () => {
    const lab = open(counting, { runsFolder, numericClass: 'test' });
    const listeners = process.listenerCount('SIGINT');
    const stage = lab.stage('fit');
    const ended = expect(stage).rejects.toThrow('interrupted by the user');
    await vi.waitUntil(() => kernel.sent.some(({ data }) => data['text/plain'].startsWith('fit 1 of 4')), {
      timeout: 20_000,
    });
    process.emit('SIGINT');
    await ended;
    const line = kernel.sent
      .filter(({ data }) => data['text/plain'].startsWith('fit: '))
      .map(({ data }) => data['text/plain']);
    expect(line[0]).toBe('fit: interrupted; finishing the step and saving …');
    expect(line.at(-1)).toMatch(/^fit: interrupted at fit \d of 4, loss .*; run the cell again to go on from there$/);
    expect(process.listenerCount('SIGINT')).toBe(listeners);
    expect(await lab.stage('fit')).toEqual({ nats: 0.25 });
    await lab.close();
  });

  it('says why a stage ran again, and which values are older than that', async () => {
    const first = open(counting, { runsFolder, numericClass: 'test' });
    const numbers = await first.stage('numbers');
    await first.close();
    const notes = async (value: unknown): Promise<string[]> => {
      kernel.sent.length = 0;
      await show(value);
      return kernel.sent.map(({ data }) => data['text/plain']).filter((text) => text.startsWith('stale'));
    };
    expect(await notes(numbers)).toEqual([]);
    kernel.sent.length = 0;
    const second = open(counting, { runsFolder, numericClass: 'test', set: { steps: 2 } });
    const again = await second.stage('numbers');
    expect(kernel.sent.map(({ data }) => data['text/plain']).join('\n')).toMatch(
      /^numbers: done in .* \(run again: config steps: 4, now 2\)$/m,
    );
    expect(await notes(numbers)).toEqual([
      'stale: stage numbers of counting has given another result since (config steps: 4, now 2). Ask the lab for it again.',
    ]);
    expect(await notes(again)).toEqual([]);
    await second.close();
  });

  it('says that the experiment was changed since the lab was opened', async () => {
    const define = (steps: number, isEdited = false) =>
      experiment('defined-twice', z.strictObject({ steps: z.int() }), { steps }).stage(
        'numbers',
        isEdited ? ({ config }) => [config.steps * 3] : ({ config }) => [config.steps * 2],
      );
    const lab = open(define(4), { runsFolder, numericClass: 'test' });
    const notes = async (): Promise<string[]> => {
      kernel.sent.length = 0;
      await lab.stage('numbers');
      return kernel.sent.map(({ data }) => data['text/plain']).filter((text) => text.startsWith('stale'));
    };
    expect(await notes()).toEqual([]);
    define(4);
    expect(await notes()).toEqual([]); // the cell was run again, unchanged
    define(5, true);
    expect(await notes()).toEqual([
      'stale: experiment defined-twice has been changed since this lab was opened (config steps: 4, now 5; stage numbers); ' +
        'the lab goes on with the earlier one. Run the cell with open(…) again.',
    ]);
    await lab.close();
  });

  it('escapes what it shows', async () => {
    await show({ title: '<b>', columns: ['<i>'], rows: [['<script>']] });
    expect(kernel.sent[0]?.data['text/html']).toMatch(/&lt;b&gt;[\s\S]*&lt;i&gt;[\s\S]*&lt;script&gt;/);
    expect(kernel.sent[0]?.data['text/html']).not.toContain('<script>');
  });

  it('writes a report of the run so far', async () => {
    const lab = open(counting, { runsFolder, numericClass: 'test', set: { steps: 3 } });
    await lab.stage('fit');
    expect(await readFile(await lab.report(), 'utf8')).toContain('<h1>counting</h1>');
    await lab.close();
  });
});

describe('open, in a plain program', () => {
  it('prints text, and only what stays', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const lab = open(counting, { runsFolder, numericClass: 'test' });
    await lab.stage('fit', { live: ['loss'] });
    await show({
      title: 'Tokens',
      columns: ['token', 'bytes'],
      rows: [
        ['the', 3],
        ['understanding', 13],
      ],
    });
    const printed = log.mock.calls.map(([text]) => String(text));
    log.mockRestore();
    expect(printed[0]).toMatch(/^fit: done in/);
    expect(printed[1]).toBe('Loss\n  1 → 0.25');
    expect(printed.at(-1)).toBe('Tokens\n  token          bytes\n  the                3\n  understanding     13');
    await lab.close();
  });
});

describe('open', () => {
  it('refuses at once a config that does not fit', () => {
    expect(() => open(counting, { set: { stepz: 3 }, runsFolder, numericClass: 'test' })).toThrow('nearest: steps');
  });

  it('knows the stages and what they make', () => {
    const lab = open(counting, { runsFolder, numericClass: 'test' });
    const typed = async (): Promise<number> => (await lab.stage('fit')).nats;
    // @ts-expect-error no such stage
    const wrong = (): unknown => lab.stage('fitt');
    expect([typeof typed, typeof wrong]).toEqual(['function', 'function']);
  });
});

describe('parameters', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it("are the chapter's own, or those from outside", () => {
    expect(parameters({ steps: 300, name: 'a' })).toEqual({ steps: 300, name: 'a' });
    vi.stubEnv('TRAINBOOK_PARAMETERS', '{"steps":20,"other":1}');
    const given: { steps: number; name: string } = parameters({ steps: 300, name: 'a' });
    expect(given).toEqual({ steps: 20, name: 'a' });
  });

  it('must be of the same type', () => {
    vi.stubEnv('TRAINBOOK_PARAMETERS', '{"steps":"20"}');
    expect(() => parameters({ steps: 300 })).toThrow(/steps[\s\S]*"20"[\s\S]*a number/);
    vi.stubEnv('TRAINBOOK_PARAMETERS', '[1]');
    expect(() => parameters({ steps: 300 })).toThrow('no JSON object');
  });
});
