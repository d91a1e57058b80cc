import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TrainbookError } from '../error.js';

/** No address is loaded but the page's own, and no script runs but this one. */
export function pagePolicy(script: string): string {
  return [
    "default-src 'none'",
    `script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`,
    "style-src 'unsafe-inline'",
    'img-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** The headers of all that is answered, with the policy of the page. */
export function pageHeaders(policy: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  };
}

export interface LocalServer {
  readonly port: number;
  /** Ends it, and all that is connected. */
  close(): Promise<void>;
}

/**
 * Serves a page to this machine alone; who asks by another name than this machine's is refused.
 *
 * @param who What an error begins with, such as `watch`.
 * @param port 0 for a free one.
 * @throws TrainbookError where the port is taken
 */
export async function startLocalServer(
  who: string,
  port: number,
  headers: Readonly<Record<string, string>>,
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<LocalServer> {
  const server = createServer((request, response) => {
    if (!isLocal(request.headers.host)) {
      refuse(response, headers, 403, 'this page is for this machine alone');
      return;
    }
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.end();
      else refuse(response, headers, 500, error instanceof Error ? error.message : String(error));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isTaken = cause.code === 'EADDRINUSE' || cause.code === 'EACCES';
      reject(isTaken ? taken(who, port, cause) : cause);
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Answers that there is nothing, and why. */
export function refuse(
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  status: number,
  text: string,
): void {
  response.writeHead(status, { ...headers, 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

/** A page of another site that has its name lead to this machine says its own name here. */
function isLocal(host: string | undefined): boolean {
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/u.test(host ?? '');
}

function taken(who: string, port: number, cause: Error): TrainbookError {
  return new TrainbookError({
    what: `${who}: this port is taken`,
    received: port,
    expected: 'a free port of this machine',
    fix: 'give another --port, or none',
    cause,
  });
}
