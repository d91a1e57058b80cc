import { randomUUID } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import type { Membership } from './membership.js';

/** The memberships of a group of processes on this machine, which meet on loopback at a port that is free now. */
export async function localGroup(count: number): Promise<Membership[]> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  const hosts = Array.from({ length: count }, (_, index) => (index === 0 ? `127.0.0.1:${port}` : '127.0.0.1'));
  const id = randomUUID();
  return hosts.map((_, index) => ({ hosts, index, id }));
}

/** Threads for each of so many processes that share this machine. */
export function threadsOfEach(processes: number): number {
  return Math.max(1, Math.floor(availableParallelism() / processes));
}
