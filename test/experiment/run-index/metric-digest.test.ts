import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lastAttempts, parseRows } from '../../../src/experiment/metrics.js';
import { digestRows, extendDigest } from '../../../src/experiment/run-index/metric-digest.js';
import { lines, row } from './fixtures.js';

const rows = fc.array(
  fc.record({
    attempt: fc.integer({ min: 1, max: 3 }),
    stage: fc.constantFrom('base', '微调'),
    step: fc.integer({ min: 0, max: 6 }),
    time: fc.constant(0),
    values: fc.dictionary(fc.constantFrom('loss', 'accuracy', 'x'), fc.constantFrom(1, 2, -3.5, Number.NaN)),
  }),
  { maxLength: 12 },
);

it('is that of the rows that count, by hand', () => {
  const digest = digestRows([
    row('base', 1, { loss: 4 }),
    row('base', 2, { loss: 1 }),
    row('base', 3, { loss: 2 }),
    row('base', 2, { loss: 3 }, 2), // done again after a kill: the 1 is forgotten
    row('base', 3, { accuracy: 0.5 }),
  ]);
  expect(digest).toEqual([
    {
      stage: 'base',
      metrics: [
        { name: 'loss', count: 3, last: { step: 3, value: 2 }, min: { step: 3, value: 2 }, max: { step: 1, value: 4 } },
        {
          name: 'accuracy',
          count: 1,
          last: { step: 3, value: 0.5 },
          min: { step: 3, value: 0.5 },
          max: { step: 3, value: 0.5 },
        },
      ],
      end: { step: 3, attempt: 1, time: row('base', 3, {}).time, names: ['loss', 'accuracy'] },
    },
  ]);
});

it('extended by rows is that of all rows, or says that it cannot be', () => {
  fc.assert(
    fc.property(rows, fc.nat({ max: 12 }), (all, cut) => {
      const extended = extendDigest(digestRows(all.slice(0, cut)), all.slice(cut));
      if (extended !== undefined) expect(extended).toEqual(digestRows(all));
    }),
    { numRuns: 2000 },
  );
});

it('is extended where steps follow each other, and where an evaluation joins the last one', () => {
  const digest = digestRows([row('base', 1, { loss: 4 }), row('base', 2, { loss: 3 })]);
  const more = [row('base', 2, { accuracy: 0.1 }), row('base', 3, { loss: 2 }), row('sft', 1, { loss: 9 })];
  expect(extendDigest(digest, more)?.map(({ stage, metrics }) => [stage, metrics.map(({ count }) => count)])).toEqual([
    ['base', [3, 1]],
    ['sft', [1]],
  ]);
  expect(extendDigest(digest, [row('base', 2, { loss: 2 }, 2)])).toBeUndefined();
});

it('counts each last attempt once: digest and reader agree', () => {
  fc.assert(
    fc.property(rows, (all) => {
      const counting = lastAttempts(all);
      for (const { stage, metrics } of digestRows(all)) {
        for (const { name, count, last, min } of metrics) {
          const values = counting.filter((each) => each.stage === stage).flatMap(({ values }) => values[name] ?? []);
          expect(count).toBe(values.length);
          expect(last.value).toBe(values.at(-1));
          const finite = values.filter(Number.isFinite);
          expect(min?.value).toBe(finite.length === 0 ? undefined : Math.min(...finite));
        }
      }
    }),
  );
});

it('parses lines together as it does one by one, whatever stands between them', () => {
  const line = fc.oneof(
    rows.filter((some) => some.length > 0).map(([first]) => JSON.stringify(first)),
    fc.constantFrom(
      '',
      'x',
      '{"attempt":1',
      '"stage":"a"}',
      '{},{}',
      '[1]',
      'null',
      '{"attempt":1,"stage":"a"',
      '"step":1,"time":0,"values":{}}',
      '{"attempt":1,"stage":"a","step":1,"time":0,"values":{"x":"1"}}',
      '{"attempt":1,"stage":"a","step":1,"time":0,"values":{"x":1e999}}',
      '{"attempt":1,"stage":"a","step":1,"time":0,"values":{},"more":2}',
      '{"attempt":1,"stage":"[a]","step":1,"time":0,"values":{}}',
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (some) => {
      const text = some.join('\n');
      expect(parseRows(text)).toEqual(text.split('\n').flatMap((each) => parseRows(each)));
    }),
    { numRuns: 2000 },
  );
});

it('parses in blocks: what is torn in one does not touch the others', () => {
  const many = Array.from({ length: 20_000 }, (_, step) => row('base', step, { loss: step / 3 }));
  const text = lines(many);
  expect(text.length).toBeGreaterThan(2 ** 20);
  expect(parseRows(text)).toEqual(many);
  const torn = text.replace(
    '{"attempt":1,"stage":"base","step":5,',
    '{"attempt":1,"stage":"ba\n{"attempt":1,"stage":"base","step":5,',
  );
  expect(parseRows(torn)).toEqual(many);
});
