import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TrainbookError } from '../../error.js';
import { fragmentsOf } from './fragments.js';
import { watchPage, watchPolicy } from './page.js';
import { Watcher } from './snapshot.js';

export interface WatchServer {
  /** `http://127.0.0.1:41237/` */
  readonly address: string;
  close(): Promise<void>;
}

export interface WatchOptions {
  readonly runsFolder: string;
  /** A free one if not given. */
  readonly port?: number;
  /** Between two looks at the records, while somebody watches. */
  readonly milliseconds?: number;
}

const headers = {
  'content-security-policy': watchPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

/**
 * Serves the live page of a folder of runs, to this machine alone. `/` is the page, `/events` tells by server-sent events which
 * of its parts have changed. Nothing is written, and nothing looked at while nobody watches.
 *
 * @throws TrainbookError where the port is taken
 */
export async function startWatching({ runsFolder, port = 0, milliseconds = 1000 }: WatchOptions): Promise<WatchServer> {
  const watcher = new Watcher(runsFolder);
  const clients = new Map<ServerResponse, Map<string, string>>();
  let looking: Promise<ReadonlyMap<string, string>> | undefined;
  const look = (): Promise<ReadonlyMap<string, string>> => {
    looking ??= watcher
      .look()
      .then(fragmentsOf)
      .finally(() => (looking = undefined));
    return looking;
  };
  const tell = async (): Promise<void> => {
    if (clients.size === 0) return;
    const fragments = await look();
    for (const [client, seen] of clients) {
      const changed = [...fragments].filter(([id, text]) => seen.get(id) !== text);
      if (changed.length === 0 || client.writableNeedDrain) continue; // a slow reader gets the next state, not all
      for (const [id, text] of changed) seen.set(id, text);
      client.write(`data: ${JSON.stringify(Object.fromEntries(changed))}\n\n`);
    }
  };
  const timer = setInterval(() => {
    tell().catch(() => undefined); // a record that is being removed just now: the next look will do
  }, milliseconds);

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (!isLocal(request.headers.host)) refuse(response, 403, 'this page is for this machine alone');
    else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(response, 405, 'records are only read');
    else if (path === '/') {
      const page = watchPage(await look());
      response.writeHead(200, { ...headers, 'content-type': 'text/html; charset=utf-8' });
      response.end(request.method === 'HEAD' ? undefined : page);
    } else if (path === '/events' && request.method === 'GET') {
      response.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8' });
      response.write('retry: 2000\n\n');
      clients.set(response, new Map());
      response.on('close', () => clients.delete(response));
      await tell();
    } else refuse(response, 404, 'there is nothing here');
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.end();
      else refuse(response, 500, error instanceof Error ? error.message : String(error));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isTaken = cause.code === 'EADDRINUSE' || cause.code === 'EACCES';
      reject(isTaken ? taken(port, cause) : cause);
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: own } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${own}/`,
    async close() {
      clearInterval(timer);
      for (const client of clients.keys()) client.end();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A page of another site that has its name lead to this machine says its own name here. */
function isLocal(host: string | undefined): boolean {
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/u.test(host ?? '');
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

function taken(port: number, cause: Error): TrainbookError {
  return new TrainbookError({
    what: 'watch: this port is taken',
    received: port,
    expected: 'a free port of this machine',
    fix: 'give another --port, or none',
    cause,
  });
}
