import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { TrainbookError } from '../../error.js';
import { tryLock } from '../lock.js';
import { cellLock, isFinal, readCell, writeCell } from './cells.js';
import type { OpenAblation } from './open-ablation.js';
import { fits, memoryKills, memoryOf } from './process-memory.js';
import type { AblationEvent, CellWorker, Workers } from './run-ablation.js';
import { placeOf } from './run-cell.js';
import type { CellOutcome } from './run-cell.js';
import { answerSchema } from './serve-cells.js';
import type { Request } from './serve-cells.js';

export interface ProcessWorkersOptions {
  readonly count: number;
  /** Starts a process that calls `serveCells`, with a channel to this one. */
  readonly start: () => ChildProcess;
  /** Bytes: a process that holds more is killed, and its cell has failed. If not given, what cells held until now is the guide. */
  readonly memoryPerWorker?: number;
  /** Bytes that are free on this machine. */
  readonly available?: () => number;
}

/** How a process ended before it had answered. */
interface Death {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lastWords: string;
  readonly refused: string | undefined;
}

type Ended = { readonly outcome: CellOutcome; readonly memoryBytes: number } | { readonly death: Death };

interface Child {
  readonly process: ChildProcess;
  run(cell: number): Promise<Ended>;
  stop(): Promise<void>;
}

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;

/** A process that is killed from outside without a reason that is known runs its cell again, so many times in all. */
const maxTries = 3;

/** Processes that run cells, each within its slot of memory. */
export function processWorkers(
  open: OpenAblation,
  onEvent: (event: AblationEvent) => void,
  { count, start, memoryPerWorker, available = () => process.availableMemory() }: ProcessWorkersOptions,
): Workers {
  const running = new Set<Child>();
  const tries = new Map<number, number>();
  let largest = 0;

  const fail = async (cell: number, reason: string): Promise<CellOutcome> => {
    const place = placeOf(open.spec, cell);
    const release = await tryLock(cellLock(open.folder, place)); // its owner is dead
    if (release === undefined) return 'busy'; // another process has taken it already
    try {
      const before = await readCell(open.folder, open.spec, place);
      if (isFinal(before)) return 'ended';
      const result = { ...before, state: 'failed' as const, error: reason };
      await writeCell(open.folder, place, result);
      onEvent({ type: 'cell-end', cell, result });
      return 'ended';
    } finally {
      await release();
    }
  };

  const worker = (): CellWorker => {
    let child: Child | undefined;
    const buried = async (
      cell: number,
      death: Death,
      overSlot: number | undefined,
      kills: number,
    ): Promise<CellOutcome> => {
      const { code, signal, lastWords, refused } = death;
      if (refused !== undefined) throw new TrainbookError({ what: refused });
      if (open.place.signal?.aborted === true) return 'interrupted';
      if (overSlot !== undefined && memoryPerWorker !== undefined) {
        return fail(
          cell,
          `out of memory: its process held ${gibibytes(overSlot)}, its slot is ${gibibytes(memoryPerWorker)}`,
        );
      }
      if (signal === 'SIGKILL' && memoryKills() > kills) {
        return fail(
          cell,
          `out of memory: the system killed its process; until then cells held up to ${gibibytes(largest)}`,
        );
      }
      const how = signal === null ? `ended with exit code ${code ?? 0}` : `was ended by ${signal}`;
      const words = lastWords === '' ? '' : `\n${lastWords}`;
      if (signal !== 'SIGKILL' && signal !== 'SIGTERM') return fail(cell, `its process ${how}${words}`);
      const times = (tries.get(cell) ?? 0) + 1;
      tries.set(cell, times);
      if (times >= maxTries) return fail(cell, `its process ${how}, ${times} times${words}`);
      onEvent({ type: 'message', text: `a worker ${how}: its cell runs again` });
      return 'interrupted';
    };
    return {
      async run(cell) {
        child ??= begin(start(), onEvent);
        const own = child;
        const kills = memoryKills();
        let overSlot: number | undefined;
        const watch = setInterval(() => {
          const held = memoryOf(own.process.pid ?? 0) ?? 0;
          largest = Math.max(largest, held);
          if (memoryPerWorker === undefined || held <= memoryPerWorker) return;
          overSlot = held;
          own.process.kill('SIGKILL');
        }, 250);
        running.add(own);
        try {
          const ended = await own.run(cell);
          if ('death' in ended) {
            child = undefined;
            return await buried(cell, ended.death, overSlot, kills);
          }
          // One that was interrupted runs nothing any more; one that holds on to much memory gives it back by ending.
          if (ended.outcome === 'interrupted' || ended.memoryBytes > (memoryPerWorker ?? Infinity) / 2) {
            child = undefined;
            await own.stop();
          }
          return ended.outcome;
        } finally {
          clearInterval(watch);
          running.delete(own);
        }
      },
      async close() {
        await child?.stop();
        child = undefined;
      },
    };
  };

  return {
    workers: Array.from({ length: count }, worker),
    hasRoom: (numRunning) => {
      const need = memoryPerWorker ?? largest;
      const held = [...running].map((each) => memoryOf(each.process.pid ?? 0) ?? 0);
      while (held.length < numRunning) held.push(0); // chosen a moment ago, and not yet begun
      return Promise.resolve(numRunning === 0 || fits(need, available(), held));
    },
    interrupt: () => {
      for (const each of running) send(each.process, { stop: true });
    },
  };
}

function send(child: ChildProcess, request: Request): void {
  if (child.connected) child.send(request, () => undefined);
}

function begin(child: ChildProcess, onEvent: (event: AblationEvent) => void): Child {
  let answered: ((ended: Ended) => void) | undefined;
  let lastWords = '';
  let refused: string | undefined;
  const exited = new Promise<Death>((resolve) => {
    child.once('error', (error) => {
      resolve({ code: null, signal: null, lastWords: error.message, refused: error.message });
    });
    child.once('exit', (code, signal) => {
      resolve({ code, signal, lastWords: lastWords.trim().split('\n').slice(-5).join('\n'), refused });
    });
  });
  child.stdout?.resume();
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (lastWords = (lastWords + text).slice(-2000)));
  child.on('message', (value) => {
    const answer = answerSchema.safeParse(value).data;
    if (answer === undefined) return;
    if ('event' in answer) onEvent(answer.event);
    else if ('refused' in answer) {
      refused = answer.refused;
      child.kill('SIGTERM');
    } else answered?.(answer);
  });
  return {
    process: child,
    run: (cell) => {
      const answer = new Promise<Ended>((resolve) => (answered = resolve));
      send(child, { cell });
      return Promise.race([answer, exited.then((death) => ({ death }))]);
    },
    async stop() {
      send(child, { stop: true });
      if (child.connected) child.disconnect();
      const patience = new AbortController();
      const kill = sleep(12_000, undefined, { signal: patience.signal }).then(
        () => child.kill('SIGKILL'),
        () => undefined,
      );
      await exited;
      patience.abort();
      await kill;
    },
  };
}
