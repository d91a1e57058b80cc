import type { Row } from '../read/row.js';
import { shown } from './fault.js';
import type { Note } from './fault.js';
import { ownField } from './fields.js';
import type { PreferenceContent } from './preferences.js';
import { promptOf } from './prompt-turns.js';

/**
 * A ranking as the pairs that it says, better before worse: `A > B > C` is A over B, A over C, B over C. K answers of different rank are
 * K(K − 1)/2 pairs (Ouyang et al. 2022, 2203.02155); answers of equal rank, `A > B = C`, say nothing of each other.
 *
 * `ranking` is such a text, with letters for the answers in their order, or a list of ranks, 1 for the best.
 */
export function rankedPairs(row: Row, promptField: string, note: Note): readonly PreferenceContent[] {
  const prompt = promptOf(row, promptField, note);
  const answers = answersOf(row, note);
  if (prompt === undefined || answers === undefined) return [];
  const ranks = ranksOf(ownField(row, 'ranking'), answers.length);
  if (ranks === undefined) {
    const letters = answers.map((_, at) => letterOf(at));
    const expected = `each of ${letters.join(', ')} once, such as ${letters.join(' > ')}; or ${answers.length} ranks`;
    note({ kind: 'no such ranking', field: 'ranking', received: shown(row['ranking']), expected });
    return [];
  }
  const inOrder = answers.map((text, at) => ({ text, rank: ranks[at] ?? 0 })).sort((a, b) => a.rank - b.rank);
  const pairs = inOrder.flatMap((better, at) =>
    inOrder
      .slice(at + 1)
      .flatMap((worse): readonly PreferenceContent[] =>
        worse.rank === better.rank ? [] : [{ kind: 'preference', prompt, chosen: better.text, rejected: worse.text }],
      ),
  );
  const same = pairs.find(({ chosen, rejected }) => chosen === rejected);
  if (same !== undefined) {
    const received = `${shown(same.chosen)} at two ranks`;
    note({ kind: 'equal chosen and rejected', field: 'answers', received, expected: 'different answers' });
    return [];
  }
  if (pairs.length === 0) {
    const received = shown(row['ranking']);
    note({ kind: 'no such ranking', field: 'ranking', received, expected: 'an answer that is better than another' });
  }
  // Two answers of one rank may be one text: they give the same pair once.
  return [...new Map(pairs.map((pair) => [JSON.stringify(pair), pair])).values()];
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
const letterOf = (at: number): string => letters.charAt(at);

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
