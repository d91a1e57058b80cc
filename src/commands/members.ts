import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { type Membership, parseHost, toEnvironment, variables } from '../engine/collectives/membership.js';
import { ownProgram } from './own-program.js';

export interface MembersOptions {
  readonly script: string;
  readonly args: readonly string[];
  /** Those to be started on this machine. */
  readonly members: readonly Membership[];
  /** For each of them; default: the engine's own choice. */
  readonly threads?: number;
  /** Seconds without a sign of life of a member; default: the engine's. */
  readonly silence?: number;
  /** A line of a member, with its index before it. */
  readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void;
}

/** How a member ended. */
export interface MemberEnd {
  readonly index: number;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: string | null;
}

export interface Outcome {
  readonly state: 'done' | 'failed' | 'interrupted';
  readonly members: readonly MemberEnd[];
  /** Whose end was the first failure, and how it came, in words. */
  readonly lost?: { readonly index: number; readonly how: string };
  /** Whether the script became a member of the group. */
  readonly joined: boolean;
}

/** What members tell their launcher. */
const messageSchema = z.union([
  z.object({ joined: z.literal(true) }),
  z.object({ over: z.string(), lost: z.int().optional() }),
]);

/** After the first failure the others have so long to end by themselves, with an error that says why; then they are asked, then killed. */
const millisecondsToEnd = 4000;
const millisecondsToObey = 3000;

/** Starts members and waits for the end of all: a failure of one, or a signal to this process, ends the others. */
export async function runMembers(options: MembersOptions): Promise<Outcome> {
  const children = options.members.map((membership) => ({ membership, child: start(membership, options) }));
  const ends: MemberEnd[] = [];
  const seen: { over?: Over; joined: boolean; interrupted: boolean } = { joined: false, interrupted: false };
  const timers: NodeJS.Timeout[] = [];
  const signalAll = (signal: NodeJS.Signals): void => {
    for (const { child } of children) kill(child, signal);
  };
  const stopSoon = (): void => {
    if (timers.length > 0) return;
    timers.push(setTimeout(signalAll, millisecondsToEnd, 'SIGTERM'));
    timers.push(setTimeout(signalAll, millisecondsToEnd + millisecondsToObey, 'SIGKILL'));
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    signalAll(seen.interrupted ? 'SIGKILL' : signal); // the second one ends all at once
    seen.interrupted = true;
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    await Promise.all(
      children.map(async ({ membership: { index }, child }) => {
        child.on('message', (value) => {
          const message = messageSchema.safeParse(value).data;
          if (message === undefined) return;
          if ('joined' in message) seen.joined = true;
          else {
            seen.over ??= { text: message.over, lost: message.lost };
            stopSoon();
          }
        });
        child.once('exit', (code, signal) => {
          ends.push({ index, pid: child.pid ?? 0, code, signal });
          if (code !== 0) stopSoon();
        });
        await new Promise<void>((resolve, reject) => {
          child.once('error', reject);
          child.once('close', () => {
            resolve();
          });
        });
      }),
    );
  } finally {
    signalAll('SIGKILL'); // what members have started themselves, too
    for (const timer of timers) clearTimeout(timer);
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
  const members = [...ends].sort((a, b) => a.index - b.index);
  const { joined, over, interrupted } = seen;
  if (ends.every(({ code }) => code === 0)) return { state: 'done', members, joined };
  return interrupted
    ? { state: 'interrupted', members, joined }
    : { state: 'failed', members, joined, lost: blame(ends, over) };
}

/** What members were told of the end of their group. */
interface Over {
  readonly text: string;
  readonly lost: number | undefined;
}

/**
 * The member that the group names, else the one that failed first. One that was lost ended before all others, unless it hung, and was
 * killed only afterwards, or runs on another machine: then the group knows best how it was lost.
 */
function blame(ends: readonly MemberEnd[], over: Over | undefined): { readonly index: number; readonly how: string } {
  const failures = ends.filter(({ code }) => code !== 0);
  const [first] = failures;
  if (first === undefined) throw new Error('internal: no member has failed');
  const index = over?.lost ?? first.index;
  return { index, how: over === undefined || over.lost === first.index ? howEnded(first) : over.text };
}

function howEnded({ index, pid, code, signal }: MemberEnd): string {
  return `member ${index} (pid ${pid}) ${signal === null ? `ended with exit code ${code ?? 0}` : `was killed by ${signal}`}`;
}

function start(membership: Membership, { script, args, threads, silence, onLine }: MembersOptions): ChildProcess {
  const child = spawn(process.execPath, [...ownProgram('launched'), script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A group of its own: Ctrl-C reaches it through us, once, and its end takes along what it has started.
    detached: process.platform !== 'win32',
    env: {
      ...process.env,
      ...toEnvironment(membership),
      ...(threads === undefined ? {} : { TRAINBOOK_THREADS: String(threads) }),
      ...(silence === undefined ? {} : { [variables.silence]: String(silence) }),
    },
  });
  const forward = (stream: 'stdout' | 'stderr'): void => {
    createInterface({ input: child[stream] as Readable, crlfDelay: Infinity }).on('line', (line) => {
      onLine(`[${membership.index}] ${line}`, stream);
    });
  };
  forward('stdout');
  forward('stderr');
  return child;
}

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // all of them have ended
  }
}

/** How many members run on the same machine as one of them. */
export function numNeighbours({ hosts, index }: Membership): number {
  const names = hosts.map((host) => parseHost(host).host);
  return names.filter((name) => name === names[index]).length;
}
