import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';

/** Header fields by their names in lower case; of several of one name the first. */
export type Headers = ReadonlyMap<string, string>;

/** `Name: value` lines; lines that begin with a space go on. */
export function parseHeaders(lines: string): Headers {
  const headers = new Map<string, string>();
  for (const line of lines.replace(/\r?\n[ \t]+/gu, ' ').split('\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    if (colon > 0 && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return headers;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** What was sent, its transfer and content codings undone; undefined where they cannot be. */
  readonly body: Buffer | undefined;
}

/** An HTTP answer as it was recorded. */
export function httpBody(recorded: Buffer): Answer {
  const feeds = recorded.indexOf('\r\n\r\n');
  const [end, gap] = feeds >= 0 ? [feeds, 4] : [recorded.indexOf('\n\n'), 2];
  const head = recorded.subarray(0, end < 0 ? recorded.length : end).toString('latin1');
  const status = Number(/^HTTP\/[\d.]+\s+(\d{3})/u.exec(head)?.[1] ?? 0);
  const headers = parseHeaders(head.slice(head.indexOf('\n') + 1));
  let body: Buffer | undefined = end < 0 ? Buffer.alloc(0) : recorded.subarray(end + gap);
  if (/chunked/iu.test(headers.get('transfer-encoding') ?? '')) body = unchunked(body) ?? body; // crawlers undo it and leave the header
  for (const coding of (headers.get('content-encoding') ?? '').split(',').reverse())
    body = body && undone(body, coding.trim().toLowerCase());
  return { status, contentType: headers.get('content-type') ?? '', body };
}

/** Undefined if it is not in chunks. */
function unchunked(body: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const feed = body.indexOf('\r\n', at);
    const size = /^\s*([0-9a-f]{1,8})\s*(;.*)?$/iu.exec(body.subarray(at, Math.max(at, feed)).toString('latin1'))?.[1];
    if (size === undefined) return undefined;
    const length = Number.parseInt(size, 16);
    if (length === 0) break;
    parts.push(body.subarray(feed + 2, feed + 2 + length));
    at = feed + 2 + length + 2;
  }
  return Buffer.concat(parts);
}

function undone(body: Buffer, coding: string): Buffer | undefined {
  try {
    if (coding === 'gzip' || coding === 'x-gzip') return body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body;
    if (coding === 'deflate') return (body[0] ?? 0) % 16 === 8 ? inflateSync(body) : inflateRawSync(body);
    if (coding === 'br') return brotliDecompressSync(body);
  } catch {
    return undefined;
  }
  return coding === '' || coding === 'identity' ? body : undefined;
}
