import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('fixtures/member.ts', import.meta.url));

/** What a member prints of a group: that it has joined, then its result or error. */
export interface Line {
  readonly joined?: boolean;
  readonly result?: unknown;
  readonly error?: string;
  readonly name?: string;
  readonly lost?: number;
}

/** A group by the numbers of the processes in it, in the order of their indices. */
export interface Plan {
  readonly scenario: string;
  readonly processes: readonly number[];
  readonly timeouts?: { readonly join?: number; readonly silence?: number; readonly wait?: number };
}

export interface MemberProcess {
  readonly child: ChildProcess;
  /** The next line that it prints. */
  line(): Promise<Line>;
  /** Its exit code and what it wrote to stderr. */
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>;
}

/** A port of loopback that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts processes on loopback, which join one group after another; `started` holds them, to be killed at the end. */
export async function startProcesses(plans: readonly Plan[], started: ChildProcess[]): Promise<MemberProcess[]> {
  const numProcesses = Math.max(...plans.flatMap(({ processes }) => processes)) + 1;
  const ports = await Promise.all(plans.map(freePort));
  return Array.from({ length: numProcesses }, (_, number) => {
    const groups = plans.flatMap(({ scenario, processes, timeouts }, place) => {
      const hosts = processes.map((_, index) => (index === 0 ? `127.0.0.1:${ports[place] ?? 0}` : '127.0.0.1'));
      const index = processes.indexOf(number);
      return index < 0 ? [] : [{ hosts, index, scenario, timeouts: { join: 60, silence: 20, wait: 60, ...timeouts } }];
    });
    const child = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(groups)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TRAINBOOK_THREADS: '1' },
    });
    started.push(child);
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ended = new Promise<{ code: number | null; stderr: string }>((resolve) => {
      child.once('close', (code) => {
        resolve({ code, stderr });
      });
    });
    const line = async (): Promise<Line> => {
      const next = await lines.next();
      if (next.done === true) throw new Error(`process ${number} ended: ${stderr}`);
      return JSON.parse(next.value) as Line;
    };
    return { child, line, ended };
  });
}
