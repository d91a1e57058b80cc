import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { samplesCodec } from '../../src/model/samples-codec.js';

const samples = [
  { prompt: 'ROMEO:', text: '\nAy me', numTokens: 5, finish: 'length' },
  { prompt: '语', text: '', numTokens: 0, finish: 'stop' },
] as const;

it('knows samples by their shape and keeps them as they are', async () => {
  expect(samplesCodec.is(samples)).toBe(true);
  expect(samplesCodec.is([])).toBe(false);
  expect(samplesCodec.is([...samples, { prompt: 'a' }])).toBe(false);
  expect(samplesCodec.is('ROMEO:')).toBe(false);
  const folder = await mkdtemp(join(tmpdir(), 'trainbook-samples-'));
  await samplesCodec.write(samples, folder);
  expect(await samplesCodec.read(folder)).toEqual(samples);
  await rm(folder, { recursive: true });
});

it('shows each text whole under its prompt', () => {
  expect(samplesCodec.summarise(samples)).toEqual({
    title: 'Samples',
    facts: { texts: 2, 'tokens written': 5 },
    texts: [
      { title: 'ROMEO:', text: 'ROMEO:\nAy me' },
      { title: '语', text: '语' },
    ],
  });
});
