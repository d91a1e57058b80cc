/**
 * The meeting place in member 0: members come, agree on each call before any of them makes it, and learn at once when one of them
 * is gone. TensorFlow's own collectives wait for ever, or fail with the words of a far-away part of them.
 */
import { createServer, type Server } from 'node:net';
import { TrainbookError } from '../../error.js';
import { type Connection, connection } from './connection.js';
import { type Hello, lost, type Member, nameOf, type Over, type ToHub, toHub, type ToMember } from './messages.js';
import { differences } from './differences.js';

/** Bounds on waiting, in seconds. */
export interface Timeouts {
  /** Until all members have come. */
  readonly join: number;
  /** Without a sign of life of a member. */
  readonly silence: number;
  /** For the last member to make a call that another one has made, and then for its tensors to come. */
  readonly wait: number;
}

export interface HubOptions {
  /** Known to the members of one group only. */
  readonly group: string;
  /** Where members are expected, by index; the hub listens at the first one's port. */
  readonly hosts: readonly string[];
  readonly port: number;
  readonly timeouts: Timeouts;
}

interface Arrival {
  readonly member: Member;
  readonly connection: Connection<ToMember>;
}

interface Call {
  /** What each member calls, by index. */
  readonly made: Map<number, readonly string[]>;
  readonly timer: NodeJS.Timeout;
}

/** The call that ends a membership. */
export const leaving = 'leave, or the end of its script';

export class Hub {
  private readonly arrivals = new Map<number, Arrival>();
  private readonly calls = new Map<number, Call>();
  /** The lines of calls by their digests: most calls are made many times. */
  private readonly known = new Map<string, readonly string[]>();
  private readonly server: Server;
  private readonly joining: NodeJS.Timeout;
  private isOver = false;

  private constructor(private readonly options: HubOptions) {
    this.server = createServer((socket) => {
      let index: number | undefined;
      const line: Connection<ToMember> = connection<ToMember, ToHub>(socket, {
        schema: toHub,
        silence: options.timeouts.silence,
        onMessage: (message) => {
          if ('hello' in message) index = this.welcome(message.hello, line);
          else if (index !== undefined) this.hear(index, message);
        },
        onEnd: (reason) => {
          if (index !== undefined) this.lose(index, reason);
        },
      });
    }).unref();
    const { join } = options.timeouts;
    this.joining = setTimeout(() => {
      this.end(
        late(
          this.missing((index) => this.arrivals.has(index)),
          `joined within ${join} s`,
        ),
      );
    }, join * 1000).unref();
  }

  /**
   * Opens the hub at the port of the first member.
   *
   * @throws TrainbookError where the port is taken
   */
  static async open(options: HubOptions): Promise<Hub> {
    const hub = new Hub(options);
    const { server } = hub;
    const isLocal = options.hosts.every((host) => host === 'localhost' || host.startsWith('127.'));
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port: options.port, ...(isLocal ? { host: options.hosts[0] } : {}) }, resolve);
      });
    } catch (cause) {
      clearTimeout(hub.joining);
      throw new TrainbookError({
        what: 'group: member 0 cannot listen at the port of the group',
        received: `port ${options.port}: ${cause instanceof Error ? cause.message : String(cause)}`,
        expected: 'a free port of the first host',
        fix: 'name another port in the list of hosts',
        cause,
      });
    }
    return hub;
  }

  private get size(): number {
    return this.options.hosts.length;
  }

  private missing(isThere: (index: number) => boolean): string[] {
    const indices = Array.from({ length: this.size }, (_, index) => index).filter((index) => !isThere(index));
    return indices.map((index) => {
      const arrival = this.arrivals.get(index);
      return arrival === undefined ? `member ${index} (${this.options.hosts[index] ?? ''})` : nameOf(arrival.member);
    });
  }

  /** Takes a member in, or refuses it; the others go on waiting. */
  private welcome(hello: Hello, line: Connection<ToMember>): number | undefined {
    const { group, size, ...member } = hello;
    const before = this.arrivals.get(member.index);
    const refusal =
      group !== this.options.group
        ? 'another group meets at this address'
        : size !== this.size || member.index >= this.size
          ? `the group has ${this.size} members, not ${size}`
          : before !== undefined
            ? `${nameOf(before.member)} has joined with that index`
            : undefined;
    if (refusal !== undefined || this.isOver) {
      const fix = 'give each process the same list of hosts and an index of its own, and another port to another group';
      line.send({
        over: { what: `group: ${nameOf(member)} cannot join`, received: refusal ?? 'the group is over', fix },
      });
      line.close();
      return undefined;
    }
    this.arrivals.set(member.index, { member, connection: line });
    if (this.arrivals.size === this.size) {
      clearTimeout(this.joining);
      const members = [...this.arrivals.values()].map((arrival) => arrival.member);
      this.tell({ members: members.sort((a, b) => a.index - b.index) });
    }
    return member.index;
  }

  private hear(index: number, message: Exclude<ToHub, { hello: unknown }>): void {
    if (this.isOver || 'beat' in message) return;
    if ('failed' in message) {
      this.end({ over: message.failed });
      return;
    }
    const { call: number, digest } = message;
    const lines = message.lines ?? this.known.get(digest);
    if (lines === undefined) throw new Error(`internal: no member has said what ${digest} is`);
    this.known.set(digest, lines);
    const call = this.calls.get(number) ?? this.begin(number);
    call.made.set(index, lines);
    if (call.made.size < this.size) return;
    clearTimeout(call.timer);
    this.calls.delete(number);
    const different = differences(call.made);
    if (different !== undefined) {
      this.end({
        over: {
          what: 'group: the members do not make the same call',
          received: `call ${number}: ${different}`,
          expected: 'the same calls in the same order, with tensors of the same shapes and dtypes',
          fix: 'let no member leave a call out, and give all members batches of one shape',
        },
      });
      return;
    }
    this.tell({ go: number });
    if (lines[0] === leaving) this.close();
  }

  private begin(number: number): Call {
    const made = new Map<number, readonly string[]>();
    const { wait } = this.options.timeouts;
    const timer = setTimeout(() => {
      const [what = ''] = [...made.values()][0] ?? [];
      this.end(
        late(
          this.missing((index) => made.has(index)),
          `came to call ${number} (${what}) within ${wait} s`,
        ),
      );
    }, wait * 1000).unref();
    const call = { made, timer };
    this.calls.set(number, call);
    return call;
  }

  private lose(index: number, reason: string): void {
    const arrival = this.arrivals.get(index);
    if (arrival === undefined || this.isOver) return;
    this.arrivals.delete(index);
    this.end(lost(arrival.member, reason));
  }

  private end(over: Over): void {
    if (this.isOver) return;
    this.tell(over);
    this.close();
  }

  private tell(message: ToMember): void {
    for (const arrival of this.arrivals.values()) arrival.connection.send(message);
  }

  private close(): void {
    this.isOver = true;
    clearTimeout(this.joining);
    for (const call of this.calls.values()) clearTimeout(call.timer);
    for (const arrival of this.arrivals.values()) arrival.connection.close();
    this.server.close();
  }
}

function late(members: readonly string[], what: string): Over {
  const over = {
    what: `group: not all members ${what}`,
    received: `none of ${members.join(', ')}`,
    expected: 'all members',
    fix: 'see what they printed last, and whether their machines reach the first host',
  };
  return { over };
}
