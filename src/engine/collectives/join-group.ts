import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { TrainbookError } from '../../error.js';
import { engineInfo, nativeLibrary } from '../backend.js';
import { type Group, groupOfOne } from '../group.js';
import { Hub, type Timeouts } from './hub.js';
import { GroupError, Link } from './link.js';
import { meeting, type Membership, membershipOf, variables } from './membership.js';
import { ProcessGroup } from './process-group.js';
import { CollectiveRuntime } from './runtime.js';

export interface JoinOptions extends Membership {
  /** In seconds; default: 300 to join, 60 of silence, 1800 of waiting for the last member at a call. */
  readonly timeouts?: Partial<Timeouts>;
}

const defaultTimeouts: Timeouts = { join: 300, silence: 60, wait: 1800 };

/** A member of a lost group gets so long to end by itself, with the error that its next call rejects with. */
const secondsToEnd = 3;

let launched: Promise<Group> | undefined;

/**
 * Makes this process a member of a group, and resolves when all members have come. Without options the group is the one that
 * `trainbook launch` has put this process into, or a group of one.
 *
 * Members meet at the first host's port and learn there, within seconds, when one of them is killed or hangs: then every call
 * rejects with an error that names it. TensorFlow's own servers take free ports of all members, and open them to the network without
 * encryption, as is its way: groups are for machines that trust each other.
 *
 * @example
 * const group = await joinGroup();
 * const averaged = await group.allReduce(gradients, 'mean');
 * await group.leave();
 *
 * @throws TrainbookError where a member does not come, or there is no libtensorflow
 */
export function joinGroup(options?: JoinOptions): Promise<Group> {
  return options === undefined ? (launched ??= joinLaunched()) : join(options);
}

/** A member that `trainbook launch` started tells it what becomes of the group, and ends when the group is over. */
async function joinLaunched(): Promise<Group> {
  const membership = membershipOf();
  if (membership === undefined) return groupOfOne();
  process.send?.({ joined: true });
  const silence = process.env[variables.silence];
  const tell = (error: unknown): void => {
    process.send?.({ over: error instanceof Error ? error.message : String(error), lost: lostMember(error) });
  };
  const group = await join({
    ...membership,
    ...(silence === undefined ? {} : { timeouts: { silence: Number(silence) } }),
  }).catch((error: unknown) => {
    tell(error);
    throw error;
  });
  group.signal.addEventListener('abort', () => {
    const reason: unknown = group.signal.reason;
    tell(reason);
    setTimeout(() => {
      process.stderr.write(`${reason instanceof Error ? reason.message : String(reason)}\n`);
      process.exit(1);
    }, secondsToEnd * 1000).unref();
  });
  return group;
}

function lostMember(error: unknown): number | undefined {
  return error instanceof GroupError ? error.lost : undefined;
}

async function join({ timeouts: given, ...membership }: JoinOptions): Promise<Group> {
  const { group, hosts, index, port: hubPort } = meeting(membership);
  const timeouts = { ...defaultTimeouts, ...given };
  const [first = ''] = hosts;
  if (hosts.length === 1) return groupOfOne();
  const library = nativeLibrary();
  if (library === undefined) {
    throw new TrainbookError({
      what: 'group: several processes need libtensorflow, whose collectives they use',
      received: engineInfo().reason,
      expected: 'libtensorflow',
      fix: 'npx trainbook setup',
    });
  }
  if (index === 0) await Hub.open({ group, hosts, port: hubPort, timeouts });
  const reserved = await reservePort();
  const self = { index, host: hosts[index] ?? '', pid: process.pid, port: reserved.port };
  try {
    const hello = { ...self, group, size: hosts.length };
    const link = await Link.join(hello, { host: first, port: hubPort }, timeouts);
    await reserved.release();
    const addresses = link.members.map(({ host, port }) => `${host}:${port}`);
    withoutProxy(hosts);
    const runtime = new CollectiveRuntime(library, addresses, index);
    return new ProcessGroup(index, hosts.length, link, runtime, timeouts.wait);
  } finally {
    await reserved.release();
  }
}

/** A free port, kept until TensorFlow's server takes it: it cannot be asked which one it would choose. */
async function reservePort(): Promise<{ readonly port: number; release(): Promise<void> }> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, resolve);
  });
  const { port } = server.address() as AddressInfo;
  let released: Promise<void> | undefined;
  return {
    port,
    release: () =>
      (released ??= new Promise((resolve) =>
        server.close(() => {
          resolve();
        }),
      )),
  };
}

/** gRPC would ask a proxy of the environment even for loopback. */
function withoutProxy(hosts: readonly string[]): void {
  const named = process.env['no_grpc_proxy'] ?? process.env['no_proxy'];
  process.env['no_grpc_proxy'] = [...(named === undefined || named === '' ? [] : [named]), ...new Set(hosts)].join(',');
}
