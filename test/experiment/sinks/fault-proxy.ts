import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What befalls a request: no answer ever; an error in the server's place; the connection is cut before the server hears of it, or after
 * the server has carried it out.
 */
export type Fault = 'hang' | '500' | 'cut before' | 'cut after' | undefined;

export interface FaultProxy {
  readonly uri: string;
  /** Decides over each request, by its number from 1 and its path. */
  fault: (number: number, path: string) => Fault;
  /** The paths of all requests so far. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** A proxy on loopback before a server. */
export async function faultProxy(server: string): Promise<FaultProxy> {
  const requests: string[] = [];
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/', headers } = incoming;
    requests.push(url);
    const fault = proxy.fault(requests.length, url);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    if (fault === 'hang') return;
    if (fault === 'cut before') {
      response.destroy();
      return;
    }
    if (fault === '500') {
      response.writeHead(500).end('{"error_code":"INTERNAL_ERROR","message":"made up"}');
      return;
    }
    const { status, type, body } = await forward(server + url, method, headers, Buffer.concat(chunks));
    if (fault === 'cut after') response.destroy();
    else response.writeHead(status, { 'content-type': type }).end(body);
  };
  const http = createServer((incoming, response) => {
    answer(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
  const proxy: FaultProxy = {
    uri: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    fault: () => undefined,
    requests,
    async close() {
      http.closeAllConnections();
      await new Promise((done) => http.close(done));
    },
  };
  return proxy;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

function forward(url: string, method: string, headers: IncomingMessage['headers'], body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host: _host, 'transfer-encoding': _encoding, ...kept } = headers;
    const outgoing = request(url, { method, headers: { ...kept, 'content-length': body.length } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const type = answer.headers['content-type'] ?? 'text/plain';
        resolve({ status: answer.statusCode ?? 0, type, body: Buffer.concat(chunks) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
