import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { alternate, median, ratios, summarise } from '../../experiments/bench/blocks.js';
import { start } from '../../experiments/bench/child.js';
import { report, type Result } from '../../experiments/bench/gpt-report.js';
import { formatReport } from '../../src/commands/bench.js';
import { packageRoot } from '../../src/setup/project.js';

const run = promisify(execFile);
const cli = join(packageRoot, 'bin', 'trainbook.mjs');

const measurementSchema = z.strictObject({
  figure: z.string().min(1),
  value: z.union([z.number(), z.string().min(1)]),
  unit: z.string().optional(),
  spread: z.tuple([z.number(), z.number()]).optional(),
  goal: z.union([z.strictObject({ atMost: z.number() }), z.strictObject({ atLeast: z.number() })]).optional(),
});
const outputSchema = z.strictObject({
  machine: z.looseObject({
    cpu: z.string().min(1),
    cores: z.int().positive(),
    features: z.array(z.string()),
    memoryGigabytes: z.number().positive(),
    node: z.literal(process.versions.node),
    tensorflow: z.string().min(1),
    pytorch: z.string().min(1),
  }),
  benchmarks: z.array(
    z.strictObject({
      name: z.string(),
      title: z.string(),
      workload: z.record(z.string(), z.json()),
      load: z.tuple([z.number(), z.number()]),
      seconds: z.number().positive(),
      measurements: z.array(measurementSchema),
      notes: z.array(z.string()),
      skipped: z.string().optional(),
    }),
  ),
});

describe('npx trainbook bench', () => {
  it('measures every workload in its small size and prints one JSON value', { timeout: 1_200_000 }, async () => {
    const environment = { ...process.env, TRAINBOOK_DATA: join(packageRoot, 'no such folder') };
    const { stdout } = await run(process.execPath, [cli, 'bench', '--quick', '--json', '--peer-python', 'none'], {
      env: environment,
      cwd: packageRoot,
    });
    const { machine, benchmarks } = outputSchema.parse(JSON.parse(stdout));
    expect(machine.pytorch).toBe('none');
    const byName = new Map(benchmarks.map((benchmark) => [benchmark.name, benchmark]));
    expect([...byName.keys()]).toEqual([
      'gpt-step',
      'transformers-step',
      't5-step',
      'decoder-step',
      'experts-step',
      'vision-step',
      'retnet-step',
      'train-loop',
      'sft-step',
      'lora-step',
      'plan-table',
      'data-parallel',
      'remat',
      'training-memory',
      'attention',
      'retention',
      'grpo-against-ppo',
      'data-read',
      'data-clean',
      'data-deduplicate',
      'data-perplexity',
      'data-scale',
      'data-memory',
      'data-order',
      'data-kills',
      'augmentation',
      'tokenizers',
      'decode',
      'rollout',
      'distillation',
      'op-overhead',
      'device-step',
      'accelerator',
      'flatness',
      'dropped',
      'kernel',
      'kills',
      'ablation-kills',
      'runs',
      'report',
      'mlflow',
      'quickstart',
      'fashion-swin',
      'char-shakespeare',
      'char-shakespeare-long',
    ]);
    const value = (name: string, figure: string): number | string | undefined =>
      byName.get(name)?.measurements.find((measurement) => measurement.figure === figure)?.value;
    expect(value('grpo-against-ppo', 'rollouts are the same')).toBe('yes');
    // Both targets begin with the same losses, recomputation changes none, and no training keeps tensors.
    expect(value('gpt-step', 'float32: first losses differ by at most')).toBeLessThan(1e-4);
    expect(value('remat', 'first losses differ by at most')).toBeLessThan(1e-4);
    expect(value('flatness', 'xla: tensors more at the end')).toBe(0);
    expect(value('flatness', 'graph: tensors more at the end')).toBe(0);
    expect(value('quickstart', 'runs with other weights')).toBe(0);
    expect(value('kills', 'checkpoints that differ')).toBe(0);
    expect(value('kills', 'runs that end with other weights')).toBe(0);
    expect(value('report', 'size of the page')).toBeLessThan(2);
    expect(value('op-overhead', 'one operation')).toBeGreaterThan(0);
    expect(value('transformers-step', 'BERT base: ours')).toBeGreaterThan(0);
    expect(value('t5-step', 'T5 small: ours')).toBeGreaterThan(0);
    expect(value('t5-step', 'T5 v1.1 small: ours')).toBeGreaterThan(0);
    expect(value('attention', '32 tokens: gradients differ by at most')).toBeLessThan(1e-4);
    expect(value('retention', 'a token after 32')).toBeGreaterThan(0);
    expect(value('tokenizers', 'encode, unigram: ours')).toBeGreaterThan(0);
    expect(value('decode', 'ours')).toBeGreaterThan(0);
    expect(value('decode', 'after 64 tokens, with cache')).toBeGreaterThan(0);
    expect(value('rollout', 'depth 4, 64 prompts: ours')).toBeGreaterThan(0);
    expect(value('data-deduplicate', 'licences, 0.8, f1: ours')).toBeGreaterThan(0.98);
    expect(byName.get('gpt-step')?.notes).toContain('no PyTorch: --peer-python names a Python that has it');
    expect(byName.get('char-shakespeare')?.skipped).toMatch('TRAINBOOK_DATA');
  });

  it('refuses a name that no benchmark has', { timeout: 60_000 }, async () => {
    const failed = run(process.execPath, [cli, 'bench', 'gpt-stop'], { cwd: packageRoot });
    await expect(failed).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('gpt-step') as string });
  });
});

