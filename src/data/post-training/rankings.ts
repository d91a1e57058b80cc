import type { Row } from '../read/row.js';
import { shown } from './fault.js';
import type { Note } from './fault.js';
import { ownField } from './fields.js';
import type { PreferenceContent } from './preferences.js';
import { promptOf } from './prompt-turns.js';
import type { ChatTurn } from './turns.js';

/** Answers to a prompt, and how good each is beside the others. */
export interface Ranked {
  /** The last turn is the user's. */
  readonly prompt: readonly ChatTurn[];
  readonly answers: readonly string[];
  /** One for each answer: the lower, the better; equal ones are as good as each other. */
  readonly ranks: readonly number[];
}

/**
 * A ranking as the pairs that it says, better before worse: `A > B > C` is A over B, A over C, B over C. K answers of different rank are
 * K(K − 1)/2 pairs (Ouyang et al. 2022, 2203.02155); answers of equal rank, `A > B = C`, say nothing of each other.
 *
 * `ranking` is such a text, with letters for the answers in their order, or a list of ranks, 1 for the best. Where `annotator` says who
 * judged, it may also be null, of a judgement that was taken back or left out, and all answers may be equally good: neither is a pair.
 */
export function rankedPairs(row: Row, promptField: string, note: Note): readonly PreferenceContent[] {
  const annotator = stated(row, 'annotator');
  if (isWithdrawn(row)) return [];
  const ranked = rankedOf(row, promptField, note);
  if (ranked === undefined) return [];
  const dimension = stated(row, 'dimension');
  const said = {
    ...(dimension === undefined ? {} : { dimension }),
    ...(annotator === undefined ? {} : { annotator }),
  };
  const pairs = pairsOf(ranked).map((pair) => ({ ...pair, ...said }));
  const same = pairs.find(({ chosen, rejected }) => chosen === rejected);
  if (same !== undefined) {
    const received = `${shown(same.chosen)} at two ranks`;
    note({ kind: 'equal chosen and rejected', field: 'answers', received, expected: 'different answers' });
    return [];
  }
  if (pairs.length === 0 && annotator === undefined) {
    const received = shown(row['ranking']);
    note({ kind: 'no such ranking', field: 'ranking', received, expected: 'an answer that is better than another' });
  }
  // Two answers of one rank may be one text: they give the same pair once.
  return [...new Map(pairs.map((pair) => [JSON.stringify(pair), pair])).values()];
}

/** The answers of a row and their ranks; undefined, and noted, where it is no ranking. */
export function rankedOf(row: Row, promptField: string, note: Note): Ranked | undefined {
  const prompt = promptOf(row, promptField, note);
  const answers = answersOf(row, note);
  if (prompt === undefined || answers === undefined) return undefined;
  const ranks = ranksOf(ownField(row, 'ranking'), answers.length);
  if (ranks !== undefined) return { prompt, answers, ranks };
  const letters = answers.map((_, at) => letterOf(at));
  const expected = `each of ${letters.join(', ')} once, such as ${letters.join(' > ')}; or ${answers.length} ranks`;
  note({ kind: 'no such ranking', field: 'ranking', received: shown(row['ranking']), expected });
  return undefined;
}

/** Whether an annotator took a judgement back, or left it out: the ranking is null. */
export function isWithdrawn(row: Row): boolean {
  return row['ranking'] === null && stated(row, 'annotator') !== undefined;
}

/** What a judgement is of, and whose: of rows that have the same, the last counts. Undefined for rows that do not say. */
export function judgementName(row: Row): string | undefined {
  const [annotator, sample] = [stated(row, 'annotator'), stated(row, 'sample')];
  return annotator === undefined || sample === undefined
    ? undefined
    : JSON.stringify([annotator, sample, stated(row, 'dimension')]);
}

/** A text that a row states; undefined where it has none. */
export function stated(row: Row, field: string): string | undefined {
  const value = ownField(row, field);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Ranks as a text: the first answer is A. Ranks 2, 1, 2 are `B > A = C`. */
export function rankingText(ranks: readonly number[]): string {
  return [...new Set(ranks)]
    .sort((a, b) => a - b)
    .map((rank) => ranks.flatMap((own, at) => (own === rank ? [letterOf(at)] : [])).join(' = '))
    .join(' > ');
}

function pairsOf({ prompt, answers, ranks }: Ranked): readonly PreferenceContent[] {
  const inOrder = answers.map((text, at) => ({ text, rank: ranks[at] ?? 0 })).sort((a, b) => a.rank - b.rank);
  return inOrder.flatMap((better, at) =>
    inOrder
      .slice(at + 1)
      .flatMap((worse): readonly PreferenceContent[] =>
        worse.rank === better.rank ? [] : [{ kind: 'preference', prompt, chosen: better.text, rejected: worse.text }],
      ),
  );
}

function answersOf(row: Row, note: Note): readonly string[] | undefined {
  const value = ownField(row, 'answers');
  const texts = Array.isArray(value) ? value.filter((answer) => typeof answer === 'string') : [];
  if (!Array.isArray(value) || texts.length !== value.length || texts.length < 2 || texts.length > letters.length) {
    const expected = `a list of 2 to ${letters.length} texts`;
    note({ kind: 'wrong type', field: 'answers', received: shown(value), expected });
    return undefined;
  }
  const empty = texts.findIndex((text) => text.trim() === '');
  if (empty < 0) return texts;
  note({ kind: 'empty answer', field: `answers[${empty}]`, received: shown(texts[empty]), expected: 'a text' });
  return undefined;
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** The letter of an answer in a ranking: A for the first. */
export const letterOf = (at: number): string => letters.charAt(at);

/** The rank of each answer, the best first; undefined for what is no ranking of so many. */
function ranksOf(value: unknown, numAnswers: number): readonly number[] | undefined {
  if (Array.isArray(value)) {
    const ranks = value.filter((rank) => typeof rank === 'number' && Number.isFinite(rank));
    return ranks.length === numAnswers && value.length === numAnswers ? ranks : undefined;
  }
  if (typeof value !== 'string') return undefined;
  const groups = value.split('>').map((group) => group.split('=').map((letter) => letter.trim().toUpperCase()));
  const named = groups.flat();
  if (named.length !== numAnswers || new Set(named).size !== numAnswers) return undefined;
  const ranks = Array.from({ length: numAnswers }, (_, at) =>
    groups.findIndex((group) => group.includes(letterOf(at))),
  );
  return ranks.includes(-1) ? undefined : ranks;
}
