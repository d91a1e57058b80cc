import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { dryRunText, planValue } from '../../src/commands/dry-run-text.js';
import { packageRoot } from '../../src/setup/project.js';

const plan = [
  { stage: 'corpus', action: 'cached', reason: 'as in run quickstart/2026-11-29-153002-a41c', seconds: 0 },
  { stage: 'base', action: 'run', reason: 'config train.steps: 300, now 200', seconds: 117.2 },
] as const;

it('says of each stage what would happen and why, and about how long all takes', () => {
  expect(dryRunText(plan)).toBe(
    'corpus  from the store               as in run quickstart/2026-11-29-153002-a41c\n' +
      'base    would run, about 1 min 58 s  config train.steps: 300, now 200\n' +
      '1 of 2 stages would run; estimate: about 1 min 58 s\n' +
      'Nothing was run.\n',
  );
  expect(dryRunText(plan.slice(0, 1))).toContain('nothing would run: all is in the store');
  expect(dryRunText([{ ...plan[1], seconds: undefined }])).toContain('estimate: not known');
  expect(planValue('quickstart', [{ ...plan[1], seconds: undefined }])).toEqual({
    experiment: 'quickstart',
    stages: [{ ...plan[1], seconds: null }],
    seconds: null,
  });
});

it('trainbook run --dry-run --json prints the plan alone, and leaves no run', { timeout: 120_000 }, async () => {
  const project = await mkdtemp(join(tmpdir(), 'trainbook-dry-run-'));
  try {
    const source = pathToFileURL(join(packageRoot, 'src/experiment/experiment.ts')).href;
    await symlink(join(packageRoot, 'node_modules'), join(project, 'node_modules'));
    await writeFile(join(project, 'package.json'), '{"type":"module"}');
    await writeFile(
      join(project, 'one.ts'),
      `import { z } from 'zod';\nimport { experiment } from '${source}';\n` +
        `export default experiment('one', z.object({ n: z.int() }), { n: 1 })` +
        `.stage('a', ({ config }) => config.n, { estimate: ({ n }) => n * 3 }).stage('b', ({ a }) => a);\n`,
    );
    const cli = join(packageRoot, 'test/commands/fixtures/cli.ts');
    const args = ['--import', 'tsx', cli, 'run', 'one.ts', '--dry-run', '--json', '--set', 'n=2', '--to', 'a'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: project });
    expect(JSON.parse(stdout)).toEqual({
      experiment: 'one',
      stages: [{ stage: 'a', action: 'run', reason: 'it never ran before', seconds: 6 }],
      seconds: 6,
    });
    expect(await readdir(join(project, 'runs'))).toEqual(['store']);
  } finally {
    await rm(project, { recursive: true, force: true });
  }
});
