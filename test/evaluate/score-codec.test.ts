import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scoreCodec } from '../../src/evaluate/score-codec.js';

const score = { nats: 4.312_7, bitsPerByte: 1 / 3, tokens: 9120, bytes: 33_742 };

it('knows a score by its shape, and keeps it to the last digit', async () => {
  expect(scoreCodec.is(score)).toBe(true);
  expect(scoreCodec.is({ ...score, nats: NaN })).toBe(false);
  expect(scoreCodec.is({ ...score, more: 1 })).toBe(false);
  expect(scoreCodec.is(null)).toBe(false);
  const folder = await mkdtemp(join(tmpdir(), 'trainbook-score-'));
  await scoreCodec.write(score, folder);
  expect(await scoreCodec.read(folder)).toEqual(score);
  await rm(folder, { recursive: true });
});
