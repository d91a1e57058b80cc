import { posix } from 'node:path';
import { fold } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import type { Document } from '../document.js';
import { jointStep } from '../joint-step.js';
import type { Numbered, Rows } from '../joint-step.js';
import { isGlob, matchesGlob } from '../read/glob.js';
import type { Step, Verdict } from '../step.js';
import { eachRow } from '../rows.js';
import { numbersOf, stratumOf } from '../stratum.js';
import type { Stratum } from '../stratum.js';
import { draw } from './draw.js';
import type { Sized } from './draw.js';
import { planMix } from './plan-mix.js';
import type { MixTargets } from './plan-mix.js';

/** What sizes are counted in; a function counts tokens: `(text) => tokenizer.encode(text).length`. */
export type SizeUnit = 'characters' | 'bytes' | ((text: string) => number);

export interface MixOptions extends MixTargets {
  /**
   * What has shares. By source, the default, a share's name is a data set, a file, or the folder or glob that was loaded; else it is
   * the domain or language, or what a function says.
   */
  readonly by?: Stratum;
  /** Default: characters. */
  readonly size?: SizeUnit;
  readonly key: Key;
}

/**
 * Keeps as many documents of each source as bring its size to its share of the whole, chosen by the key. Without a budget the whole
 * is as large as the scarcest source allows: that one is kept whole. Documents are not cut, so shares are met to within half a document.
 * What is chosen does not depend on the order of the documents. `planMix` says how much is taken of what, with caps, temperatures,
 * budgets and epochs.
 *
 * A document that is taken k > 1 times stays one document: it has `meta.epochs: k`, the ledger says so, and `pack` and `writeShards` take
 * it k times. In the ledger each kept document has the `share` planned for its stratum.
 *
 * @throws TrainbookError for shares of which none is above 0, and, when documents come, for a document that has no share, a share
 *   without documents, and what `planMix` refuses.
 * @example
 * await load(config.data).through(normalise(), mix({ shares: { shakespeare: 0.6, brown: 0.4 }, key }));
 * // a fifth of all, encyclopedia at most 0.4 of it, small domains raised
 * mix({ by: 'domain', temperature: 2, caps: { encyclopedia: 0.4 }, size: 'bytes', budget: 2e9, key });
 */
export function mix(options: MixOptions): Step {
  const { shares: given, key, by, size } = options;
  if (given !== undefined && !Object.values(given).some((share) => share !== undefined && share > 0)) {
    throw new TrainbookError({
      what: 'mix: no share is above 0',
      received: JSON.stringify(given),
      expected: 'a share above 0 for at least one source',
    });
  }
  const nameOf = mixedStratum(options);
  const sizeOf = sizeIn(size);
  return jointStep<{ readonly share: number; readonly times: number }>(
    'mix',
    {
      tell: (document, to) => {
        to(...numbersOf(nameOf(document)), sizeOf(document.text));
      },
      // [group, document, rest of the stratum's name, size] → [document, group, rest, size]
      find: (told) =>
        Array.from(eachRow(told), ([group = 0, number = 0, rest = 0, own = 0]) => [number, group, rest, own]),
      decide: function* (found, documents) {
        const strata = strataOf(found, documents, nameOf);
        const { strata: planned } = planMix(sizesOf(strata, options), options);
        for (const { name, share, target } of planned) {
          for (const [number, times] of draw(strata.get(name) ?? [], target, fold(key, name))) {
            yield [number, { share, times }] as const;
          }
        }
      },
      judgeOne: (document, decision): Verdict => {
        if (decision === undefined) return { drop: 'more than its share' };
        const { share, times } = decision;
        if (times === 1) return { keep: document, scores: { share } };
        return {
          keep: { ...document, meta: { ...document.meta, epochs: times } },
          changes: { repetitions: times - 1 },
          scores: { share, epochs: times },
        };
      },
    },
    typeof by === 'function' || typeof size === 'function'
      ? undefined
      : { module: import.meta.url, name: 'mix', options: [options] },
  );
}

/** The function that counts sizes. */
export function sizeIn(size: SizeUnit = 'characters'): (text: string) => number {
  if (typeof size === 'function') return size;
  return size === 'bytes' ? (text) => Buffer.byteLength(text) : (text) => text.length;
}

/** The function that names the stratum of a document, by the names that the options use. */
export function mixedStratum({
  by = 'source',
  shares,
  caps = {},
  epochs = {},
}: MixOptions): (document: Document) => string {
  const own = stratumOf(by);
  const names = Object.keys(shares ?? { ...caps, ...(typeof epochs === 'number' ? {} : epochs) });
  return (document) => {
    const name = own(document);
    const known = names.find((candidate) => (by === 'source' ? belongs(name, candidate) : name === candidate));
    if (known !== undefined) return known;
    if (shares === undefined) return name;
    throw new TrainbookError({
      what: `mix: documents of a ${typeof by === 'function' ? 'stratum' : by} that has no share`,
      received: name,
      expected: `one of ${names.join(', ')}`,
      fix: 'give it a share (0 leaves it out)',
    });
  };
}

function belongs(source: string, name: string): boolean {
  const path = posix.normalize(name).replace(/\/$/u, '');
  return (
    source === name || source === path || source.startsWith(`${path}/`) || (isGlob(path) && matchesGlob(source, path))
  );
}

/** The documents of each stratum in their canonical order, the strata in the order of their names' numbers. */
function strataOf(
  found: Rows,
  documents: Numbered,
  nameOf: (document: Document) => string,
): ReadonlyMap<string, readonly Sized[]> {
  const byNumbers = new Map<string, Sized[]>();
  for (const [number = 0, group = 0, rest = 0, size = 0] of eachRow(found)) {
    const numbers = `${group} ${rest}`;
    const stratum = byNumbers.get(numbers);
    if (stratum === undefined) byNumbers.set(numbers, [{ number, size }]);
    else stratum.push({ number, size });
  }
  return new Map(
    [...byNumbers.values()].map((stratum) => [nameOf(documents.read(stratum[0]?.number ?? 0)), stratum] as const),
  );
}

/** The sizes of all strata that have a share, in the order of their names, however documents came. */
function sizesOf(strata: ReadonlyMap<string, readonly Sized[]>, { by = 'source', shares }: MixOptions) {
  const sum = (sized: readonly Sized[] = []): number => sized.reduce((total, { size }) => total + size, 0);
  const names = shares === undefined ? [...strata.keys()].sort() : Object.keys(shares);
  return names.flatMap((name) => {
    const available = sum(strata.get(name));
    const isWanted = shares === undefined || (shares[name] ?? 0) > 0;
    if (isWanted && available === 0 && shares !== undefined) {
      throw new TrainbookError({
        what: `mix: a ${typeof by === 'function' ? 'stratum' : by} with a share has no documents`,
        received: name,
        expected: 'documents of it',
        fix: 'load it, or take its share away',
      });
    }
    return isWanted && available > 0 ? [{ name, available }] : [];
  });
}
