import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../src/cli.js';
import { settings } from '../../src/commands/run-file.js';
import { checkUsage, everyValue, integerOption, parseValue } from '../../src/commands/usage.js';
import { packageRoot } from '../../src/setup/project.js';
import { catchPrinted } from './printed.js';

const printed = catchPrinted();

/** A chapter of the clone, with a parameter `steps`. */
const chapter = join(packageRoot, 'notebooks', '01-quickstart.ipynb');

describe('exit code 2 for wrong usage, with the usage on stderr', () => {
  const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no command', [], /which command\?/],
    ['an unknown command', ['frobnicate'], /unknown command: frobnicate/],
    ['an unknown option', ['run', 'a.ts', '--frob'], /Unknown option '--frob'/],
    ['an argument too many', ['run', 'a.ts', 'b.ts'], /too many arguments: b\.ts/],
    ['a missing argument', ['run'], /Missing required positional argument: FILE/],
    ['a missing option', ['new', 'my-model'], /Missing required argument: --data/],
    ['a seed that is no integer', ['run', 'a.ts', '--seed', '1.5'], /--seed needs an integer, not '1\.5'/],
    ['a --set without value', ['run', 'a.ts', '--set', 'train.steps'], /--set needs path=value, not 'train\.steps'/],
    ['a report in an unknown form', ['report', 'runs/a', '--format', 'pdf'], /Expected one of: .*markdown/],
    ['a currency without a price', ['report', 'runs/a', '--currency', 'EUR'], /--currency needs --price/],
    ['an unknown kernel', ['notebooks', 'check', '--kernel', 'python3'], /Expected one of: .*trainbook/],
    ['no subcommand', ['notebooks'], /which of run, check, site\?/],
    ['an unknown subcommand', ['notebooks', 'chek'], /unknown command: chek; there are run, check, site/],
    [
      'a --set of a notebook without value',
      ['notebooks', 'run', chapter, '--set', 'steps'],
      /--set needs name=value, not 'steps'/,
    ],
  ];
  test.each(wrong)('%s', async (_name, args, message) => {
    expect(await main(args)).toBe(2);
    expect(printed.stderr).toMatch(message);
    expect(printed.stderr).toContain('USAGE');
    expect(printed.stdout).toBe('');
  });
});

test('a boolean option may be negated', () => {
  const args = { browser: { type: 'boolean', default: true } } as const;
  expect(() => {
    checkUsage(args, ['--no-browser']);
  }).not.toThrow();
  expect(() => {
    checkUsage(args, ['--no-window']);
  }).toThrow("Unknown option '--no-window'");
});

test('--help of the whole and of each command exits 0', async () => {
  expect(await main(['--help'])).toBe(0);
  const names = [...printed.stdout.matchAll(/^\s+(?:\x1b\[\d+m)?([a-z]+)(?:\x1b\[\d+m)?\s{2,}\S/gm)].map(
    ([, name = '']) => name,
  );
  expect(names).toEqual(expect.arrayContaining(['setup', 'doctor', 'lab', 'new', 'run', 'notebooks', 'start', 'test']));
  for (const name of names) {
    printed.stdout = '';
    expect(await main([name, '--help'])).toBe(0);
    expect(printed.stdout).toContain('USAGE');
    expect(printed.stdout).toMatch(new RegExp(`trainbook (\\x1b\\[\\d+m)?${name}`));
  }
});

test('subcommands have a help of their own', async () => {
  expect(await main(['notebooks', '--help'])).toBe(0);
  expect(printed.stdout).toMatch(/run[\s\S]*check[\s\S]*site/);
  printed.stdout = '';
  expect(await main(['notebooks', 'run', '--help'])).toBe(0);
  expect(printed.stdout).toMatch(/trainbook notebooks run/);
  expect(printed.stdout).toContain('--set');
});

test('a parameter that the notebook has not, or of another type, before anything runs', async () => {
  expect(await main(['notebooks', 'run', chapter, '--set', 'stepz=3'])).toBe(1);
  expect(printed.stderr).toMatch(/no parameter of this name\n {2}received: stepz[\s\S]*did you mean steps\?/);
  printed.stderr = '';
  expect(await main(['notebooks', 'run', chapter, '--set', 'steps=many'])).toBe(1);
  expect(printed.stderr).toMatch(/received: "many"\n {2}expected: a number/);
});

test('exit code 1 for a failure, with the error on stderr', async () => {
  expect(await main(['run', 'experiments/none.ts'])).toBe(1);
  expect(printed.stderr).toMatch(/^run: no such file\n {2}received: .*none\.ts\n {2}expected: an experiment/);
  expect(printed.stdout).toBe('');
});

test('--set may be repeated; values are JSON where they can be', () => {
  const given = [
    'run',
    '--set',
    'train.steps=200',
    '--set=model.norm=rms',
    '--set',
    'samples.prompts=["a","b=c"]',
    '--seed',
    '3',
  ];
  expect(settings(everyValue(given, 'set'))).toEqual({
    'train.steps': 200,
    'model.norm': 'rms',
    'samples.prompts': ['a', 'b=c'],
  });
  expect(parseValue('1e-3')).toBe(0.001);
  expect(parseValue('语料')).toBe('语料');
  expect(integerOption('seed', undefined)).toBeUndefined();
  expect(() => integerOption('seed', '')).toThrow('--seed needs an integer');
});
