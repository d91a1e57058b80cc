import type { Corpus, SplitCorpus } from '../corpus.js';
import { document } from '../document.js';
import type { Document } from '../document.js';
import { Ledger } from '../ledger/ledger.js';
import type { Fate } from '../ledger/ledger.js';
import { variantsOf } from './augment.js';
import type { AugmentOptions } from './augment.js';
import type { Augmenter } from './augmenter.js';

/**
 * A split corpus with more documents in its training part: after those that are there what the augmenters make of each. It takes both
 * parts of a split and none alone, so nothing is made of held-out documents; and what a held-out document says already is left out.
 *
 * The ledger tells of each made document which it is made of, and by what; its `meta` has `parent` and `madeBy`.
 *
 * @throws TrainbookError as `augment` does.
 * @example
 * const split = splitDocuments(corpus, 0.1, key('split'));
 * const more = await augmentCorpus(split, [synonymReplacement()], { seed: 42 });
 */
export async function augmentCorpus(
  { train, heldOut }: SplitCorpus,
  augmenters: readonly Augmenter[],
  options: AugmentOptions,
): Promise<SplitCorpus> {
  const known = new Set([...train.documents, ...heldOut.documents].map(({ text }) => text));
  const made = (await variantsOf(train.documents, augmenters, options)).flatMap(({ of, text, madeBy }) => {
    if (known.has(text)) return [];
    known.add(text);
    const { id: parent, meta, ...rest } = of;
    return [{ parent, madeBy, document: document({ ...rest, text, meta: { ...meta, parent, madeBy } }) }];
  });
  return {
    train: { documents: [...train.documents, ...made.map((one) => one.document)], ledger: told(train, made) },
    heldOut,
  };
}

interface Made {
  readonly parent: string;
  readonly madeBy: string;
  readonly document: Document;
}

function told({ ledger }: Corpus, made: readonly Made[]): Ledger {
  const name = 'augment';
  const step = ledger.steps.includes(name)
    ? `${name} ${ledger.steps.filter((own) => own.startsWith(name)).length + 1}`
    : name;
  const fates = made.map(({ parent, madeBy, document: { id, source, domain, title, text } }): Fate => {
    return {
      id,
      source,
      domain,
      ...(title === undefined ? {} : { title }),
      characters: text.length,
      from: { id: parent, step },
      events: [{ step, changes: { [`made by ${madeBy}`]: 1 } }],
    };
  });
  return new Ledger([...ledger.fates, ...fates], [...ledger.steps, step]);
}