describe('formatReport', () => {
  it('says whether goals are met', () => {
    const text = formatReport({
      name: 'speed',
      title: 'how fast',
      workload: {},
      load: [0.5, 1.25],
      seconds: 12.3,
      measurements: [
        { figure: 'ours : theirs', value: 1.0512, spread: [1.0123, 1.0987], goal: { atLeast: 1.05 } },
        { figure: 'memory', value: 2345.6, unit: 'MB', goal: { atMost: 2000 } },
        { figure: 'bfloat16', value: 'not measured' },
      ],
      notes: ['a note'],
    });
    expect(text.split('\n')).toEqual([
      'speed: how fast',
      '               median        spread         goal',
      'ours : theirs  1.051         1.012 … 1.099  at least 1.05: met',
      'memory         2,346 MB                     at most 2,000: NOT met',
      'bfloat16       not measured',
      'a note',
      '(12 s, load of the machine 0.5 before and 1.25 after)',
    ]);
  });
});

describe('blocks', () => {
  it('take the median of an odd and an even number', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(summarise('x', [3, 1, 2], { unit: 's' })).toEqual({ figure: 'x', value: 2, spread: [1, 3], unit: 's' });
  });

  it('alternate contestants, and compare those of one round', async () => {
    const order: string[] = [];
    const contestant = (name: string, results: number[]) => () => {
      order.push(name);
      return Promise.resolve(results.shift() ?? NaN);
    };
    const [ours = [], theirs = []] = await alternate([contestant('a', [6, 9]), contestant('b', [2, 4])], 2);
    expect(order).toEqual(['a', 'b', 'a', 'b']);
    expect(ratios(ours, theirs)).toEqual([3, 2.25]);
  });
});

describe('the comparison with PyTorch', () => {
  const contestant = (name: string, target: string, losses: number[], speed: number, memory: number): Result => ({
    name,
    target,
    ours: name === 'ours',
    started: { losses, peakOfSteps: memory, peakWithCompilation: memory, secondsToFirstLoss: 1 },
    tokensPerSecond: [speed, speed, speed],
  });

  it('is with the faster and with the leaner one', () => {
    const { measurements, notes } = report('float32', [
      contestant('ours', 'xla', [4.2, 4.1], 300, 900),
      contestant('eager', 'eager', [4.2, 4.1005], 100, 1000),
      contestant('compile', 'compile', [4.2, 4.1], 200, 1200),
    ]);
    expect(measurements).toContainEqual({
      figure: 'float32: ours : compile',
      value: 1.5,
      spread: [1.5, 1.5],
      goal: { atLeast: 1.05 },
    });
    expect(measurements.at(-1)).toMatchObject({ value: 0.9, goal: { atMost: 1.15 } });
    expect(notes).toEqual([]);
  });

  it.each([
    ['another loss', 4.102],
    ['a loss that is no number', NaN],
  ])('gives no ratio for %s', (_, loss) => {
    const { measurements, notes } = report('float32', [
      contestant('ours', 'xla', [4.2, 4.1], 300, 900),
      contestant('eager', 'eager', [4.2, loss], 100, 1000),
    ]);
    expect(measurements.filter(({ goal }) => goal !== undefined)).toEqual([]);
    expect(notes.join()).toMatch(/no ratio.*4\.2 4\.1/s);
  });
});

describe('a child', () => {
  const program = (text: string) => start(process.execPath, ['--input-type=module', '--eval', text]);

  it('answers questions between other lines', async () => {
    const child = program(`
      console.log('a library says hello');
      for await (const line of (await import('node:readline')).createInterface({ input: process.stdin })) {
        const { ask, input } = JSON.parse(line);
        console.log(JSON.stringify(ask === 'double' ? { answer: 2 * input } : { error: 'no ' + ask }));
      }`);
    expect(await child.ask('double', 21)).toBe(42);
    await expect(child.ask('halve', 21)).rejects.toThrow('no halve');
    await child.close();
  });

  it('that ends in the middle of a question says how', async () => {
    const child = program(`process.stdin.once('data', () => { console.error('out of cake'); process.exit(3); });`);
    await expect(child.ask('cake', null)).rejects.toThrow(/code 3[\s\S]*out of cake/);
    await expect(child.ask('cake', null)).rejects.toThrow('is not running');
    await child.close();
  });
});
