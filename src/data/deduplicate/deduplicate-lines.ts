import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { jointStep } from '../joint-step.js';
import type { JointStep } from '../joint-step.js';
import { lineKey, units } from './text-units.js';
import type { Unit } from './text-units.js';

export interface DeduplicateLinesOptions {
  /** What is compared: lines, or paragraphs, which blank lines part. */
  readonly unit: Unit;
  /** In so many documents a line is found before it counts as repeated; 2 where nothing is said. */
  readonly minimumCopies?: number;
  /** Lines of fewer words stay; 5 where nothing is said. A Han or Kana character is a word. */
  readonly minimumWords?: number;
  /** Whether the first document in canonical order keeps what is repeated, or none does, as suits boilerplate. `first` where nothing is said. */
  readonly keep?: 'first' | 'none';
}

/** The repeated lines of a document: two numbers for each, as `lineKey` gives them, and in how many documents the commonest is. */
type Decision = { readonly keys: readonly number[]; readonly copies: number };

const optionsSchema = z.strictObject({
  unit: z.enum(['line', 'paragraph']),
  minimumCopies: z.int().min(2),
  minimumWords: z.int().min(1),
  keep: z.enum(['first', 'none']),
});

/**
 * Takes lines or paragraphs that many documents have, such as menus, notices and licences, from all documents but the first of them.
 *
 * Lines are equal if their words are: letter case, punctuation and spaces do not count. Repetition within one document does not
 * count either: a refrain stays. Which document is the first does not depend on the order of input: it is the one
 * with the smallest id. A document of which nothing is left is dropped. The ledger says how many lines were taken from each, and shows one.
 *
 * Raffel et al. 2020 (C4, 1910.10683, 2.2) take repeated spans of three sentences, Wenzek et al. 2020 (CCNet, 1911.00359, 3.2) paragraphs,
 * Penedo et al. 2023 (RefinedWeb, 2306.01116) lines.
 *
 * @throws TrainbookError for a number that is none of the kind.
 * @example
 * await load('web/*.jsonl.gz').through(deduplicateLines({ unit: 'line', minimumCopies: 6, keep: 'none' }));
 */
export function deduplicateLines(options: DeduplicateLinesOptions): JointStep<Decision> {
  const chosen = parse({ minimumCopies: 2, minimumWords: 5, keep: 'first', ...options });
  const { unit, minimumCopies, minimumWords, keep } = chosen;
  const rule = `repeated ${unit}s`;
  return jointStep<Decision>(
    `deduplicate ${unit}s`,
    {
      tell: ({ text }, to) => {
        const told = new Set<number>(); // 53 of the 64 bits, which a number can hold
        for (const { start, end } of units(text, unit)) {
          const { group, rest, numWords } = lineKey(text, start, end);
          const key = group * 2 ** 21 + (rest >>> 11);
          if (numWords < minimumWords || told.has(key)) continue;
          told.add(key);
          to(group, rest);
        }
      },
      // Told: [group, document, rest]; found: [document, group, rest, copies].
      find: function* ({ values, length }) {
        for (let start = 0, end = 1; start < length; start = end, end++) {
          const group = values[3 * start] ?? 0;
          while (end < length && values[3 * end] === group) end++;
          if (end - start < minimumCopies) continue;
          const holders = new Map<number, number[]>();
          for (let row = start; row < end; row++) {
            const [document = 0, rest = 0] = values.subarray(3 * row + 1, 3 * row + 3);
            const known = holders.get(rest);
            if (known === undefined) holders.set(rest, [document]);
            else known.push(document);
          }
          for (const [rest, documents] of holders) {
            if (documents.length < minimumCopies) continue;
            for (const document of keep === 'first' ? documents.slice(1) : documents)
              yield [document, group, rest, documents.length];
          }
        }
      },
      decide: function* ({ values, length }) {
        for (let start = 0, end = 1; start < length; start = end, end++) {
          const document = values[4 * start] ?? 0;
          while (end < length && values[4 * end] === document) end++;
          const keys: number[] = [];
          let copies = 0;
          for (let row = start; row < end; row++) {
            keys.push(values[4 * row + 1] ?? 0, values[4 * row + 2] ?? 0);
            copies = Math.max(copies, values[4 * row + 3] ?? 0);
          }
          yield [document, { keys, copies }] as const;
        }
      },
      judgeOne: (document, decision) => {
        if (decision === undefined) return { keep: document };
        const { text, taken } = without(document.text, unit, decision.keys);
        const example = shortened(taken[0] ?? '');
        if (text.trim() === '') return { drop: `only ${rule}`, score: taken.length, evidence: example };
        return {
          keep: { ...document, text },
          changes: { [rule]: taken.length },
          evidence: { [rule]: `“${example}” (one of them is in ${decision.copies.toLocaleString('en-US')} documents)` },
        };
      },
    },
    { module: import.meta.url, name: 'deduplicateLines', options: [chosen] },
  );
}

/** The text without the lines of these keys, and what was taken. Where a line between two blank lines goes, one of them goes, too. */
function without(
  text: string,
  unit: Unit,
  keys: readonly number[],
): { readonly text: string; readonly taken: readonly string[] } {
  const repeated = new Map<number, Set<number>>();
  for (let index = 0; index < keys.length; index += 2) {
    const group = keys[index] ?? 0;
    repeated.set(group, (repeated.get(group) ?? new Set<number>()).add(keys[index + 1] ?? 0));
  }
  const taken: string[] = [];
  let rest = '';
  let wasTaken = false;
  for (const { start, end, next } of units(text, unit)) {
    const { group, rest: own } = lineKey(text, start, end);
    if (repeated.get(group)?.has(own) === true) {
      taken.push(text.slice(start, end));
      wasTaken = true;
      continue;
    }
    const isBlank = text.slice(start, end).trim() === '';
    if (isBlank && wasTaken && (rest === '' || /\n[^\S\n]*\n$/u.test(rest))) continue;
    rest += text.slice(start, next);
    wasTaken = false;
  }
  // The last line that is left does not end in what parted it from the next.
  return { text: wasTaken ? rest.trimEnd() : rest, taken };
}

function shortened(text: string): string {
  const [...characters] = text.replace(/\s+/gu, ' ').trim();
  return characters.length > 80 ? `${characters.slice(0, 80).join('')}…` : characters.join('');
}

function parse(options: z.input<typeof optionsSchema>): z.infer<typeof optionsSchema> {
  const parsed = optionsSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  throw new TrainbookError({
    what: `deduplicateLines: ${z.prettifyError(parsed.error)}`,
    received: JSON.stringify(options),
    expected:
      "unit: 'line' or 'paragraph', minimumCopies: at least 2, minimumWords: at least 1, keep: 'first' or 'none'",
  });
}
