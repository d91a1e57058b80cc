import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli.js';
import { catchPrinted } from './printed.js';

const printed = catchPrinted();

let folder = '';
let samples = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-label-command-'));
  samples = join(folder, 'samples.jsonl');
  const lines = Array.from({ length: 4 }, (_, at) => ({
    prompt: `Question ${at}?`,
    answers: [`yes ${at}`, `no ${at}`],
  }));
  await writeFile(samples, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Started {
  readonly address: string;
  readonly samples: number;
  readonly done: number;
  readonly rankings: string;
}
/** Runs the command, judges by `best`, the place of the better answer by its text, and ends it. */
const label = async (annotator: string, isBetter: (text: string) => boolean, count: number): Promise<Started> => {
  printed.stdout = '';
  const running = main(['label', samples, '--annotator', annotator, '--dimensions', 'safety', '--json']);
  await vi.waitFor(() => {
    expect(printed.stdout).toContain('\n');
  }, 20_000);
  const started = JSON.parse(printed.stdout) as Started;
  for (let at = 0; at < count; at++) {
    const { task } = (await (await fetch(`${started.address}state`)).json()) as {
      task: { sample: string; answers: readonly { text: string }[] };
    };
    const best = task.answers.findIndex(({ text }) => isBetter(text));
    const body = { sample: task.sample, dimension: 'safety', groups: [[best], [1 - best]], seconds: 1 };
    const headers = { 'content-type': 'application/json' };
    await fetch(`${started.address}judge`, { method: 'POST', headers, body: JSON.stringify(body) });
  }
  if (count === 0) expect(await main(['label', samples, '--annotator', annotator])).toBe(1);
  process.emit('SIGINT');
  expect(await running).toBe(0);
  return started;
};

describe('trainbook label', () => {
  it('serves the page, keeps what is judged, and tells how far annotators agree', async () => {
    const mei = await label('梅', (text) => text.startsWith('yes'), 4);
    expect(mei).toMatchObject({ samples: 4, done: 0, rankings: join(folder, 'samples.rankings', '梅.jsonl') });
    expect((await readFile(mei.rankings, 'utf8')).split('\n')).toHaveLength(5);
    await label('jo', (text) => text.startsWith('yes') !== text.endsWith('0'), 3);
    expect(await label('jo', () => true, 0)).toMatchObject({ done: 3 });
    expect(printed.stderr).toMatch(/has the rankings open already[^]*jo/u);

    printed.stdout = '';
    expect(await main(['label', samples, '--agreement', '--json'])).toBe(0);
    const [found] = JSON.parse(printed.stdout) as { alpha: { ordinal: { value: number } } }[];
    expect(found).toMatchObject({ dimension: 'safety', annotators: ['jo', '梅'], samples: 3, pairs: 3 });
    printed.stdout = '';
    expect(await main(['label', samples, '--agreement'])).toBe(0);
    expect(printed.stdout).toMatch(/^safety: 2 annotators, 3 samples[^]*jo and 梅: Cohen's κ /u);

    await writeFile(samples, `${await readFile(samples, 'utf8')}{"prompt":"One more?","answers":["a","b"]}\n`);
    for (const words of [['--annotator', 'jo'], ['--agreement']]) {
      printed.stderr = '';
      expect(await main(['label', samples, ...words])).toBe(1);
      expect(printed.stderr).toMatch(/rankings of another file of samples[^]*give another --out/u);
    }
  });

  it('names what is wrong with the samples, the line too', async () => {
    expect(await main(['label', join(folder, 'none.jsonl')])).toBe(1);
    expect(printed.stderr).toMatch(/no such data set, file or folder[^]*none\.jsonl/u);
    const wrong = join(folder, 'wrong.jsonl');
    await writeFile(wrong, '{"prompt":"p","answers":["a","b"]}\n{"prompt":"q","answers":["a"]}\n{"prompt"\n');
    printed.stderr = '';
    expect(await main(['label', wrong])).toBe(1);
    expect(printed.stderr).toMatch(
      /wrong\.jsonl:2 answers: number of answers: received 1[^]*wrong\.jsonl:3: not JSON/u,
    );
    await writeFile(wrong, '');
    printed.stderr = '';
    expect(await main(['label', wrong])).toBe(1);
    expect(printed.stderr).not.toContain('    at ');
    printed.stderr = '';
    expect(await main(['label', samples, '--agreement'])).toBe(1);
    expect(printed.stderr).toMatch(/there are no rankings yet/u);
  });

  it('refuses wrong usage, and a port that is taken', async () => {
    const usages: readonly (readonly string[])[] = [
      [],
      [samples, '--overlap', '2'],
      [samples, '--overlap', 'all'],
      [samples, '--dimensions', 'safety,,fluency'],
      [samples, '--dimensions', 'safety,safety'],
      [samples, '--annotator', ' '],
      [samples, '--port', '70000'],
    ];
    for (const words of usages) expect(await main(['label', ...words])).toBe(2);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    printed.stderr = '';
    expect(await main(['label', samples, '--port', String(port)])).toBe(1);
    expect(printed.stderr).toMatch(/label: this port is taken/u);
    other.close();
  });
});
