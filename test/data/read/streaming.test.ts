import { execFile } from 'node:child_process';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { testFolder } from './reading.js';

const folder = testFolder();
const passage = 'The walk goes up the hill, and from there, where the old mill stands, one sees the river, the town and the sea.\n';

/** A file of `blocks` equal blocks of about a megabyte between a beginning and an end. */
async function repeated(name: string, blocks: number, block: Uint8Array | string, begin = '', end = ''): Promise<string> {
  const path = join(folder.path(), name);
  const bytes = Buffer.from(block);
  const file = await open(path, 'w');
  await file.writeFile(begin);
  for (let index = 0; index < blocks; index++) await file.writeFile(bytes);
  await file.writeFile(end);
  await file.close();
  return path;
}

interface Told {
  readonly documents: number;
  /** Megabytes. */
  readonly rss: number;
}

/** Reads a file in a process of its own whose heap is small; says its highest memory. */
async function readApart(path: string): Promise<Told> {
  const program = join(folder.path(), 'apart.mts');
  const module = new URL('../../../src/data/read/inputs.ts', import.meta.url).href;
  await writeFile(
    program,
    `import { listInputs, readInput } from ${JSON.stringify(module)};
     let documents = 0;
     for (const input of await listInputs(process.argv[2])) for await (const { document } of readInput(input)) documents += Number(document.text !== '');
     console.log(JSON.stringify({ documents, rss: process.resourceUsage().maxRSS / 1024 }));`,
  );
  const node = ['--max-old-space-size=64', '--import', 'tsx', program, path];
  const { stdout } = await promisify(execFile)(process.execPath, node, { cwd: new URL('../../..', import.meta.url) });
  return JSON.parse(stdout) as Told;
}

const row = JSON.stringify({ text: passage.repeat(40), url: 'http://example.org' });
const rows = `${row}\n`.repeat(220); // a megabyte
const csv = `"${passage.repeat(40)}",1\n`.repeat(220);
const page = `<page><title>A</title><ns>1</ns><id>1</id><revision><text>${passage.repeat(40)}</text></revision></page>\n`.repeat(220);
const record = `WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: ${passage.length * 40}\r\n\r\n${passage.repeat(40)}\r\n\r\n`.repeat(220);

describe('reading', () => {
  it('takes no more memory for 200 MB than for 5 MB', { timeout: 120_000 }, async () => {
    const small = await readApart(await repeated('small.jsonl', 5, rows));
    const large = await readApart(await repeated('large.jsonl', 200, rows));
    expect([small.documents, large.documents]).toEqual([5 * 220, 200 * 220]);
    expect(large.rss - small.rss).toBeLessThan(80); // megabytes
    expect(large.rss).toBeLessThan(260);
  });

  it.each([
    ['jsonl.gz', 220, gzipSync(rows), '', ''],
    ['txt', undefined, passage.repeat(9000), '', ''],
    ['csv', 220, csv, 'text,n\n', ''],
    ['json', 220, `${row},\n`.repeat(220), '[', `${row}]`],
    ['xml', 220, page, '<mediawiki>', '</mediawiki>'],
    ['wet', 220, record, '', ''],
  ] as const)('takes little for 60 MB of .%s', { timeout: 60_000 }, async (ending, perBlock, block, begin, end) => {
    const { documents, rss } = await readApart(await repeated(`large.${ending}`, 60, block, begin, end));
    if (ending === 'xml') expect(documents).toBe(0); // talk pages: each was looked at, and dropped
    else if (perBlock !== undefined) expect(Math.floor(documents / 10)).toBe((60 * perBlock) / 10);
    else expect(documents).toBeGreaterThan(20_000);
    expect(rss).toBeLessThan(260);
  });
});
