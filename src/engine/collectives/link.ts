import { createHash } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TrainbookError } from '../../error.js';
import { type Connection, connection } from './connection.js';
import type { Timeouts } from './hub.js';
import { type Hello, lost, type Member, type Over, sendable, type ToHub, toMember, type ToMember } from './messages.js';

/** The error of a group that is over; `lost` is the index of the member that is no more. */
export class GroupError extends TrainbookError {
  constructor(
    { over }: Over,
    readonly lost?: number,
  ) {
    super(over);
  }
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A member's connection to the hub. */
export class Link {
  members: readonly Member[] = [];
  private readonly controller = new AbortController();
  private readonly waiting = new Map<number, Waiting>();
  private readonly connection: Connection<ToHub>;
  private readonly said = new Set<string>();
  private numHolds = 0;
  private hasLeft = false;
  /** Number 0 stands for the beginning. */
  private static readonly beginning = 0;

  private constructor(socket: Socket, silence: number, first: { readonly host: string }) {
    this.connection = connection<ToHub, ToMember>(socket, {
      schema: toMember,
      silence,
      onMessage: (message) => {
        if ('go' in message) this.settle(message.go);
        else if ('members' in message) {
          this.members = message.members;
          this.settle(Link.beginning);
        } else if ('over' in message) this.end(new GroupError(message, message.lost));
      },
      onEnd: (reason) => {
        const { index, host, pid } = this.members[0] ?? { index: 0, host: first.host, pid: NaN };
        if (!this.hasLeft) this.end(new GroupError(lost({ index, host, pid }, reason), 0));
      },
    });
  }

  /**
   * Goes to the hub, which may not be there yet, and waits until all members have come.
   *
   * @throws TrainbookError where the hub does not answer in time, refuses, or a member is lost meanwhile
   */
  static async join(
    hello: Hello,
    hub: { readonly host: string; readonly port: number },
    timeouts: Timeouts,
  ): Promise<Link> {
    const link = new Link(await reach(hub, timeouts.join), timeouts.silence, hub);
    const all = link.wait(Link.beginning);
    link.connection.send({ hello });
    await all;
    return link;
  }

  /** Aborted when the group is over, with the error as its reason. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Resolves when all members have made this call: the `number`th, told in lines of which the first one is its name. */
  async agree(number: number, lines: readonly string[]): Promise<void> {
    const agreed = this.wait(number);
    const digest = createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 32);
    this.connection.send({ call: number, digest, ...(this.said.has(digest) ? {} : { lines: [...lines] }) });
    this.said.add(digest);
    await agreed;
  }

  /**
   * Tells all members that this one cannot go on, and gives the error that says whose fault it is. Where another member is gone,
   * TensorFlow may know it first and without its name; the hub is given a moment to say it.
   */
  async fail(error: TrainbookError): Promise<Error> {
    await Promise.race([sleep(1000), this.over()]);
    this.connection.send({ failed: sendable(error.parts) });
    this.end(error);
    return this.signal.reason as Error;
  }

  /** Ends the connection in peace. */
  close(): void {
    this.hasLeft = true;
    this.connection.close();
  }

  /** The process stays while something waits for other members. */
  hold(isHeld: boolean): void {
    this.numHolds += isHeld ? 1 : -1;
    this.connection.hold(this.numHolds > 0);
  }

  private over(): Promise<void> {
    return new Promise((resolve) => {
      if (this.signal.aborted) resolve();
      this.signal.addEventListener('abort', () => {
        resolve();
      });
    });
  }

  private async wait(number: number): Promise<void> {
    this.signal.throwIfAborted();
    this.hold(true);
    try {
      await new Promise<void>((resolve, reject) => this.waiting.set(number, { resolve, reject }));
    } finally {
      this.hold(false);
    }
  }

  private settle(number: number): void {
    this.waiting.get(number)?.resolve();
    this.waiting.delete(number);
  }

  private end(error: Error): void {
    if (this.signal.aborted) return;
    this.connection.close();
    this.controller.abort(error);
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

/** Connects, trying again while nobody listens. */
async function reach(
  { host, port }: { readonly host: string; readonly port: number },
  seconds: number,
): Promise<Socket> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const socket = createConnection({ host, port });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
        socket.setTimeout(5000, () => {
          reject(new Error('no answer in 5 s'));
        });
      });
      socket.removeAllListeners('error');
      return socket.setTimeout(0);
    } catch (cause) {
      socket.destroy();
      if (performance.now() < deadline) {
        await sleep(100);
        continue;
      }
      throw new TrainbookError({
        what: `group: member 0 does not answer at ${host}:${port}`,
        received: `${cause instanceof Error ? cause.message : String(cause)}, for ${seconds} s`,
        expected: 'member 0 of the group, at the first address of the list of hosts',
        fix: 'start member 0, and see that this machine reaches that port of it',
        cause,
      });
    }
  }
}
