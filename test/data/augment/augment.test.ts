import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { augment } from '../../../src/data/augment/augment.js';
import type { LabelledText } from '../../../src/data/augment/augment.js';
import { augmentCorpus } from '../../../src/data/augment/augment-corpus.js';
import { randomDeletion, randomInsertion, randomSwap } from '../../../src/data/augment/random-edits.js';
import { synonymReplacement } from '../../../src/data/augment/synonym-replacement.js';
import { corpusCodec } from '../../../src/data/corpus-codec.js';
import { document } from '../../../src/data/document.js';
import { openLedger } from '../../../src/data/ledger/ledger.js';
import { asTrain } from '../../../src/data/table/part.js';
import { trainTestSplit } from '../../../src/data/table/train-test-split.js';

const mails: readonly LabelledText[] = [
  { id: 'a', text: 'Please inquire about your dwelling before the prevention of fire', label: 'ham' },
  { id: 'b', text: 'The bank will intend to consume the whole batch of it', label: 'spam' },
  { id: 'c', text: 'You prevent the church from the use of two homes', label: 'spam' },
];
const all = [synonymReplacement({ share: 0.3 }), randomInsertion(), randomSwap(), randomDeletion({ share: 0.3 })];

/** Never called: each line under `@ts-expect-error` must not compile. */
export async function mustNotCompile(): Promise<void> {
  const { train, test } = trainTestSplit(mails, { testSize: 0.3, seed: 42 });
  await augment(train, all, { seed: 42 });
  // @ts-expect-error nothing is made of test examples
  await augment(test, all, { seed: 42 });
  // @ts-expect-error nor of all examples, of which some will be test examples
  await augment(mails, all, { seed: 42 });
  const more = await augment(train, all, { seed: 42 });
  trainTestSplit(more, { testSize: 0.2, seed: 42 }); // a training part can be split again, for validation
  // @ts-expect-error nothing to draw by
  await augment(train, all, {});
  const part = { documents: [], ledger: openLedger([]) };
  // @ts-expect-error a corpus must be split first
  await augmentCorpus(part, all, { seed: 42 });
  // @ts-expect-error held-out documents alone are not augmented
  await augmentCorpus({ train: part }, all, { seed: 42 });
}

describe('augment', () => {
  it('adds variants that know their parent and have its label', async () => {
    const more = await augment(asTrain(mails), all, { seed: 42, copies: 2 });
    expect(more.slice(0, 3)).toEqual(mails);
    const made = more.slice(3);
    expect(made.length).toBeGreaterThan(15);
    for (const { id, text, label, parent, madeBy } of made) {
      const from = mails.find((mail) => mail.id === parent);
      expect(label).toBe(from?.label);
      expect(text).not.toBe(from?.text);
      expect(id).toMatch(new RegExp(`^${parent}/${madeBy}/[01]$`, 'u'));
    }
    expect(new Set(more.map(({ id }) => id)).size).toBe(more.length);
    expect(new Set(made.map(({ parent, text }) => `${parent} ${text}`)).size).toBe(made.length);
  });

  it('makes the same of an example in any order, in any company, whatever else is made', async () => {
    const whole = new Map((await augment(asTrain(mails), all, { seed: 7, copies: 2 })).map((one) => [one.id, one]));
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...mails], { minLength: 1 }),
        fc.shuffledSubarray(all, { minLength: 1 }),
        async (some, augmenters) => {
          for (const one of await augment(asTrain(some), augmenters, { seed: 7, copies: 2 })) {
            // Left out of the whole is only what another augmenter made of the same parent before.
            if (whole.has(one.id)) expect(one).toEqual(whole.get(one.id));
          }
        },
      ),
      { numRuns: 20 },
    );
    const other = await augment(asTrain(mails), all, { seed: 8, copies: 2 });
    expect(other.map(({ text }) => text)).not.toEqual([...whole.values()].map(({ text }) => text));
  });

  it('refuses two ids, two names and no copies', async () => {
    const [first] = mails;
    if (first === undefined) throw new Error('no mail');
    await expect(augment(asTrain([first, first]), all, { seed: 1 })).rejects.toThrow(
      /two examples have one id\s+received: a/u,
    );
    await expect(augment(asTrain(mails), [...all, randomSwap()], { seed: 1 })).rejects.toThrow(
      'two augmenters have one name',
    );
    await expect(augment(asTrain(mails), all, { seed: 1, copies: 0 })).rejects.toThrow('no such number of copies');
  });
});

describe('augmentCorpus', () => {
  const corpusOf = (texts: readonly string[]) => {
    const documents = texts.map((text) => document({ text, source: 'mail', domain: 'mail', language: 'en' }));
    return { documents, ledger: openLedger(documents.map((own) => ({ document: own, verdict: { keep: own } }))) };
  };
  const train = corpusOf(mails.map(({ text }) => text));

  it('adds documents that the ledger can tell of, also after it was saved', async () => {
    const heldOut = corpusOf(['Another text']);
    const more = await augmentCorpus({ train, heldOut }, [synonymReplacement()], { seed: 42 });
    expect(more.heldOut).toBe(heldOut);
    expect(more.train.documents).toHaveLength(6);
    const made = more.train.documents[3];
    const [parent] = train.documents;
    expect(made?.meta).toEqual({ parent: parent?.id, madeBy: 'synonyms' });
    expect(more.train.ledger.why(made?.id ?? '')).toMatch(
      new RegExp(`made of ${parent?.id}\\s+augment: changed \\(1 made by synonyms\\)\\s+kept`, 'u'),
    );
    expect(
      more.train.ledger.counts().map(({ step, documentsIn, documentsOut }) => [step, documentsIn, documentsOut]),
    ).toEqual([
      ['read', 3, 3],
      ['augment', 6, 6],
    ]);
    expect(more.train.ledger.kept.map(({ id }) => id)).toEqual(more.train.documents.map(({ id }) => id));
    const folder = await mkdtemp(join(tmpdir(), 'trainbook-'));
    await corpusCodec.write(more.train, folder);
    expect((await corpusCodec.read(folder)).ledger.fates).toEqual(more.train.ledger.fates);
    await rm(folder, { recursive: true });
  });

  it('leaves out what a held-out document says already', async () => {
    const once = await augmentCorpus({ train, heldOut: corpusOf(['x']) }, [randomSwap()], { seed: 1 });
    const texts = once.train.documents.slice(3).map(({ text }) => text);
    const again = await augmentCorpus({ train, heldOut: corpusOf(texts.slice(0, 2)) }, [randomSwap()], { seed: 1 });
    expect(again.train.documents.slice(3).map(({ text }) => text)).toEqual(texts.slice(2));
  });
});
