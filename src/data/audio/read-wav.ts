import { readFile } from 'node:fs/promises';
import { TrainbookError } from '../../error.js';

/** Sound as numbers. */
export interface Recording {
  /** From −1 to 1; of several channels their mean. */
  readonly samples: Float32Array;
  /** Samples a second. */
  readonly sampleRate: number;
}

/*
 * A WAV file is chunks, each a name of four letters, its length and its bytes, padded to an even length:
 *
 * "RIFF" length "WAVE"   "fmt " 16 format channels rate bytes/s bytes/frame bits   "data" length samples, channel by channel
 */

/**
 * Reads a WAV file: integers of 16, 24 or 32 bits, or float32. Other formats are for ffmpeg to change.
 *
 * @throws TrainbookError if the file is missing, cut off, or of another format, which it names.
 * @example
 * const { samples, sampleRate } = await readWav('hello.wav');
 */
export async function readWav(path: string): Promise<Recording> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw refusal(path, 'it cannot be read', cause instanceof Error ? cause.message : String(cause), 'a WAV file');
  });
  return parseWav(bytes, path);
}

/** The recording that a file's bytes are; `source` names them in errors. */
export function parseWav(bytes: Uint8Array, source: string): Recording {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || text(0) !== 'RIFF' || text(8) !== 'WAVE')
    throw refusal(
      source,
      'it does not begin as one',
      `${bytes.length} bytes, ${JSON.stringify(text(0))}`,
      'RIFF … WAVE',
    );
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const [name, length] = [text(at), view.getUint32(at + 4, true)];
    const start = at + 8;
    if (start + length > bytes.length)
      throw refusal(
        source,
        `its part ${JSON.stringify(name)} is cut off`,
        `${bytes.length - start} bytes`,
        `${length}`,
      );
    if (name === 'fmt ') format = formatOf(view, start, length, source);
    if (name === 'data') {
      if (format === undefined) throw refusal(source, 'its sound stands before its format', 'data', 'fmt, then data');
      return { samples: samplesOf(view, start, length, format), sampleRate: format.sampleRate };
    }
    at = start + length + (length % 2);
  }
  throw refusal(source, 'it has no sound', 'no part "data"', 'a part "data"');
}

interface Format {
  readonly channels: number;
  readonly sampleRate: number;
  /** Bytes of a sample of one channel, and how it is read, from −1 to 1. */
  readonly size: number;
  readonly read: (view: DataView, at: number) => number;
}

/** By the format's number (1: integers, 3: floats) and bits. */
const readers: Readonly<Record<string, Format['read']>> = {
  '1/16': (view, at) => view.getInt16(at, true) / 2 ** 15,
  '1/24': (view, at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 2 ** 23,
  '1/32': (view, at) => view.getInt32(at, true) / 2 ** 31,
  '3/32': (view, at) => view.getFloat32(at, true),
};

/** A format whose number stands further behind. */
const extensible = 0xfffe;

function formatOf(view: DataView, at: number, length: number, source: string): Format {
  if (length < 16) throw refusal(source, 'its format is cut off', `${length} bytes`, 'at least 16');
  const given = view.getUint16(at, true);
  const kind = given === extensible && length >= 26 ? view.getUint16(at + 24, true) : given;
  const [channels, sampleRate, bits] = [
    view.getUint16(at + 2, true),
    view.getUint32(at + 4, true),
    view.getUint16(at + 14, true),
  ];
  const read = readers[`${kind}/${bits}`];
  if (read === undefined || channels === 0 || sampleRate === 0)
    throw refusal(
      source,
      'its format is not read here',
      `format ${kind} of ${bits} bits, ${channels} channels, ${sampleRate} samples a second`,
      'integers (1) of 16, 24 or 32 bits, or floats (3) of 32',
    );
  return { channels, sampleRate, size: bits / 8, read };
}

function samplesOf(view: DataView, start: number, length: number, { channels, size, read }: Format): Float32Array {
  const frame = channels * size;
  return Float32Array.from({ length: Math.floor(length / frame) }, (_, index) => {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += read(view, start + index * frame + channel * size);
    return sum / channels;
  });
}

function refusal(source: string, problem: string, received: string, expected: string): TrainbookError {
  return new TrainbookError({
    what: `${source} is not read as WAV: ${problem}`,
    received,
    expected,
    fix: 'ffmpeg -i recording -ar 16000 -ac 1 recording.wav',
  });
}
