import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMemberships } from '../../../src/experiment/ablations/membership.js';
import { sendRun } from '../../../src/experiment/sinks/send-run.js';
import type { SendOptions } from '../../../src/experiment/sinks/send-run.js';
import { crc32c, maskedCrc32c } from '../../../src/experiment/sinks/tensorboard/crc32c.js';
import { scalar, sessionStart } from '../../../src/experiment/sinks/tensorboard/events.js';
import { sessionEndInfo, sessionStartInfo } from '../../../src/experiment/sinks/tensorboard/hparams.js';
import { readFields } from '../../../src/experiment/sinks/tensorboard/protobuf.js';
import { readRecords, record } from '../../../src/experiment/sinks/tensorboard/records.js';
import { tensorboardSink } from '../../../src/experiment/sinks/tensorboard/sink.js';
import { filesBelow, parseEvent, readEvents, readScalars } from './event-reader.js';
import { makeAblation, makeRun, rowsOf, writeRows } from './run-maker.js';

const fixtures = join(import.meta.dirname, 'fixtures');

describe('the format', () => {
  it('has the CRC-32C of RFC 3720, B.4', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
    expect(maskedCrc32c(new Uint8Array(32))).toBe(
      Number(((0x8a9136aan >> 15n) | ((0x8a9136aan << 17n) & 0xffffffffn)) + 0xa282ead8n) % 2 ** 32,
    );
  });

  it("is that of TensorBoard's own writer, byte for byte", async () => {
    const file = await readFile(join(fixtures, 'events.tfevents'));
    const { records, bytes } = readRecords(file);
    expect(bytes).toBe(file.length);
    const [head, ...events] = records;
    expect(head === undefined ? undefined : parseEvent(head).version).toBe('brain.Event:2');
    const ours = [
      sessionStart(1795271702.5, 0),
      scalar(1795271703.5, 1, 'base/损失', 4),
      scalar(1795271704.5, 2, 'base/损失', 2.5),
      scalar(1795271704.5, 2 ** 40, 'base/损失', -1e-3),
      scalar(1795271705.5, 3, 'base/损失', Number.NaN),
      sessionStart(1795271709, 3),
    ];
    expect(events.map((event) => event.toString('hex'))).toEqual(ours.map((event) => event.toString('hex')));
    const framed = Buffer.concat(ours.map(record));
    expect(file.subarray(file.length - framed.length)).toEqual(framed);
  });

  it('has the messages of the plugin hparams, field for field', async () => {
    const theirs = JSON.parse(await readFile(join(fixtures, 'events.json'), 'utf8')) as Record<'start' | 'end', string>;
    const start = sessionStartInfo({ values: new Map([['rate', 0.5]]), group: 'norms/norm=rms', start: 1795271702.5 });
    expect(start.toString('hex')).toBe(theirs.start);
    expect(sessionEndInfo('done', 1795271720.25).toString('hex')).toBe(theirs.end);
  });

  it('is read back, and a torn end is left out', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 5 }), bytes, fc.nat(), (whole, last, cut) => {
        const head = Buffer.concat(whole.map(record));
        const torn = record(last).subarray(0, cut % (last.length + 16));
        const { records, bytes: length } = readRecords(Buffer.concat([head, torn]));
        expect(length).toBe(head.length);
        expect(records.map((each) => [...each])).toEqual(whole.map((each) => [...each]));
      }),
      { numRuns: 50 },
    );
  });

  it('has integers of 64 bits', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (step) => {
        const [, field] = readFields(sessionStart(0, step));
        if (step !== 0) expect(field).toEqual({ field: 2, integer: BigInt(step) });
      }),
    );
  });
});

