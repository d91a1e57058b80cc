import { describe, expect, test } from 'vitest';
import { audit } from '../../../src/data/audit/audit.js';
import { document } from '../../../src/data/document.js';
import { openLedger } from '../../../src/data/ledger/ledger.js';
import type { Fate } from '../../../src/data/ledger/ledger.js';
import { localStep } from '../../../src/data/local-step.js';
import { apply } from '../../../src/data/corpus.js';
import type { Corpus } from '../../../src/data/corpus.js';

const fate = (id: string, language: string, characters: number, dropped?: string): Fate => ({
  id,
  source: 'web',
  domain: 'web',
  language,
  characters,
  events: dropped === undefined ? [] : [{ step: 'quality', dropped: { drop: dropped } }],
});

/** English: 100 of which 10 are dropped. Chinese: 50 of which 30 are. */
const fates: readonly Fate[] = [
  ...Array.from({ length: 100 }, (_, index) => fate(`e${index}`, 'en', 200, index < 10 ? 'few stop words' : undefined)),
  ...Array.from({ length: 50 }, (_, index) =>
    fate(`z${index}`, 'zh', 100, index < 30 ? (index < 25 ? 'long words' : 'few stop words') : undefined),
  ),
];
const ledger = { fates, steps: ['read', 'quality', 'mix'] };

describe('an audit by language', () => {
  test('counts shares before and after, by documents and characters', async () => {
    const { rows } = await audit(ledger, { by: 'language' });
    // Steps that dropped nothing are not there.
    expect(rows.map(({ step, group }) => [step, group])).toEqual([
      ['quality', 'en'],
      ['quality', 'zh'],
    ]);
    const [english, chinese] = rows;
    expect(english).toMatchObject({ documentsIn: 100, documentsOut: 90, charactersIn: 20_000, charactersOut: 18_000 });
    expect(chinese?.shareIn).toBeCloseTo(50 / 150, 12);
    expect(chinese?.shareOut).toBeCloseTo(20 / 110, 12);
    expect(chinese?.characterShareIn).toBeCloseTo(5_000 / 25_000, 12);
    expect(chinese?.characterShareOut).toBeCloseTo(2_000 / 20_000, 12);
    expect(chinese?.survival.value).toBeCloseTo(0.4, 12);
  });

  test('names the step that drops one group more, with the rule that does it', async () => {
    const found = await audit(ledger, { by: 'language' });
    expect(found.named).toHaveLength(1);
    expect(found.named[0]).toMatchObject({
      step: 'quality',
      group: 'zh',
      dropped: { k: 30, n: 50 },
      others: { k: 10, n: 100 },
      rules: [
        { rule: 'long words', documents: 25 },
        { rule: 'few stop words', documents: 5 },
      ],
    });
    expect(found.named[0]?.ratio.value).toBeCloseTo(6, 12); // 0.6 / 0.1
    expect(found.text()).toContain('quality drops zh 6.00 times as often as the others (95%: 3.2');
    expect(found.text()).toContain('25 of them by “long words”');
    expect(found.markdown()).toContain('| quality | zh | 50 | 33.3% | 30 | 40.0% (27.6–53.8) | 18.2% | 10.0% |');
  });

  test('the same of an asynchronous iterable, as it is read from files', async () => {
    // eslint-disable-next-line @typescript-eslint/require-await -- stands for a reader of files
    async function* read(): AsyncGenerator<Fate> {
      yield* fates;
    }
    const found = await audit({ fates: read(), steps: ledger.steps }, { by: 'language' });
    expect(found.text()).toBe((await audit(ledger, { by: 'language' })).text());
  });

  test('does not name a difference that chance explains, nor a small one', async () => {
    const even = fates.map((one, index) =>
      fate(one.id, one.language ?? '', 100, index % 10 === 0 ? 'rule' : undefined),
    );
    const found = await audit({ fates: even, steps: ledger.steps }, { by: 'language' });
    expect(found.named).toEqual([]);
    expect(found.verdict()).toBe('No step drops one group clearly more than the others (2 tests, corrected).');
    const small = Array.from({ length: 40_000 }, (_, index) =>
      fate(
        String(index),
        index % 2 === 0 ? 'en' : 'zh',
        100,
        index % 20 === 0 || index % 18 === 1 ? 'rule' : undefined,
      ),
    );
    const large = await audit({ fates: small, steps: ledger.steps }, { by: 'language' });
    expect(large.tests[0]?.pValue).toBeLessThan(0.05);
    expect(large.tests[0]?.ratio.value).toBeCloseTo(1.11, 2);
    expect(large.named).toEqual([]);
    expect((await audit({ fates: small, steps: ledger.steps }, { by: 'language', ratio: 1.05 })).named).toHaveLength(1);
  });

  test('draws its figures', async () => {
    const found = await audit(ledger, { by: 'language' });
    expect(found.figure().data).toMatchObject([
      { name: 'en', y: [90], error_y: { symmetric: false } },
      { name: 'zh', y: [40] },
    ]);
    expect(found.sharesFigure().data).toMatchObject([
      { name: 'en', x: ['at first', 'after quality'], y: [80, 90] },
      { name: 'zh', y: [20, 10] },
    ]);
    expect(found.figures).toHaveLength(2);
  });
});

test('groups may be named by functions, and overlap', async () => {
  const found = await audit(ledger, {
    by: { short: ({ characters }) => characters < 150, 'ends in 1': ({ id }) => id.endsWith('1') },
  });
  expect(found.rows.map(({ group, documentsIn }) => [group, documentsIn])).toEqual([
    ['short', 50],
    ['ends in 1', 15],
  ]);
  await expect(audit(ledger, { by: { nobody: () => false } })).rejects.toThrow(/no document belongs[^]*nobody/u);
});

test('refuses a ledger without fates, and one that does not list its steps', async () => {
  await expect(audit({ fates: [], steps: ['read'] }, { by: 'source' })).rejects.toThrow('there are no documents');
  await expect(audit({ fates, steps: ['read'] }, { by: 'source' })).rejects.toThrow(/does not list[^]*quality/u);
});

test('languages are those that documents were read with', async () => {
  const documents = ['一', '二二', 'three', 'fourfour'].map((text, index) =>
    document({ text, source: 's', domain: 'd', ...(index < 3 ? { language: index < 2 ? 'zh' : 'en' } : {}) }),
  );
  const corpus: Corpus = {
    documents,
    ledger: openLedger(documents.map((each) => ({ document: each, verdict: { keep: each } }))),
  };
  const short = localStep('no single', (each) => (each.text.length < 2 ? { drop: 'short' } : { keep: each }));
  const found = await audit(await apply(corpus, short), { by: 'language' });
  expect(found.rows.map(({ group, documentsOut }) => [group, documentsOut])).toEqual([
    ['(not known)', 1],
    ['en', 1],
    ['zh', 1],
  ]);
});
