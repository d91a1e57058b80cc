import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { main } from '../../src/cli.js';
import { planOfConfig } from '../../src/commands/plan-input.js';
import { decoder } from '../../src/model/decoder.js';
import type { Forecast } from '../../src/train/forecast/forecast.js';
import { catchPrinted } from './printed.js';

const printed = catchPrinted();

const model = ['--layers=12', '--width=768', '--context=1024', '--vocabulary=50257'];
const hardware = ['--flops=312e12', '--utilization=0.4', '--bandwidth=25e9', '--latency=20e-6'];

test('on stated hardware, as JSON: the same as the functions give', async () => {
  expect(await main(['plan', ...model, ...hardware, '--batch=32', '--tokens=1e9', '--json'])).toBe(0);
  const found = JSON.parse(printed.stdout) as Forecast;
  const architecture = decoder({ layers: 12, width: 768, heads: 12, context: 1024, vocabularySize: 50257 });
  expect(found.numParameters).toBe(architecture.numParameters);
  expect(found.flops.total).toBeCloseTo(3 * architecture.flopsPerToken * 1e9, -6);
  expect(found.rows.map(({ workers }) => workers)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]);
  expect(found.rows[0]?.stepSeconds).toBeCloseTo(found.flops.step / (0.4 * 312e12), 9);
  expect(found.figure.data).toHaveLength(2);
});

test('as text: parts of the memory, rows, cost, and each assumption with its value', async () => {
  const prices = ['--price=2', '--spot-discount=0.6', '--interruptions=0.5', '--restart=120'];
  expect(await main(['plan', ...model, ...hardware, ...prices, '--batch=32', '--memory=12e9'])).toBe(0);
  expect(printed.stdout).toMatch(/memory of a process at its fullest, the loss:\n {2}activations +\d/);
  expect(printed.stdout).toMatch(/fits with microBatch 32 → \d+; a step takes 1\.\d+ times as long/);
  expect(printed.stdout).toMatch(/\n +1,024 .*%/);
  expect(printed.stdout).toMatch(/spot: checkpoint after/);
  expect(printed.stdout).toMatch(/312e12 × 0\.4 utilization/);
  expect(printed.stdout).toMatch(/bytes a second between workers +25,000,000,000/);
  expect(printed.stdout).toMatch(/seconds until the training goes on +120/);
  expect(printed.stdout).toMatch(/20 a weight, Hoffmann 2022/);
});

test('a memory that is too small is an error of its own', async () => {
  expect(await main(['plan', ...model, ...hardware, '--batch=32', '--memory=1e9'])).toBe(1);
  expect(printed.stderr).toMatch(/does not fit into this memory[\s\S]*at least [\d,]+ MB/);
});

test('the README’s example prints what stands there', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, command = '', shown = ''] =
    /```sh\n(npx trainbook plan --layers[^`]*)```\n\n```text\n([^`]*)```/.exec(readme) ?? [];
  const words = command.replaceAll('\\\n', ' ').trim().split(/\s+/);
  expect(await main(words.slice(2))).toBe(0);
  const told = printed.stdout.split('\n');
  const lines = shown.trimEnd().split('\n');
  expect(lines.length).toBeGreaterThan(30);
  for (const line of lines.filter((text) => !text.endsWith('…'))) expect(told).toContain(line);
});

test('a mesh of devices: memory, bytes and time of each', async () => {
  const mesh = [
    '--kind=H100',
    '--mesh=data=2,tensor=4,zero=1',
    '--pipeline=2',
    '--micro-batches=8',
    '--network=InfiniBand 200',
  ];
  expect(await main(['plan', ...model, ...mesh, '--batch=64', '--tokens=1e9'])).toBe(0);
  expect(printed.stdout).toMatch(/weights on 16 × H100 \(NVIDIA H100 SXM data sheet/u);
  for (const line of [
    / {2}optimizer +\d/u,
    / {2}together +[\d.]+ GiB, of 74\.5 GiB/u,
    / {2}sent along tensor +\d/u,
    / {2}waiting for other stages +[\d.]+ ms/u,
  ])
    expect(printed.stdout).toMatch(line);
});

test('the README’s table of usual models is what is printed', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, shown = 'nothing'] =
    /```sh\nnpx trainbook plan --kind H100[^`]*```\n\n```text\n([^`]*)```/.exec(readme) ?? [];
  expect(await main(['plan', '--kind', 'H100'])).toBe(0);
  expect(printed.stdout).toBe(shown);
});

test('without a model: models of usual sizes, also as JSON', async () => {
  expect(await main(['plan', '--kind=TPU v5p'])).toBe(0);
  expect(printed.stdout).toMatch(/^TPU v5p: Google Cloud/u);
  expect(printed.stdout).toMatch(/\ndecoder, 100B +data=8,tensor=8,pipeline=8 +512/u);
  expect(await main(['plan', '--kind=H200', '--json'])).toBe(0);
  expect(JSON.parse(printed.stdout.slice(printed.stdout.indexOf('[{')))).toHaveLength(5);
});

describe('wrong usage', () => {
  test.each([
    ['no such device', ['--kind=H3000'], /--kind is one of A100, H100, .*, not 'H3000'/],
    ['no such network', ['--kind=H100', '--network=string'], /--network is one of InfiniBand 400, .*, not 'string'/],
    ['no model', ['--batch=8'], /give an experiment, or --layers --width --context --vocabulary/],
    ['no batch', model, /give --batch/],
    ['no number', [...model, '--batch=8', '--flops=fast'], /--flops needs a number, not 'fast'/],
    ['--set without an experiment', [...model, '--set', 'train.steps=1'], /--set needs an experiment/],
  ])('%s', async (_name, args, message) => {
    expect(await main(['plan', ...args])).toBe(2);
    expect(printed.stderr).toMatch(message);
  });
});

describe('the config of an experiment', () => {
  const config = {
    tokenizer: { vocabularySize: 1024 },
    model: { layers: 3, width: 192, heads: 3, context: 128 },
    train: { steps: 360, batchSize: 16, learningRate: 3e-3, microBatch: 4 },
  };

  test('has its model and its training wherever they stand', () => {
    const found = planOfConfig('quickstart', { nested: config });
    expect(found).toMatchObject({ model: config.model, vocabularySize: 1024 });
    expect(found.train).toMatchObject({ steps: 360, batchSize: 16, microBatch: 4, recompute: false });
  });

  test('a plan in epochs is one too', () => {
    expect(planOfConfig('a', { ...config, train: { epochs: 2, batchSize: 8 } }).train.batchSize).toBe(8);
  });

  test('without a model, or with two, it is refused', () => {
    expect(() => planOfConfig('a', { train: config.train })).toThrow(/has no model/);
    expect(() => planOfConfig('a', { ...config, teacher: config.model })).toThrow(
      /more than one model[\s\S]*model, teacher/,
    );
  });
});
