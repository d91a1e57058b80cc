import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli.js';
import { packageRoot } from '../../src/setup/project.js';

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));
const script = fixture('member-script');

const started: ChildProcess[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

interface Launched {
  readonly child: ChildProcess;
  /** What it has printed up to now. */
  readonly output: () => string;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** `trainbook launch …` in a process of its own. */
function launch(words: readonly string[], env: NodeJS.ProcessEnv = {}): Launched {
  const child = spawn(process.execPath, ['--import', 'tsx', fixture('cli'), 'launch', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: packageRoot,
    env: { ...process.env, ...env },
  });
  started.push(child);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
  return { child, output: () => stdout, ended };
}

const lines = (text: string): string[] => text.trimEnd().split('\n').sort();

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 3000) throw new Error('waited in vain');
    await sleep(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a group on this machine', { timeout: 180_000 }, () => {
  it('prints each member’s lines with its index, and one JSON value', async () => {
    const { code, stdout, stderr } = await launch(['--processes', '2', '--json', script, '--', 'add', 'b c', '--d'])
      .ended;
    const threads = Math.max(1, Math.floor(availableParallelism() / 2));
    expect(lines(stderr)).toEqual([0, 1].map((i) => `[${i}] ${i} of the sum 3 ["b c","--d"] ${threads}`));
    expect(JSON.parse(stdout)).toEqual({
      state: 'done',
      restarts: 0,
      members: [0, 1].map((index) => ({ index, pid: expect.any(Number) as number, code: 0, signal: null })),
    });
    expect(code).toBe(0);
  });

  it('says which member was lost, and starts all again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'trainbook-launch-'));
    try {
      const { code, stdout, stderr } = await launch(
        ['--processes', '2', '--restarts', '1', script, '--', 'lose-one', join(folder, 'lost')],
        { TRAINBOOK_THREADS: '1' },
      ).ended;
      expect(stderr).toMatch(/^\[0\] group: member 1 \(127\.0\.0\.1, pid \d+\) was lost$/mu);
      expect(stderr).toMatch(/^launch: member 1 \(pid \d+\) was killed by SIGKILL$/mu);
      expect(stderr).toContain('launch: starting all again (restart 1 of 1)\n');
      expect(lines(stdout)).toEqual(['[0] ten rounds', '[1] ten rounds']);
      expect(code).toBe(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('ends with 1 when a member fails; the others are stopped', async () => {
    const { code, stdout, stderr } = await launch(['--processes', '2', '--json', script, '--', 'fail']).ended;
    expect(stderr).toContain('[1] Error: a bug of the script');
    expect(stderr).toMatch(/^launch: member 1 \(pid \d+\) ended with exit code 1$/mu);
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'failed',
      lost: { index: 1 },
      members: [{ signal: 'SIGTERM' }, { code: 1 }],
    });
    expect(code).toBe(1);
  });

  it('says so where a script is no member of it', async () => {
    const { code, stdout, stderr } = await launch(['--processes', '2', script, '--', 'alone']).ended;
    expect(lines(stdout)).toEqual(['[0] alone', '[1] alone']);
    expect(stderr).toContain('never called joinGroup(): 2 processes each did the whole work alone');
    expect(code).toBe(0);
  });
});

describe('the end of the launcher', { timeout: 180_000 }, () => {
  const pids = (output: string): number[] => [...output.matchAll(/\] pid (\d+)/gu)].map(([, pid]) => Number(pid));

  it('by a signal reaches the members once', async () => {
    const { child, output, ended } = launch(['--processes', '2', script, '--', 'stay']);
    await until(() => pids(output()).length === 2);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(lines(stdout).filter((line) => line.endsWith('interrupted'))).toEqual([
      '[0] interrupted',
      '[1] interrupted',
    ]);
    expect(code).toBe(1);
  });

  it('by force leaves no member behind', async () => {
    const { child, output } = launch(['--processes', '2', script, '--', 'stay']);
    await until(() => pids(output()).length === 2);
    child.kill('SIGKILL');
    await until(() => !pids(output()).some(isAlive));
  });
});

describe('one member on each machine', { timeout: 180_000 }, () => {
  it('under Slurm: a task is a member', async () => {
    const task = (index: number): NodeJS.ProcessEnv => ({
      SLURM_JOB_ID: String(process.pid),
      SLURM_STEP_ID: '0',
      SLURM_STEP_NUM_TASKS: '2',
      SLURM_STEP_NODELIST: 'localhost',
      SLURM_STEP_TASKS_PER_NODE: '2',
      SLURM_PROCID: String(index),
      TRAINBOOK_THREADS: '1',
    });
    const ends = await Promise.all([0, 1].map((index) => launch([script, '--', 'add'], task(index)).ended));
    expect(ends).toEqual(
      [0, 1].map((index) => ({ code: 0, stdout: `[${index}] ${index} of the sum 3 [] 1\n`, stderr: '' })),
    );
  });
});

describe('wrong usage ends with 2', () => {
  it.each([
    [['a.ts'], /how many\? --processes 2/],
    [['--processes', '0', 'a.ts'], /--processes needs an integer of at least 1, not '0'/],
    [['--processes', '2', '--hosts', 'a:1,b', '--index', '0', 'a.ts'], /give one of them/],
    [['--hosts', 'a:1,b', 'a.ts'], /--hosts and --index go together/],
    [['--hosts', 'a:1,b', '--index', '2', 'a.ts'], /index 2 of 2 hosts/],
    [['--hosts', 'a,b', '--index', '0', 'a.ts'], /the first host needs a port/],
    [['--processes', '2', 'a.ts', 'b'], /too many arguments: b/],
    [['--processes', '2', '--', 'a.ts'], /Missing required positional argument: SCRIPT/],
  ])('%j', async (words, message) => {
    let stderr = '';
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      stderr += String(text);
      return true;
    });
    expect(await main(['launch', ...words])).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('and a script that is not there with 1', async () => {
    let stderr = '';
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      stderr += String(text);
      return true;
    });
    expect(await main(['launch', '--processes', '2', 'none.ts'])).toBe(1);
    expect(stderr).toMatch(/^launch: no such file\n {2}received: .*none\.ts/u);
  });
});
