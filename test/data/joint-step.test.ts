import fc from 'fast-check';
import { expect, test } from 'vitest';
import { document } from '../../src/data/document.js';
import type { Document } from '../../src/data/document.js';
import { jointStep, TOLD_AT_ONCE } from '../../src/data/joint-step.js';
import { localStep } from '../../src/data/local-step.js';

/** Drops all documents of a title but the first in canonical order. */
const oneTitle = jointStep<boolean>('one title', {
  tell: ({ title }, to) => {
    if (title !== undefined) to(title.length);
  },
  find: function* ({ values, length }) {
    for (let row = 1; row < length; row++) {
      if (values[2 * row] === values[2 * (row - 1)]) yield [values[2 * row + 1] ?? 0];
    }
  },
  decide: ({ values }) => Array.from(values, (number): [number, boolean] => [number, true]),
  judgeOne: (keep, isLater) => (isLater === true ? { drop: 'title seen before' } : { keep }),
});

function documents(titles: readonly string[]): readonly Document[] {
  return titles.map((title, index) => document({ text: `text ${index}`, source: 's', domain: 'd', title }));
}

test('the documents that a joint step keeps do not depend on the order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'bb', 'ccc'), { minLength: 1 }),
      fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
      async (titles, random) => {
        const given = documents(titles);
        const shuffled = given
          .map((one, at) => ({ one, at: random[at % 40] ?? 0 }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
        const kept = async (list: readonly Document[]): Promise<readonly string[]> =>
          (await oneTitle.judge(list)).flatMap((verdict) => ('keep' in verdict ? [verdict.keep.id] : [])).sort();
        const first = await kept(given);
        expect(await kept(shuffled)).toEqual(first);
        expect(first.length).toBe(new Set(titles).size);
      },
    ),
    { numRuns: 50 },
  );
});

test('verdicts come in the order of the documents', async () => {
  const given = documents(['a', 'a', 'bb']);
  const verdicts = await oneTitle.judge(given);
  const firstOfA = (given[0]?.id ?? '') < (given[1]?.id ?? '') ? 0 : 1;
  expect(verdicts.map((verdict) => 'keep' in verdict)).toEqual([firstOfA === 0, firstOfA === 1, true]);
});

test('a local step judges one document like all', async () => {
  const short = localStep('short', (keep) => (keep.text.length < 7 ? { keep } : { drop: 'long' }));
  const given = documents(Array.from({ length: 12 }, () => 'x'));
  const verdicts = await short.judge(given);
  expect(verdicts).toEqual(given.map((one) => short.judgeOne(one)));
  expect(verdicts.filter((verdict) => 'drop' in verdict)).toHaveLength(2);
});

test('documents are told of many at a time where telling takes time', async () => {
  let waiting = 0;
  let most = 0;
  const slow = jointStep<boolean>('slow', {
    tell: async (_, to) => {
      most = Math.max(most, ++waiting);
      await new Promise((resolve) => setImmediate(resolve));
      waiting--;
      to(0xffff_ffff, waiting);
    },
    find: ({ length }) => [[length]],
    decide: ({ values }) => [[values[0] ?? 0, true]],
    judgeOne: (keep, decision) => (decision === true ? { drop: 'decided' } : { keep }),
  });
  const given = documents(Array.from({ length: 2 * TOLD_AT_ONCE + 5 }, () => 'x'));
  const verdicts = await slow.judge(given);
  expect(most).toBe(TOLD_AT_ONCE);
  expect(verdicts.every((verdict) => 'keep' in verdict)).toBe(true); // 133 rows came: there is no document 133
});
