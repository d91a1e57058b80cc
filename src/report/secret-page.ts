import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pageHeaders, refuse, startLocalServer } from './local-server.js';

/** A page that takes judgements, and what its script may ask. What is answered with undefined is refused. */
export interface SecretPage {
  /** The command that serves it. */
  readonly who: string;
  readonly policy: string;
  html(): string;
  /** By path, with the parameters of the address. */
  readonly get: Readonly<Record<string, (parameters: URLSearchParams) => unknown>>;
  /** By path, with the body; undefined where that is no JSON. */
  readonly post: Readonly<Record<string, (body: unknown) => unknown>>;
}

export interface SecretServer {
  /** `http://127.0.0.1:41237/7c3f…/`: whoever has it may read and judge. */
  readonly address: string;
  close(): Promise<void>;
}

/** Bytes of a request's body: a judgement, with a reason in words, has under 2,000. */
const mostBytes = 8000;

/**
 * Serves a page to this machine alone, under an address that nobody can guess.
 *
 * @param port 0 for a free one.
 * @throws TrainbookError where the port is taken
 */
export async function startSecretPage(page: SecretPage, port: number): Promise<SecretServer> {
  const token = randomBytes(16).toString('hex');
  const headers = pageHeaders(page.policy);
  const send = (response: ServerResponse, type: string, text: string): void => {
    response.writeHead(200, { ...headers, 'content-type': `${type}; charset=utf-8` });
    response.end(text);
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const [, given = '', path = ''] = /^\/([^/]*)\/(.*)$/u.exec(pathname) ?? [];
    const get = Object.hasOwn(page.get, path) ? page.get[path] : undefined;
    const post = Object.hasOwn(page.post, path) ? page.post[path] : undefined;
    if (!isSame(given, token)) refuse(response, headers, 404, 'there is nothing here');
    else if (request.method === 'GET' && path === '') send(response, 'text/html', page.html());
    else if (request.method === 'GET' && get !== undefined) {
      const found = await get(searchParams);
      if (found === undefined) refuse(response, headers, 404, 'there is nothing here');
      else send(response, 'application/json', JSON.stringify(found));
    } else if (request.method === 'POST' && post !== undefined) {
      const found = await post(await readJsonBody(request));
      if (found === undefined) refuse(response, headers, 400, 'this is no judgement');
      else send(response, 'application/json', JSON.stringify(found));
    } else refuse(response, headers, request.method === 'GET' ? 404 : 405, 'there is nothing here');
  };
  const server = await startLocalServer(page.who, port, headers, answer);
  return {
    address: `http://127.0.0.1:${server.port}/${token}/`,
    close: () => server.close(),
  };
}

/** The body as a value; undefined where it is none, or too long, or was sent by a form of another page. */
async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  if (request.headers['content-type'] !== 'application/json') return undefined;
  const chunks: Buffer[] = [];
  let numBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    numBytes += chunk.length;
    if (numBytes > mostBytes) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

function isSame(given: string, token: string): boolean {
  return /^[0-9a-f]{32}$/u.test(given) && timingSafeEqual(Buffer.from(given), Buffer.from(token));
}
