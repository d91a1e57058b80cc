// {"prompt": "Name a colour.", "chosen": "Red.", "rejected": "Seven."}
// {"chosen": [{"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Red."}], "rejected": […]}
// {"chosen": "\n\nHuman: Name a colour.\n\nAssistant: Red.", "rejected": "\n\nHuman: Name a colour.\n\nAssistant: Seven."}
// {"prompt": "Name a colour.", "answers": ["Seven.", "Red.", "A colour."], "ranking": "B > C > A"}
// The same with who judged, and in what respect, as `trainbook label` writes it: src/data/label/ranking-line.ts.
import type { Source } from '../read/inputs.js';
import type { Json } from '../../files.js';
import type { Row } from '../read/row.js';
import { shown } from './fault.js';
import type { Note } from './fault.js';
import { ownField } from './fields.js';
import { humanAssistantTurns, isHumanAssistant } from './human-assistant.js';
import { answerOf, promptOf, systemTurns } from './prompt-turns.js';
import { isWithdrawn, judgementName, rankedPairs } from './rankings.js';
import { readRows } from './read-rows.js';
import type { PostTrainingData, RowOptions, RowOrigin } from './read-rows.js';
import { checkTurns, parseTurns } from './turns.js';
import type { ChatTurn } from './turns.js';

/** Two answers to one prompt, of which one is the better. */
export interface PreferenceContent {
  readonly kind: 'preference';
  /** The last turn is the user's: `parseQuestion(chatMl, row.prompt)` takes them. */
  readonly prompt: readonly ChatTurn[];
  readonly chosen: string;
  readonly rejected: string;
  /** In what respect it is the better, such as `safety`; absent where the row does not say. */
  readonly dimension?: string;
  /** Who judged; absent where the row does not say. */
  readonly annotator?: string;
}

export type PreferenceRow = PreferenceContent & RowOrigin;

export type PreferenceOptions = RowOptions<'prompt' | 'chosen' | 'rejected'>;

/**
 * Reads preferences, in whichever layout each row has: `chosen` and `rejected` as texts or turns beside a prompt; as whole lists of
 * messages; as whole dialogues of HH (white space around turns is taken away); or `answers` with a `ranking`, of which each pair of different
 * rank is a preference. From whole dialogues the prompt that both share is split off: they may differ in the last answer only.
 *
 * Of the rankings that `trainbook label` writes, what an annotator says last of a sample in a dimension counts; the pairs of all annotators
 * and dimensions are given, each with its `annotator` and `dimension`, also where two annotators say the opposite.
 *
 * @throws TrainbookError when awaited: for files that cannot be read, and, unless `onBadRow` is `'reject'`, for rows that are wrong, with the
 *   first of them and the counts.
 * @example
 * const { rows } = await readPreferences('dpo_demo');
 * rows[0]; // { kind: 'preference', prompt: [{ role: 'user', content: '…' }], chosen: '…', rejected: '…', … }
 * const safer = (await readPreferences('rankings/*.jsonl')).rows.filter(({ dimension }) => dimension === 'safety');
 */
export function readPreferences(
  source: Source,
  options: PreferenceOptions = {},
): Promise<PostTrainingData<PreferenceRow>> {
  const { prompt = 'prompt', chosen = 'chosen', rejected = 'rejected' } = options.fields ?? {};
  const parse = (row: Row, note: Note): readonly PreferenceContent[] => {
    if (ownField(row, 'answers') !== undefined || isWithdrawn(row)) return rankedPairs(row, prompt, note);
    const pair = parsePair(row, { prompt, chosen, rejected }, note);
    if (pair === undefined) return [];
    if (pair.chosen !== pair.rejected) return [{ kind: 'preference', ...pair } as const];
    const received = `${shown(pair.chosen)} twice`;
    note({ kind: 'equal chosen and rejected', field: rejected, received, expected: 'two different answers' });
    return [];
  };
  return readRows('readPreferences', source, options, parse, judgementName);
}

type Names = Readonly<Record<'prompt' | 'chosen' | 'rejected', string>>;
type Pair = Omit<PreferenceContent, 'kind'>;

function parsePair(row: Row, names: Names, note: Note): Pair | undefined {
  const [chosen, rejected] = [ownField(row, names.chosen), ownField(row, names.rejected)];
  const isWhole = (value: Json | undefined): boolean =>
    (Array.isArray(value) && value.length !== 1) || (typeof value === 'string' && isHumanAssistant(value));
  if (isWhole(chosen) && isWhole(rejected)) return pairOfDialogues(row, names, note);
  const prompt = promptOf(row, names.prompt, note);
  const better = answerOf(row, names.chosen, note);
  const worse = answerOf(row, names.rejected, note);
  if (prompt === undefined || better === undefined || worse === undefined) return undefined;
  return { prompt, chosen: better, rejected: worse };
}

/** The prompt that two dialogues share, and their answers. */
function pairOfDialogues(row: Row, names: Names, note: Note): Pair | undefined {
  const chosen = dialogueOf(row, names.chosen, note);
  const rejected = dialogueOf(row, names.rejected, note);
  if (chosen === undefined || rejected === undefined) return undefined;
  const prompt = chosen.slice(0, -1);
  const asked = prompt.filter(({ role }) => role === 'user').map(({ content }) => content);
  const differs = prompt.findIndex((turn, at) => !isSame(turn, rejected[at]));
  if (differs >= 0 || chosen.length !== rejected.length) {
    const at = differs < 0 ? prompt.length : differs;
    const received = `turn ${at}: ${shown(chosen[at]?.content)} and ${shown(rejected[at]?.content)}`;
    const expected = 'two dialogues that differ in the last answer only';
    note({ kind: 'unequal prompts', field: names.rejected, received, expected });
    return undefined;
  }
  const stated = ownField(row, names.prompt) === undefined ? prompt : promptOf(row, names.prompt, note);
  if (stated === undefined) return undefined;
  // UltraFeedback states the first question of its dialogues, others all turns of the prompt.
  const [only, ...others] = stated.filter(({ role }) => role !== 'system');
  const isQuestion = others.length === 0 && asked.some((text) => text.trim() === only?.content.trim());
  if (!isQuestion && JSON.stringify(stated) !== JSON.stringify(prompt)) {
    const received = `${shown(stated.at(-1)?.content)} beside ${shown(asked.at(-1))}`;
    note({ kind: 'unequal prompts', field: names.prompt, received, expected: 'the prompt of the dialogues' });
    return undefined;
  }
  return { prompt, chosen: chosen.at(-1)?.content ?? '', rejected: rejected.at(-1)?.content ?? '' };
}

function dialogueOf(row: Row, field: string, note: Note): readonly ChatTurn[] | undefined {
  const value = ownField(row, field);
  const first = systemTurns(row, note);
  if (first === undefined) return undefined;
  if (typeof value !== 'string') {
    const given = Array.isArray(value) ? [...first, ...(value as readonly Json[])] : value;
    return parseTurns(given, field, { ends: 'assistant' }, note) as readonly ChatTurn[] | undefined; // tools are rejected
  }
  const turns = [...first, ...humanAssistantTurns(value)];
  return checkTurns(turns, field, { ends: 'assistant' }, note) ? turns : undefined;
}

const isSame = (a: ChatTurn, b: ChatTurn | undefined): boolean => a.role === b?.role && a.content === b.content;
