import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli.js';
import { packageRoot } from '../../src/setup/project.js';

const source = (file: string): string => pathToFileURL(join(packageRoot, 'src', file)).href;

/** Letters of a text are counted; `count` comes from a helper. */
const experimentText = (base: string): string => `
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { experiment } from '${source('experiment/experiment.ts')}';
import { count } from './count.js';

export default experiment('letters', z.strictObject({ text: z.string(), steps: z.int() }), { text: 'text.txt', steps: 3 })
  .stage('corpus', ({ config }) => readFileSync(new URL(config.text, import.meta.url), 'utf8'))
  .stage('base', ({ config, corpus, metrics }) => {
    for (let step = 1; step <= config.steps; step++) metrics(step, { loss: count(corpus) / step, tokensPerSecond: Date.now() });
    return { letters: ${base} };
  })
  .stage('score', ({ base }) => base.letters * 2);
`;

let project = '';
const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: project }).toString();
const put = (path: string, text: string): Promise<void> => writeFile(join(project, path), text);

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'trainbook-reproduce-test-'));
  git('init', '-q', '-b', 'trunk');
  await symlink(join(packageRoot, 'node_modules'), join(project, 'node_modules'));
  await put('package.json', '{"type":"module"}');
  await put('.gitignore', 'runs\nnode_modules\ntext.txt\n');
  await put('text.txt', 'to be or not to be');
  await put(
    'count.ts',
    "const password = 'hunter22';\nexport const count = (text: string): number => text.length + password.length;\n",
  );
  await put('letters.ts', experimentText('count(corpus)'));
  git('add', '.');
  git('commit', '-q', '-m', 'Letters are counted');
});
afterEach(() => rm(project, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `trainbook …` in the project, from the sources. */
function trainbook(...args: string[]): Promise<Ended> {
  const cli = join(packageRoot, 'test/commands/fixtures/cli.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', cli, ...args], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  }
  return new Promise((done) => {
    child.once('close', (code) => {
      done({ code, ...output });
    });
  });
}

async function run(...args: string[]): Promise<{ folder: string; report: string }> {
  const { code, stdout, stderr } = await trainbook('run', 'letters.ts', '--json', ...args);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as { folder: string; report: string };
}

describe('trainbook reproduce', { timeout: 600_000 }, () => {
  it('runs in the same tree with an empty store, bit for bit; without a terminal it wants --yes', async () => {
    const { folder } = await run('--set', 'steps=2', '--seed', '5');
    const asked = await trainbook('reproduce', folder);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain('without a terminal that could ask, give --yes');
    expect(asked.stdout).toMatch(/^where: {4}here: the \d files of its code and the 1 that it read are the same/mu);
    expect(asked.stdout).toContain(`npx trainbook run ./letters.ts --seed 5 --set 'text="text.txt"' --set steps=2`);

    const { code, stdout } = await trainbook('reproduce', folder, '--yes', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      experiment: 'letters',
      place: 'here',
      verdict: 'reproduced bit for bit',
      first: null,
      sameCode: true,
      sameComputing: true,
      stages: [
        { stage: 'corpus', equal: true },
        { stage: 'base', equal: true, values: [{ name: 'loss', recorded: 13, now: 13 }, { name: 'letters' }] },
        { stage: 'score', equal: true },
      ],
      kept: null,
    });
    expect(git('worktree', 'list').trim().split('\n')).toHaveLength(1);
  });

  it('makes the dirty tree of a report again in a checkout, whatever has happened here since', async () => {
    // A changed file beside a line with a secret, and one that git does not know.
    await put('half.ts', 'export const half = (value: number): number => value / 2;\n');
    await put(
      'count.ts',
      "import { half } from './half.js';\nconst password = 'hunter22';\nexport const count = (text: string): number => half(text.length) + password.length;\n",
    );
    const { folder, report } = await run();
    const patch = await readFile(join(folder, 'changes.patch'), 'utf8');
    expect(patch).toContain("\n const password = '[removed-secret]';");
    const page = join(project, 'page.html');
    await rename(report, page);
    await rm(folder, { recursive: true });
    await rm(join(project, 'half.ts'));
    await put('count.ts', 'export const count = (): number => 0;\n');
    git('commit', '-q', '-a', '-m', 'Nothing is counted');

    const { code, stdout } = await trainbook('reproduce', page, '--yes');
    expect(stdout).toMatch(
      /^code: {5}commit [0-9a-f]{12} “Letters are counted” \(a, .*\), and these changes to it:\n {12}count\.ts {2}\+2 −1\n {12}half\.ts {2}\+1 −0$/mu,
    );
    expect(stdout).toContain('1 secrets were taken out of the record');
    expect(stdout).toContain('linked from here, the same as then: text.txt');
    expect(stdout).toContain('the code is the same, by its hash');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('reproduced bit for bit');
    expect(code).toBe(0);
    expect(git('worktree', 'list').trim().split('\n')).toHaveLength(1);
    expect(await readFile(join(project, 'count.ts'), 'utf8')).toContain('=> 0'); // this tree was left alone
  });

  it('says which stage differs first where a run cannot be reproduced, and keeps it', async () => {
    await put('letters.ts', experimentText('Date.now()'));
    const { folder } = await run();
    const { code, stdout } = await trainbook('reproduce', folder, '--yes', '--json');
    expect(code).toBe(1);
    const found = JSON.parse(stdout) as { kept: string };
    expect(found).toMatchObject({ verdict: 'differs', first: 'base', stages: [{ equal: true }, { equal: false }, {}] });
    expect(existsSync(join(found.kept, 'lineage.json'))).toBe(true);
    await rm(join(found.kept, '..', '..'), { recursive: true });
  });

  it('refuses what is no run, has no record, or has a commit that is not here', async () => {
    const { report } = await run();
    const page = await readFile(report, 'utf8');
    const commit = git('rev-parse', 'HEAD').trim();
    const path = join(project, 'page.html');
    const refusal = async (content: string): Promise<string> => {
      await writeFile(path, content);
      let text = '';
      vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => ((text += String(chunk)), true));
      expect(await main(['reproduce', path, '--yes'])).toBe(1);
      vi.restoreAllMocks();
      return text;
    };
    expect(await refusal('<p>nothing</p>')).toContain('this page has no record of a run in it');
    expect(await refusal(page.replaceAll(commit, '0'.repeat(40)).replace('"count.ts":"', '"count.ts":"0'))).toContain(
      'no repository here has the commit of the run',
    );
    expect(await refusal(page.replace('"file":"letters.ts"', '"file":"../letters.ts"'))).toContain(
      'the record names a file outside of its project',
    );
    expect(await refusal(page.replace(/(id="record">\s*\{"format":)1/u, '$12'))).toMatch(
      /page\.html was written by a later version of trainbook\n {2}received: format 2/u,
    );
    expect(await refusal(page.replace('"experiment":"letters"', '"experiment":"../letters"'))).toContain(
      "cannot be a file's name",
    );
  });
});
