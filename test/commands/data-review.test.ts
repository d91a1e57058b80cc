import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli.js';
import { catchPrinted } from './printed.js';

const printed = catchPrinted();

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-review-'));
  const texts = Array.from({ length: 30 }, (_, index) => ({
    text: index % 3 === 0 ? `text  with a double space ${index}` : `text ${index}`,
  }));
  const long = Array.from({ length: 60 }, (_, index) => `word${index}`).join(' ');
  const lines = [...texts, { text: `${long} <b>one</b>` }, { text: `${long} two` }];
  await writeFile(join(folder, 'my.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

describe('trainbook data review', () => {
  it('serves the page, keeps what is judged, and gives the scores', async () => {
    const words = ['data', 'review', join(folder, 'my.jsonl'), '--step', 'normalise', '--rule', 'runs of spaces'];
    const out = ['--out', join(folder, 'out'), '--sample', '6', '--annotator', 'mei', '--json'];
    const running = main([...words, ...out]);
    await vi.waitFor(() => {
      expect(printed.stdout).toContain('\n');
    }, 20_000);
    const { address, hits, misses, sample } = JSON.parse(printed.stdout) as Record<string, string | number>;
    expect({ hits, misses, sample }).toEqual({ hits: 10, misses: 22, sample: 6 });
    for (const number of [0, 1]) {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ number, judgement: 'yes' });
      expect((await fetch(`${String(address)}judge`, { method: 'POST', headers, body })).status).toBe(200);
    }
    process.emit('SIGINT');
    expect(await running).toBe(0);
    expect((await readFile(join(folder, 'out', 'judgements.jsonl'), 'utf8')).split('\n')).toHaveLength(3);

    printed.stdout = '';
    expect(await main([...words, ...out, '--scores'])).toBe(0);
    const scores = JSON.parse(printed.stdout) as { hits: { judged: number }; misses: { judged: number } };
    expect(scores).toMatchObject({ annotator: 'mei', rule: 'runs of spaces' });
    expect(scores.hits.judged + scores.misses.judged).toBe(2);

    expect(await main([...words, ...out, '--seed', '2'])).toBe(1);
    expect(printed.stderr).toMatch(/has another sample[^]*--out/u);
  });

  it('refuses what it cannot review', async () => {
    expect(await main(['data', 'review'])).toBe(2);
    expect(printed.stderr).toContain('which --rule?');
    const from = join(folder, 'my.jsonl');
    const out = ['--out', join(folder, 'out')];
    expect(await main(['data', 'review', from, '--step', 'normalise', '--rule', 'phone', ...out])).toBe(1);
    expect(printed.stderr).toMatch(/no document was met by this rule[^]*runs of spaces \(10\)/u);
    expect(await main(['data', 'review', from, '--step', 'nothing', '--rule', 'phone', ...out])).toBe(1);
    expect(printed.stderr).toMatch(/no step of this name[^]*nothing/u);
    expect(await main(['data', 'review', join(folder, 'none.ts'), '--rule', 'phone', ...out])).toBe(1);
    expect(printed.stderr).toMatch(/is no pipeline[^]*no such file/u);
  });
});

describe('trainbook data read', () => {
  it('prints dropped documents with what differs, or writes a page', async () => {
    const options = ['--step', 'deduplicate', '--options', '{"threshold":0.8}', '--rule', 'near'];
    const words = ['data', 'read', join(folder, 'my.jsonl'), '--dropped', '--beside', 'like', ...options];
    expect(await main(words)).toBe(0);
    expect(printed.stdout).toMatch(
      /deduplicate, near-duplicate 0\.\d+\n[0-9a-f]{32} beside [0-9a-f]{32}: \d+\.\d% the same\n…/u,
    );
    expect(printed.stdout).toContain('{+two+}');
    const page = join(folder, 'dropped.html');
    printed.stdout = '';
    expect(await main([...words, '--out', page])).toBe(0);
    expect(printed.stdout).toBe(`1 documents in ${page}\n`);
    const html = await readFile(page, 'utf8');
    expect(html).toContain('&lt;');
    expect(html).not.toContain('<b>one');
    expect(html).toContain('default-src &#39;none&#39;');
    expect(html).toMatch(/<del[^>]*>[^<]*&lt;/u);
  });

  it('runs the pipeline that a file exports', async () => {
    const file = join(folder, 'pipeline.mjs');
    const judge = '(documents) => documents.map((keep) => (keep.text.length < 7 ? { drop: "short" } : { keep }))';
    const reading = JSON.stringify({ source: join(folder, 'my.jsonl') });
    await writeFile(file, `export default { reading: ${reading}, steps: [{ name: 'length', judge: ${judge} }] };`);
    expect(await main(['data', 'read', file, '--rule', 'short', '--beside', 'kept', '--count', '2', '--json'])).toBe(0);
    const { from, pairs } = JSON.parse(printed.stdout) as {
      from: string;
      pairs: { step: string; kept: { text: string } }[];
    };
    expect(from).toBe(`${file} through length`);
    expect(pairs.map(({ step, kept }) => [step, kept.text.length >= 7])).toEqual([
      ['length', true],
      ['length', true],
    ]);
  });
});
