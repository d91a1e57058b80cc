import { posix } from 'node:path';
import { z } from 'zod';
import { fold, permutation } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { compareDocuments, countCharacters } from '../document.js';
import type { Document } from '../document.js';
import { isGlob, matchesGlob } from '../read/glob.js';
import type { Step, Verdict } from '../step.js';

/**
 * The schema of shares in a config: a positive number for each of the named sources, of which some may be left out. Shares are
 * relative: 3 and 2 are the same as 0.6 and 0.4.
 *
 * @example
 * z.strictObject({ shares: shares(['shakespeare', 'brown']) });
 */
export function shares<const Names extends readonly [string, ...string[]]>(names: Names) {
  return z
    .partialRecord(z.enum(names), z.number().nonnegative())
    .refine((record) => Object.values(record).some((share) => typeof share === 'number' && share > 0), {
      error: 'at least one share must be above 0',
    });
}

export interface MixOptions {
  /** For each source (a data set, a file, or the folder or glob that was loaded) its share of all characters. They are relative. */
  readonly shares: Readonly<Record<string, number | undefined>>;
  readonly key: Key;
}

/**
 * Keeps as many documents of each source as bring its characters to its share of the whole, chosen by the key. The whole is as
 * large as the scarcest source allows: that one is kept whole. Documents are not cut, so shares are met to within half a
 * document. What is chosen does not depend on the order of the documents.
 *
 * @throws TrainbookError for a source that has no share, a share without documents, or shares of which none is above 0.
 * @example
 * await load(config.data).through(normalise(), mix({ shares: { shakespeare: 0.6, brown: 0.4 }, key }));
 */
export function mix({ shares: given, key }: MixOptions): Step {
  const positive = Object.entries(given).flatMap(([name, share]) =>
    share !== undefined && share > 0 ? [{ name, share }] : [],
  );
  if (positive.length === 0) {
    throw new TrainbookError({
      what: 'mix: no share is above 0',
      received: JSON.stringify(given),
      expected: 'a share above 0 for at least one source',
    });
  }
  const total = positive.reduce((sum, { share }) => sum + share, 0);
  return {
    name: 'mix',
    judge: (documents) => {
      const groups = groupBySource(documents, Object.keys(given));
      const parts = positive.map(({ name, share }) => {
        const positions = groups.get(name) ?? [];
        const characters = countCharacters(at(documents, positions));
        if (characters === 0) {
          throw new TrainbookError({
            what: 'mix: a source with a share has no documents',
            received: name,
            expected: 'documents of it',
            fix: 'load it, or take its share away',
          });
        }
        return { name, positions, characters, share: share / total };
      });
      const whole = Math.min(...parts.map(({ characters, share }) => characters / share));
      const verdicts: Verdict[] = documents.map(() => ({ drop: 'more than its share' }));
      for (const { name, positions, share } of parts) {
        for (const position of choose(documents, positions, whole * share, fold(key, name))) {
          const keep = documents[position];
          if (keep !== undefined) verdicts[position] = { keep };
        }
      }
      return verdicts;
    },
  };
}

/** Positions of documents whose characters sum to about `target`, drawn by key. */
function choose(
  documents: readonly Document[],
  positions: readonly number[],
  target: number,
  key: Key,
): readonly number[] {
  const chosen: number[] = [];
  let sum = 0;
  for (const position of shuffled(documents, positions, key)) {
    const size = documents[position]?.text.length ?? 0;
    // Take it if that brings the sum nearer; half a character of slack for the rounding of whole × share.
    if (sum + size / 2 > target + 0.5) break;
    chosen.push(position);
    sum += size;
  }
  return chosen;
}

/** Positions in an order drawn by key from the documents themselves, whatever their order. */
export function shuffled(documents: readonly Document[], positions: readonly number[], key: Key): readonly number[] {
  const inOrder = [...positions].sort((a, b) => {
    const [left, right] = [documents[a], documents[b]];
    return left === undefined || right === undefined ? 0 : compareDocuments(left, right);
  });
  return Array.from(permutation(key, inOrder.length), (index) => inOrder[index] ?? 0);
}

function groupBySource(
  documents: readonly Document[],
  names: readonly string[],
): ReadonlyMap<string, readonly number[]> {
  const groups = new Map<string, number[]>(names.map((name) => [name, []]));
  documents.forEach(({ source }, position) => {
    const name = names.find((candidate) => belongs(source, candidate));
    if (name === undefined) {
      throw new TrainbookError({
        what: 'mix: documents of a source that has no share',
        received: source,
        expected: `one of ${names.join(', ')}`,
        fix: 'give it a share (0 leaves it out)',
      });
    }
    groups.get(name)?.push(position);
  });
  return groups;
}

function belongs(source: string, name: string): boolean {
  const path = posix.normalize(name).replace(/\/$/u, '');
  return (
    source === name || source === path || source.startsWith(`${path}/`) || (isGlob(path) && matchesGlob(source, path))
  );
}

function at(documents: readonly Document[], positions: readonly number[]): readonly Document[] {
  return positions.flatMap((position) => documents[position] ?? []);
}
