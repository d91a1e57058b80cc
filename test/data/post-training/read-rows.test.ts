import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { TrainbookError } from '../../../src/error.js';
import {
  readConversations,
  readFeedback,
  readInstructions,
  readPreferences,
  readProblems,
} from '../../../src/data/post-training/index.js';
import { fileOf, linesFile } from './in-files.js';

const row = (output: string) => ({ instruction: 'Name a colour.', input: '', output });
const right = [row('Red.'), row('蓝色。')];

describe('rows', () => {
  it('are the same from JSON Lines, JSON, CSV, gzip and Parquet', async () => {
    const json = JSON.stringify(right, undefined, 1);
    const csv = 'instruction,input,output\nName a colour.,,Red.\nName a colour.,,蓝色。\n';
    const column = (name: 'instruction' | 'input' | 'output') => ({ name, data: right.map((one) => one[name]) });
    const parquet = new Uint8Array(
      parquetWriteBuffer({ columnData: [column('instruction'), column('input'), column('output')] }),
    );
    const lines = right.map((one) => JSON.stringify(one)).join('\n');
    const files = [
      [linesFile(...right), [1, 2]],
      [fileOf(json, 'json'), [2, 7]],
      [fileOf(lines, 'json'), [1, 2]],
      [fileOf(csv, 'csv'), [2, 3]],
      [fileOf(csv.replaceAll(',', '\t'), 'tsv'), [2, 3]],
      [fileOf(gzipSync(lines), 'jsonl.gz'), [1, 2]],
      [fileOf(parquet, 'parquet'), [1, 2]],
    ] as const;
    const ids = new Set<string>();
    for (const [file, places] of files) {
      const { rows, report } = await readInstructions(file);
      expect(rows.map(({ fields }) => fields)).toEqual(right);
      expect(rows.map(({ place }) => place)).toEqual(places.map((line) => ({ file, row: line })));
      expect([report.numRows, report.numRejected, report.listed]).toEqual([2, 0, []]);
      ids.add(rows.map(({ id }) => id).join());
    }
    expect(ids.size).toBe(1);
  });

  it('of JSON are found over the ends of chunks', async () => {
    const many = Array.from({ length: 3 }, (_, at) => row(`${at} ${'{"\\ '.repeat(150_000)}`));
    const { rows } = await readInstructions(fileOf(JSON.stringify(many), 'json'));
    expect(rows.map(({ fields }) => fields)).toEqual(many);
  });

  it('that are wrong are an error with the first of them and the counts', async () => {
    const file = linesFile(...right, row(' '), { instruction: 'Name a colour.', input: 3 }, row('Red.'));
    await expect(readInstructions(file)).rejects.toThrow(TrainbookError);
    const text = await readInstructions(file).then(String, String);
    expect(text).toContain('readInstructions: 3 of 5 rows');
    expect(text).toContain(`${file}:3 output: empty answer: received " "`);
    expect(text).toContain(`${file}:4 input: wrong type: received 3, expected a text, or nothing`);
    expect(text).toContain(`${file}:4 output: missing field: received fields instruction, input`);
    expect(text).toContain(`${file}:5: duplicate row: received the same as ${file}:1`);
    expect(text).toContain('missing field 1, wrong type 1, empty answer 1, duplicate row 1');
  });

  it('that are wrong are counted all, and listed up to a limit', async () => {
    const file = linesFile(...Array.from({ length: 7 }, () => row('')), row('Red.'));
    const { rows, report } = await readInstructions(file, { onBadRow: 'reject', listed: 2 });
    expect(rows).toHaveLength(1);
    expect([report.numRows, report.numRejected, report.listed.length]).toEqual([8, 7, 2]);
    expect([...report.counts]).toEqual([['empty answer', 7]]);
    expect(report.text()).toMatch(
      /1 of 8 rows kept, 7 rejected: empty answer 7\n.*:1 output.*\n.*:2 .*\n… and 5 more$/u,
    );
    expect(report.table().rows).toEqual(
      [1, 2].map((line) => [`${file}:${line}`, 'empty answer', 'output', '""', 'a text that is not empty']),
    );
    expect(report.summary()).toMatchObject({ facts: { rows: 8, kept: 1, rejected: 7 } });
  });

  it('that are none are rejects with their line', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"instruction": "a", "output"\n3\n'),
      Buffer.from([...Buffer.from('{"instruction": "a", "output": "'), 0xff, ...Buffer.from('"}\n\n')]),
      Buffer.from(`${JSON.stringify(row('Red.'))}\n${JSON.stringify(row('x'.repeat(300)))}\n`),
    ]);
    const { rows, report } = await readInstructions(fileOf(bytes), { onBadRow: 'reject', largestRow: 200 });
    expect(rows.map(({ place }) => place.row)).toEqual([5]);
    expect(report.listed.map(({ kind, place }) => [kind, place.row])).toEqual([
      ['not JSON', 1],
      ['not an object', 2],
      ['not UTF-8', 3],
      ['row too long', 6],
    ]);
    const json = fileOf('[1, {"instruction": "a", "output": "b"},\n {"instruction": ', 'json');
    const read = await readInstructions(json, { onBadRow: 'reject' });
    expect([read.rows.length, ...read.report.listed.map(({ place }) => place.row)]).toEqual([1, 1, 2]);
    const long = fileOf(JSON.stringify([row('x'.repeat(3e6)), row('Red.')]), 'json');
    const short = await readInstructions(long, { onBadRow: 'reject', largestRow: 1000 });
    expect([short.rows.length, ...short.report.listed.map(({ kind }) => kind)]).toEqual([1, 'row too long']);
  });

  it('of a file that breaks off are read up to there', async () => {
    const packed = gzipSync(Array.from({ length: 5000 }, (_, at) => JSON.stringify(row(`${at}`))).join('\n'));
    const file = fileOf(packed.subarray(0, packed.length / 2), 'jsonl.gz');
    await expect(readInstructions(file)).rejects.toThrow('damaged or cut off');
    const { report } = await readInstructions(file, { onBadRow: 'reject' });
    expect(report.counts.get('file damaged')).toBe(1);
  });

  it('say their language, where they do', async () => {
    const file = linesFile({ ...row('Red.'), language: 'en' }, row('Blue.'), { ...row('红'), lang: 'zh' });
    const { rows } = await readInstructions(file);
    expect(rows.map(({ language }) => language)).toEqual(['en', undefined, undefined]);
    const named = await readInstructions(file, { fields: { language: 'lang' } });
    expect(named.rows.map(({ language }) => language)).toEqual([undefined, undefined, 'zh']);
  });

  it('mend halves of surrogate pairs', async () => {
    const { rows } = await readInstructions(fileOf('{"instruction": "a\\ud83d", "output": "\\ud83d\\ude00"}\n'));
    expect(rows[0]?.fields).toEqual({ instruction: 'a\uFFFD', input: '', output: '😀' });
  });

  it('of other formats say who reads them', async () => {
    const messages = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ];
    const shareGpt = { conversations: [{ from: 'human', value: 'a' }] };
    const expectLooks = async (read: Promise<unknown>, looks: string) => {
      await expect(read).rejects.toThrow(`this looks like ${looks}`);
    };
    await expectLooks(readInstructions(linesFile(shareGpt)), 'ShareGPT: readConversations');
    await expectLooks(readProblems(linesFile({ messages })), 'messages of chats: readConversations');
    await expectLooks(readConversations(linesFile(row('Red.'))), 'Alpaca: readInstructions');
    await expectLooks(
      readConversations(linesFile({ conversations: messages, chosen: 'a', rejected: 'b' })),
      'preference pairs: readPreferences',
    );
    await expectLooks(readFeedback(linesFile({ prompt: 'a', chosen: 'b', rejected: 'c' })), 'preference pairs');
    await expectLooks(readPreferences(linesFile({ prompt: 'a', completion: 'b', label: true })), 'feedback for KTO');
    await expectLooks(readInstructions(linesFile({ question: 'a', answer: '#### 1' })), 'problems: readProblems');
    await expectLooks(readInstructions(linesFile({ text: 'a' })), 'plain documents: load');
  });
});