describe('tensorboardSink', () => {
  let runsFolder = '';
  beforeEach(async () => {
    runsFolder = join(await mkdtemp(join(tmpdir(), 'trainbook-tensorboard-')), 'runs');
  });
  afterEach(() => rm(join(runsFolder, '..'), { recursive: true, force: true }));

  const send = (folder: string, more: Partial<SendOptions> = {}, logs = runsFolder): Promise<unknown> =>
    sendRun(folder, tensorboardSink(logs), { signal: new AbortController().signal, ...more });
  const losses = (from: number, to: number): [number, number][] =>
    rowsOf(from, to).map(({ step, values }) => [step, Math.fround(values['loss'] ?? 0)]);

  it("writes the scalars of each stage into the run's folder, with texts and hyperparameters at the end", async () => {
    const folder = await makeRun(runsFolder, { rows: [...rowsOf(1, 3), ...rowsOf(1, 2, 1, 'tune')] });
    await send(folder);
    const events = join(folder, 'tensorboard');
    expect(await readScalars(join(events, 'base'), 'loss')).toEqual(losses(1, 3));
    expect(await readScalars(join(events, 'tune'), 'loss')).toEqual(losses(1, 2));
    const own = await readEvents(events);
    expect(own.find(({ plugin }) => plugin === 'text')).toMatchObject({
      tag: 'base/To be',
      text: '    To be,\n    or *not* to be',
    });
    expect(own.flatMap(({ tag, plugin }) => (plugin === 'hparams' ? [tag] : []))).toEqual([
      '_hparams_/session_start_info',
      '_hparams_/session_end_info',
    ]);
    expect(own.find(({ tag }) => tag?.includes('start'))?.content?.toString('latin1')).toContain('train.steps');
  });

  it('puts the runs of a folder of logs side by side', async () => {
    const folder = await makeRun(runsFolder, { rows: rowsOf(1, 3) });
    const logs = join(runsFolder, '..', 'logs');
    await send(folder, {}, logs);
    expect(await readScalars(join(logs, 'letters', '2026-11-21-143502-3f9c', 'base'), 'loss')).toEqual(losses(1, 3));
    expect(await readdir(folder)).not.toContain('tensorboard');
  });

  it('only ever appends, and a second time adds nothing', async () => {
    const folder = await makeRun(runsFolder, { rows: rowsOf(1, 3), state: 'running' });
    await send(folder, { isLive: true });
    const [file = '', ...others] = await filesBelow(join(folder, 'tensorboard', 'base'));
    expect(others).toEqual([]);
    const path = join(folder, 'tensorboard', 'base', file);
    const before = await readFile(path);
    writeRows(folder, rowsOf(4, 6));
    await send(folder, { isLive: true });
    const after = await readFile(path);
    expect(after.subarray(0, before.length)).toEqual(before);
    expect(await readScalars(join(folder, 'tensorboard', 'base'), 'loss')).toEqual(losses(1, 6));
    await send(folder, { isLive: true });
    expect(await readFile(path)).toEqual(after);
  });

  it('shows of a step that was done twice the last attempt, whatever was written before', async () => {
    const folder = await makeRun(runsFolder, { rows: rowsOf(1, 6) });
    await send(folder);
    writeRows(folder, rowsOf(4, 8, 2));
    await send(folder);
    const events = join(folder, 'tensorboard', 'base');
    expect(await readScalars(events, 'loss')).toEqual(losses(1, 8));
    expect((await readScalars(events, 'tokensPerSecond')).map(([, value]) => value)).toEqual([
      1001, 1002, 1003, 2004, 2005, 2006, 2007, 2008,
    ]);
  });

  it.each([0, 1, 17, 100, 'all'] as const)(
    'goes on after a kill when %s bytes of the next events were written',
    async (written) => {
      const folder = await makeRun(runsFolder, { rows: rowsOf(1, 3), state: 'running' });
      await send(folder, { isLive: true });
      const sinks = join(folder, 'sinks');
      const [cursorName = ''] = (await readdir(sinks)).filter((name) => name.endsWith('.json'));
      const cursor = await readFile(join(sinks, cursorName), 'utf8');
      const [file = ''] = await filesBelow(join(folder, 'tensorboard', 'base'));
      const path = join(folder, 'tensorboard', 'base', file);
      const before = await readFile(path);
      writeRows(folder, rowsOf(4, 6));
      await send(folder, { isLive: true });
      const whole = await readFile(path);
      // As if the process had been killed: the cursor of before, that had begun, and a part of what came next.
      const { offset } = JSON.parse(cursor) as { offset: number };
      const size = (await readFile(join(folder, 'metrics.jsonl'))).length;
      expect(size).toBeGreaterThan(offset);
      await writeFile(
        join(sinks, cursorName),
        JSON.stringify({ ...JSON.parse(cursor), pending: { to: size, done: 0 } }),
      );
      await writeFile(path, written === 'all' ? whole : whole.subarray(0, before.length + written));
      writeRows(folder, rowsOf(7, 9));
      await send(folder, { isLive: true });
      expect(await readScalars(join(folder, 'tensorboard', 'base'), 'loss')).toEqual(losses(1, 9));
      expect((await readFile(path)).subarray(0, whole.length)).toEqual(whole);
    },
  );

  it.each(['the folder of events', 'the cursor'])('writes all again where %s is gone', async (what) => {
    const folder = await makeRun(runsFolder, { rows: rowsOf(1, 3) });
    await send(folder);
    await rm(join(folder, what === 'the cursor' ? 'sinks' : 'tensorboard'), { recursive: true });
    await send(folder);
    expect(await readScalars(join(folder, 'tensorboard', 'base'), 'loss')).toEqual(losses(1, 3));
    const tags = (await readEvents(join(folder, 'tensorboard'))).flatMap(({ tag }) => tag ?? []);
    expect(tags).toEqual(['_hparams_/session_start_info', 'base/To be', '_hparams_/session_end_info']);
  });

  it('does not touch a file that another program changed', async () => {
    const folder = await makeRun(runsFolder, { rows: rowsOf(1, 3) });
    await send(folder);
    const [file = ''] = await filesBelow(join(folder, 'tensorboard', 'base'));
    await writeFile(join(folder, 'tensorboard', 'base', file), 'appended', { flag: 'a' });
    writeRows(folder, rowsOf(4, 5));
    await expect(send(folder)).rejects.toThrow(/changed by another program/u);
  });

  it('groups the seeds of an arm of an ablation, with its settings alone', async () => {
    const folder = await makeRun(runsFolder, { rows: rowsOf(1, 3), state: 'running' });
    const path = 'letters/2026-11-21-143502-3f9c';
    await send(folder, { isLive: true });
    expect(await filesBelow(join(folder, 'tensorboard'))).toHaveLength(2); // scalars and texts: the arm is not known
    await makeAblation(runsFolder, path);
    await send(folder, { isLive: true, membership: (await readMemberships(runsFolder)).get(path) });
    const start = (await readEvents(join(folder, 'tensorboard'))).find(({ tag }) => tag?.includes('start'));
    const content = start?.content?.toString('latin1') ?? '';
    expect(content).toContain('model.norm');
    expect(content).toContain('norms/2026-11-29-153002-a41c/norm=layer');
    expect(content).not.toContain('train.steps');
  });
});
