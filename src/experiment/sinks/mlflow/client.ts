import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { TrainbookError } from '../../../error.js';
import { Unreachable } from '../sink.js';

/** Where a server is, and how we say who we are. */
export interface MlflowServer {
  /** `http://127.0.0.1:5000`; no user or password in it. */
  readonly uri: string;
  /** The header `Authorization`. */
  readonly authorization?: string;
}

/** What a server refused: asked again, it would refuse again. */
export class Refusal extends TrainbookError {
  constructor(
    /** MLflow's own: `RESOURCE_DOES_NOT_EXIST`. */
    readonly code: string,
    request: string,
    message: string,
  ) {
    super({ what: `mlflow: the server refused ${request}`, received: `${code}: ${message}` });
  }
}

/**
 * The server that a user names, as MLflow's own client does: `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and
 * `MLFLOW_TRACKING_PASSWORD`, or both in the address. They go into requests alone, never into records.
 *
 * @throws TrainbookError for an address that is none of an HTTP server
 */
export function mlflowServer(uri: string, environment: Readonly<Record<string, string | undefined>>): MlflowServer {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new TrainbookError({
      what: 'mlflow: this is not the address of a tracking server',
      received: uri.replace(/\/\/[^@/]*@/u, '//***@'),
      expected: 'http://… or https://…, such as http://127.0.0.1:5000',
      fix: 'mlflow server --host 127.0.0.1 --port 5000 starts one; a folder or database is read by a server alone',
    });
  }
  const {
    MLFLOW_TRACKING_USERNAME: user,
    MLFLOW_TRACKING_PASSWORD: password,
    MLFLOW_TRACKING_TOKEN: token,
  } = environment;
  const basic = (name: string, word: string): string => `Basic ${Buffer.from(`${name}:${word}`).toString('base64')}`;
  const authorization =
    url.username !== ''
      ? basic(decodeURIComponent(url.username), decodeURIComponent(url.password))
      : user !== undefined && user !== ''
        ? basic(user, password ?? '')
        : token !== undefined && token !== ''
          ? `Bearer ${token}`
          : undefined;
  const place = `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/u, '')}`;
  return { uri: place, ...(authorization === undefined ? {} : { authorization }) };
}

interface Request {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | ReadableStream;
  readonly duplex?: 'half';
}

type Query = Readonly<Record<string, string>>;
const errorSchema = z.object({ error_code: z.string(), message: z.string().optional() });

/** The part of MLflow's REST API that we use, by `fetch`: https://mlflow.org/docs/latest/rest-api.html */
export class MlflowClient {
  constructor(
    readonly server: MlflowServer,
    readonly signal: AbortSignal,
    /** Milliseconds until a request counts as not answered. */
    readonly patience = 30_000,
  ) {}

  async get<T>(schema: z.ZodType<T>, path: string, query: Query = {}): Promise<T> {
    return this.#json(schema, 'GET', `${path}?${new URLSearchParams(query)}`, undefined);
  }

  async post<T>(schema: z.ZodType<T>, path: string, body: object): Promise<T> {
    return this.#json(schema, 'POST', path, JSON.stringify(body));
  }

  /** Uploads a file to a place below the server's artifacts; one that is there is replaced. */
  async upload(path: string, file: string): Promise<void> {
    const { size } = await stat(file);
    const place = path.split('/').map(encodeURIComponent).join('/');
    const request = `/api/2.0/mlflow-artifacts/artifacts/${place}`;
    // an empty stream would be sent without a length, which some proxies refuse
    const body = size === 0 ? '' : (Readable.toWeb(createReadStream(file)) as ReadableStream);
    const headers = { 'content-length': String(size) };
    const patience = this.patience + size / 1000; // 1 MB a second at least
    await this.#answer(request, { method: 'PUT', body, duplex: 'half', headers }, patience);
  }

