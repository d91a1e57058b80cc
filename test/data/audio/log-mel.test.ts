import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { logMel, melFilters } from '../../../src/data/audio/log-mel.js';
import { parseWav, readWav } from '../../../src/data/audio/read-wav.js';
import { readJson } from '../../../src/files.js';
import { expectClose } from '../../model/close.js';

interface Truth {
  readonly frames: number;
  /** Every fifth frame, by the number of bands. */
  readonly some: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly means: Readonly<Record<string, number>>;
}

// transformers' Whisper, by fixtures/log_mel.py.
const truth = (await readJson(join(import.meta.dirname, 'fixtures', 'log-mel.json'))) as Truth;
const samples = Float32Array.from({ length: 4000 }, (_, index) => {
  const time = index / 16000;
  const sweep = time > 0.1 ? 0.2 * Math.sin(2 * Math.PI * (1000 + 3000 * time) * time) : 0;
  return 0.3 * Math.sin(2 * Math.PI * 440 * time) + sweep;
});

describe('logMel', () => {
  it.each([80, 16])('hears in %i bands what Whisper hears', (mels) => {
    const { values, frames } = logMel({ samples, sampleRate: 16000 }, { mels });
    expect(frames).toBe(truth.frames);
    truth.some[String(mels)]?.forEach((row, index) => {
      expectClose(values.subarray(5 * index * mels, (5 * index + 1) * mels), row, 2e-3);
    });
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean).toBeCloseTo(truth.means[String(mels)] ?? NaN, 3);
  });

  it('cuts off what is longer, and fills up with silence', () => {
    const whole = logMel({ samples, sampleRate: 16000 });
    const short = logMel({ samples, sampleRate: 16000 }, { frames: 10 });
    expect(short.frames).toBe(10);
    expectClose(short.values.subarray(0, 8 * 80), whole.values.subarray(0, 8 * 80), 1e-3); // the ninth sees the end
    const long = logMel({ samples, sampleRate: 16000 }, { frames: 40 });
    const silence = long.values.at(-1) ?? NaN;
    expect(long.values.subarray(30 * 80).every((value) => value === silence)).toBe(true);
  });

  it('has triangles of area 1', async () => {
    const filters = await melFilters({ bins: 4001, mels: 20, sampleRate: 16000 }).array();
    for (const row of filters) expect(row.reduce((sum, value) => sum + 2 * value, 0)).toBeCloseTo(1, 2); // 2 Hz a bin
  });

  it('says what does not fit', () => {
    expect(() => logMel({ samples: new Float32Array(100), sampleRate: 16000 })).toThrow('too short');
    expect(() => logMel({ samples, sampleRate: 16000 }, { hop: 0 })).toThrow('hop');
  });
});

/** A WAV file. */
function wav(kind: number, bits: number, channels: number, data: Buffer): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(kind, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(8000, 24);
  header.writeUInt16LE(bits, 34);
  header.write('data', 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

describe('readWav', () => {
  it('reads integers and floats, and the mean of channels', async () => {
    const two = Buffer.from(Int16Array.of(16384, -16384, 32767, 1).buffer);
    expect([...parseWav(wav(1, 16, 2, two), 'it').samples]).toEqual([0, 0.5]);
    expect([...parseWav(wav(1, 24, 1, Buffer.from([0, 0, 0x40, 0, 0, 0x80])), 'it').samples]).toEqual([0.5, -1]);
    expect([...parseWav(wav(1, 32, 1, Buffer.from(Int32Array.of(2 ** 30).buffer)), 'it').samples]).toEqual([0.5]);
    const folder = await mkdtemp(join(tmpdir(), 'wav-'));
    const path = join(folder, '你好.wav');
    await writeFile(path, wav(3, 32, 1, Buffer.from(Float32Array.of(0.25, -0.75).buffer)));
    expect(await readWav(path)).toEqual({ samples: Float32Array.of(0.25, -0.75), sampleRate: 8000 });
    await rm(folder, { recursive: true });
  });

  it('names what is wrong', async () => {
    const good = wav(1, 16, 1, Buffer.alloc(8));
    expect(() => parseWav(good.subarray(0, 46), 'it')).toThrow('cut off');
    expect(() => parseWav(good.subarray(0, 36), 'it')).toThrow('no sound');
    expect(() => parseWav(Buffer.from('ID3'), 'it')).toThrow('does not begin');
    expect(() => parseWav(wav(1, 8, 1, Buffer.alloc(8)), 'it')).toThrow('format 1 of 8 bits');
    await expect(readWav('/no/such.wav')).rejects.toThrow('cannot be read');
  });
});
