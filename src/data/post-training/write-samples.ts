import { TrainbookError } from '../../error.js';
import { writeAtomic } from '../../files.js';
import { mostAnswers } from './samples.js';
import type { SampleAnswer } from './samples.js';
import type { ChatTurn } from './turns.js';

/** A prompt and what models answered, to be ranked. */
export interface UnrankedSample {
  readonly id?: string;
  readonly language?: string;
  readonly prompt: string | readonly ChatTurn[];
  readonly answers: readonly (string | SampleAnswer)[];
}

/**
 * Writes samples for `trainbook label`, one a line, whole or not at all. An answer that another one of its sample equals is left out, and
 * a sample of which fewer than two are left, for it has nothing to rank.
 *
 * @returns how many samples were written
 * @throws TrainbookError for a sample of more than nine answers or with an empty one, and where none is left.
 * @example
 * const answers = await rollouts.write(weights, prompts, key(1));
 * await writeSamples('samples.jsonl', questions.map((prompt, at) => ({
 *   prompt,
 *   answers: [{ text: before[at], model: 'base' }, { text: after[at], model: 'sft', step: 200 }],
 * })));
 */
export async function writeSamples(path: string, samples: readonly UnrankedSample[]): Promise<number> {
  const kept = samples.flatMap((sample, index) => {
    const answers = sample.answers.map((answer) => (typeof answer === 'string' ? { text: answer } : answer));
    const empty = answers.findIndex(({ text }) => text.trim() === '');
    if (empty >= 0) throw notWritten(index, `an empty answer, number ${empty}`, 'answers with a text');
    const texts = answers.map(({ text }) => text);
    const different = answers.filter(({ text }, at) => texts.indexOf(text) === at);
    if (different.length > mostAnswers) {
      throw notWritten(index, `${different.length} answers`, `2 to ${mostAnswers} answers`);
    }
    return different.length < 2 ? [] : [{ ...sample, answers: different }];
  });
  if (kept.length === 0) {
    throw new TrainbookError({
      what: 'writeSamples: there is nothing to rank',
      received: `${samples.length} samples, each with fewer than two different answers`,
      expected: 'a sample with two different answers',
      fix: 'draw answers at a higher temperature, or of several models',
    });
  }
  await writeAtomic(path, kept.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
  return kept.length;
}

function notWritten(index: number, received: string, expected: string): TrainbookError {
  return new TrainbookError({ what: `writeSamples: sample ${index} cannot be ranked`, received, expected });
}