  /** @throws TrainbookError if this is no MLflow server, or one too old */
  async checkVersion(): Promise<void> {
    const { status, text } = await this.#send('/version', { method: 'GET' }, this.patience);
    const major = /^(\d+)\.\d+/u.exec(text.trim())?.[1];
    if (status === 200 && major !== undefined && Number(major) >= 2) return;
    if (status === 401 || status === 403) throw this.#unauthorised(status);
    if (isPassing(status)) throw new Unreachable(`it answered ${status} to GET /version`, false);
    throw new TrainbookError({
      what: `mlflow: ${major === undefined ? 'there is no MLflow server at this address' : 'the server is too old'}`,
      received: `${this.server.uri}/version: ${status} ${text.trim().slice(0, 80)}`,
      expected: 'a tracking server of MLflow 2 or newer, whose /version says so',
      fix: 'open the address in a browser: it should show the MLflow page',
    });
  }

  async #json<T>(schema: z.ZodType<T>, method: 'GET' | 'POST', path: string, body: string | undefined): Promise<T> {
    const headers = { 'content-type': 'application/json' };
    const request = `/api/2.0/mlflow/${path}`;
    const text = await this.#answer(
      request,
      { method, headers, ...(body === undefined ? {} : { body }) },
      this.patience,
    );
    try {
      return schema.parse(text === '' ? {} : JSON.parse(text));
    } catch (cause) {
      // half an answer, or a proxy's page in its place
      throw new Unreachable(`the answer to ${path.split('?')[0] ?? ''} cannot be read`, true, { cause });
    }
  }

  async #answer(path: string, request: Request, patience: number): Promise<string> {
    const { status, text } = await this.#send(path, request, patience);
    if (status >= 200 && status < 300) return text;
    const name = `${request.method} ${path.split('?')[0] ?? ''}`;
    if (status === 401 || status === 403) throw this.#unauthorised(status);
    let error: z.infer<typeof errorSchema> | undefined;
    try {
      error = errorSchema.parse(JSON.parse(text));
    } catch {
      // not MLflow's: a proxy's, perhaps
    }
    if (isPassing(status)) {
      throw new Unreachable(`it answered ${status} to ${name}: ${(error?.message ?? text).slice(0, 200)}`, true);
    }
    if (error !== undefined) throw new Refusal(error.error_code, name, (error.message ?? '').slice(0, 500));
    throw new TrainbookError({
      what: 'mlflow: this server has no such address',
      received: `${status} to ${name} at ${this.server.uri}`,
      expected: 'a tracking server of MLflow',
      fix: status >= 300 && status < 400 ? 'give the address that it redirects to' : 'check the address',
    });
  }

  async #send(path: string, request: Request, patience: number): Promise<{ status: number; text: string }> {
    const { uri, authorization } = this.server;
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(Math.ceil(patience))]);
    const headers = { ...request.headers, ...(authorization === undefined ? {} : { authorization }) };
    try {
      const response = await fetch(uri + path, { ...request, headers, signal, redirect: 'manual' });
      return { status: response.status, text: await response.text() };
    } catch (cause) {
      this.signal.throwIfAborted();
      const { code, refused } = causeOf(cause);
      const why = code === 'TimeoutError' ? `no answer within ${Math.round(patience / 1000)} s` : code;
      throw new Unreachable(`${uri} cannot be reached: ${why}`, !refused, { cause });
    }
  }

  #unauthorised(status: number): TrainbookError {
    return new TrainbookError({
      what: 'mlflow: the server does not let us in',
      received: `${status} from ${this.server.uri}, ${this.server.authorization === undefined ? 'without' : 'with'} a password or token`,
      expected: 'the right to log runs',
      fix: 'set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN',
    });
  }
}

/** What a server or the proxy before it answers when it is in trouble, or has too much to do. */
const isPassing = (status: number): boolean => status >= 500 || status === 429 || status === 408;

/** Why a request failed; `refused`: for certain nothing of it arrived. */
function causeOf(error: unknown): { readonly code: string; readonly refused: boolean } {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const named = inner instanceof Error ? inner : new Error(String(inner));
  const code = (named as NodeJS.ErrnoException).code ?? (named.name === 'Error' ? named.message : named.name);
  return { code, refused: ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'].includes(code) };
}
