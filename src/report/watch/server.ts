import type { IncomingMessage, ServerResponse } from 'node:http';
import { pageHeaders, refuse, startLocalServer } from '../local-server.js';
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

const headers = pageHeaders(watchPolicy);

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
    if (request.method !== 'GET' && request.method !== 'HEAD') refuse(response, headers, 405, 'records are only read');
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
    } else refuse(response, headers, 404, 'there is nothing here');
  };
  const server = await startLocalServer('watch', port, headers, answer);
  return {
    address: `http://127.0.0.1:${server.port}/`,
    async close() {
      clearInterval(timer);
      for (const client of clients.keys()) client.end();
      await server.close();
    },
  };
}
