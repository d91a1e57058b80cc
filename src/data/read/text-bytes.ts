import { isUtf8 } from 'node:buffer';
import { TrainbookError } from '../../error.js';
import type { Chunks } from './bytes.js';
import { decodeUtf8 } from './decode.js';

/** Bytes at the beginning of a file that show whether it is text. */
const headBytes = 65_536;

/**
 * The bytes of a file of text in UTF-8, without a byte-order mark. UTF-16 with its mark, and any `encoding` that is named (such as
 * `gb18030`), is converted on the way.
 *
 * @throws TrainbookError for a file that is empty, binary, or plainly in another encoding.
 */
export async function* textBytes(chunks: Chunks, path: string, encoding?: string): AsyncGenerator<Buffer, undefined> {
  let head: Buffer | undefined = Buffer.alloc(0);
  let decoder: Decoder | undefined;
  const opened = (bytes: Buffer, atEnd: boolean): Buffer => {
    decoder = decoderOf(bytes, encoding);
    if (decoder !== undefined) return Buffer.from(decoder.decode(bytes, { stream: true }));
    checkText(bytes.subarray(0, headBytes), path, atEnd);
    return bytes.subarray(0, 3).equals(mark) ? bytes.subarray(3) : bytes;
  };
  for await (const chunk of chunks) {
    if (head === undefined) yield decoder === undefined ? chunk : Buffer.from(decoder.decode(chunk, { stream: true }));
    else {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      if (head.length < headBytes) continue;
      yield opened(head, false);
      head = undefined;
    }
  }
  if (head?.length === 0)
    throw new TrainbookError({ what: 'load: the file is empty', received: path, expected: 'text' });
  if (head !== undefined) yield opened(head, true);
  const last = decoder?.decode() ?? '';
  if (last !== '') yield Buffer.from(last);
}

type Decoder = InstanceType<typeof TextDecoder>;

const mark = Buffer.from('\uFEFF');

function decoderOf(head: Buffer, encoding: string | undefined): Decoder | undefined {
  const utf16 =
    head[0] === 0xff && head[1] === 0xfe ? 'utf-16le' : head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : undefined;
  const label = encoding ?? utf16;
  if (label === undefined || /^utf-?8$/iu.test(label)) return undefined;
  try {
    return new TextDecoder(label);
  } catch (cause) {
    throw new TrainbookError({
      what: 'load: no such encoding',
      received: label,
      expected: 'a name of the Encoding Standard, such as gb18030, big5, shift_jis or windows-1252',
      cause,
    });
  }
}

/** A byte of 0, or more than a tenth of what is read not UTF-8, is no text that could be mended. */
function checkText(head: Buffer, path: string, atEnd: boolean): void {
  const zero = head.indexOf(0);
  if (zero >= 0) {
    throw new TrainbookError({
      what: 'load: the file is binary, not text',
      received: `${path}: a byte of 0 at place ${zero}`,
      expected: 'text in UTF-8',
      fix: 'give files of text, or name their { format }',
    });
  }
  if (isUtf8(head)) return;
  const { text, numInvalid } = decodeUtf8(head);
  const numCut = atEnd ? 0 : 1; // the last character of the head may be half
  if ((numInvalid - numCut) * 10 > text.length && numInvalid > 3) {
    throw new TrainbookError({
      what: 'load: the file is not UTF-8',
      received: `${path}: ${numInvalid} sequences of its first ${head.length} bytes are not`,
      expected: 'text in UTF-8',
      fix: "name its encoding, such as { encoding: 'gb18030' } or { encoding: 'windows-1252' }",
    });
  }
}
