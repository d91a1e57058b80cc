import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { JudgementFile } from '../../data/audit/judgements.js';
import type { ReviewSample } from '../../data/audit/review-sample.js';
import { reviewScores } from '../../data/audit/review-scores.js';
import type { ReviewJudgement, ReviewScores } from '../../data/audit/review-scores.js';
import { pageHeaders, refuse, startLocalServer } from '../local-server.js';
import { reviewPage, reviewPolicy } from './page.js';

export interface ReviewServer {
  /** `http://127.0.0.1:41237/7c3f…/`: whoever has it may read the sample and judge. */
  readonly address: string;
  close(): Promise<void>;
}

export interface ReviewServerOptions {
  readonly sample: ReviewSample;
  readonly file: JudgementFile;
  /** A free one if not given. */
  readonly port?: number;
}

const headers = pageHeaders(reviewPolicy);

/** Bytes of a request's body: a judgement has under 100. */
const mostBytes = 1000;

const judged = z.strictObject({ number: z.int().nonnegative(), judgement: z.enum(['yes', 'no', 'unsure']).nullable() });

/** What the page is told after each judgement. */
interface State {
  readonly rule: string;
  readonly count: number;
  readonly judgements: Readonly<Record<number, ReviewJudgement>>;
  readonly scores: ReviewScores;
}

/**
 * Serves the page of a review to this machine alone, under an address that nobody can guess. A judgement is answered when it is
 * on the disk.
 *
 * @throws TrainbookError where the port is taken
 */
export async function startReview({ sample, file, port = 0 }: ReviewServerOptions): Promise<ReviewServer> {
  const token = randomBytes(16).toString('hex');
  const state = (): State => ({
    rule: sample.rule,
    count: sample.items.length,
    judgements: Object.fromEntries(
      sample.items.flatMap(({ id }, index) => {
        const judgement = file.judgements.get(id);
        return judgement === undefined ? [] : [[index, judgement]];
      }),
    ),
    scores: reviewScores(sample, file.judgements),
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const [, given = '', path = ''] = /^\/([^/]*)\/(.*)$/u.exec(pathname) ?? [];
    if (!isSame(given, token)) refuse(response, headers, 404, 'there is nothing here');
    else if (request.method === 'GET' && path === '') {
      send(response, 'text/html; charset=utf-8', reviewPage(sample.rule));
    } else if (request.method === 'GET' && path === 'state') sendJson(response, state());
    else if (request.method === 'GET' && path === 'item') {
      const item = sample.items[Number(searchParams.get('number'))];
      if (item === undefined) refuse(response, headers, 404, 'there is no such document');
      // Whether it is a hit is not told: only its marks show it.
      else sendJson(response, { ...item, hit: undefined });
    } else if (request.method === 'POST' && path === 'judge') {
      const body = judged.safeParse(await readJsonBody(request));
      const item = body.success ? sample.items[body.data.number] : undefined;
      if (!body.success || item === undefined) refuse(response, headers, 400, 'this is no judgement');
      else {
        await file.judge(item.id, body.data.judgement);
        sendJson(response, state());
      }
    } else refuse(response, headers, request.method === 'GET' ? 404 : 405, 'there is nothing here');
  };
  const server = await startLocalServer('review', port, headers, answer);
  return {
    address: `http://127.0.0.1:${server.port}/${token}/`,
    close: () => server.close(),
  };
}

/** The body as a value; undefined where it is none, or too long, or was sent by a form of another page. */
async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  if (request.headers['content-type'] !== 'application/json') return undefined;
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > mostBytes) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isSame(given: string, token: string): boolean {
  return /^[0-9a-f]{32}$/u.test(given) && timingSafeEqual(Buffer.from(given), Buffer.from(token));
}

function send(response: ServerResponse, type: string, text: string): void {
  response.writeHead(200, { ...headers, 'content-type': type });
  response.end(text);
}

function sendJson(response: ServerResponse, value: unknown): void {
  send(response, 'application/json; charset=utf-8', JSON.stringify(value));
}