const readers = { readInstructions, readConversations, readPreferences, readFeedback, readProblems };

/** Rows that are nearly right: known fields, with right and wrong values. */
const turn = fc.record(
  {
    role: fc.constantFrom('user', 'assistant', 'system', 'tool', 'bot', 3),
    from: fc.constantFrom('human', 'gpt', null),
    content: fc.oneof(fc.string(), fc.jsonValue()),
    tool_calls: fc.constantFrom([], [{}]),
  },
  { requiredKeys: [] },
);
const part = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(turn, { maxLength: 4 }),
  turn,
  fc.boolean(),
  fc.jsonValue(),
  fc.constantFrom(
    '\n\nHuman: a\n\nAssistant: b',
    '\n\nHuman: a\n\nHuman: b\n\nAssistant:',
    '#### 1/0',
    'A > B',
    '',
    null,
  ),
);
const names = [
  ...['instruction', 'input', 'output', 'conversations', 'messages', 'system', 'history', 'prompt', 'chosen'],
  ...[
    'rejected',
    'answers',
    'ranking',
    'completion',
    'label',
    'question',
    'problem',
    'solution',
    'answer',
    '__proto__',
  ],
];
const anyRow = fc.oneof(
  { weight: 8, arbitrary: fc.dictionary(fc.constantFrom(...names), part, { maxKeys: 6 }) },
  { weight: 1, arbitrary: fc.jsonValue() },
);

it.each(Object.entries(readers))('%s: of whatever row comes a value or a listed reject', async (_, read) => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyRow, { minLength: 1, maxLength: 20 }), async (given) => {
      const { rows, report } = await read(linesFile(...given), { onBadRow: 'reject' });
      const kept = new Set(rows.map(({ place }) => place.row));
      const listed = new Set(report.listed.map(({ place }) => place.row));
      expect([...kept].filter((line) => listed.has(line))).toEqual([]);
      expect([...kept, ...listed].sort((a, b) => a - b)).toEqual(given.map((_, at) => at + 1));
      expect([report.numRows, report.numRejected]).toEqual([given.length, listed.size]);
    }),
    { numRuns: 60 },
  );
});

it.each(['jsonl', 'json', 'csv', 'tsv', 'parquet', 'jsonl.gz'])(
  'of whatever bytes come in .%s, too',
  async (ending) => {
    const text = fc.stringMatching(/^[[\]{}",:\\ \na1\u{e9}]*$/u);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      text.map((given) => new TextEncoder().encode(given)),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (given) => {
        const { rows, report } = await readInstructions(fileOf(given, ending), { onBadRow: 'reject' });
        expect([rows.length, report.numRejected]).toEqual([0, report.numRows]);
      }),
      { numRuns: 60 },
    );
  },
);

it('round trip: instructions that are written are read back', async () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((one) => one.trim() !== '' && one.isWellFormed());
  const instruction = fc.record({ instruction: text, input: fc.oneof(text, fc.constant('')), output: text });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(instruction, { minLength: 1, selector: JSON.stringify }), async (given) => {
      for (const file of [linesFile(...given), fileOf(JSON.stringify(given, undefined, 2), 'json')]) {
        const { rows } = await readInstructions(file);
        expect(rows.map(({ fields }) => fields)).toEqual(given);
      }
    }),
    { numRuns: 40 },
  );
});
