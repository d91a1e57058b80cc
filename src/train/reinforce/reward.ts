import { TrainbookError } from '../../error.js';

/** An answer of the policy, with what it was asked and what is known of the right answer. */
export interface RewardSample<Answer = string> {
  readonly prompt: string;
  readonly completion: string;
  readonly answer: Answer;
}

/** What an answer is worth: any function, the same for the same sample. */
export type Reward<Answer = string> = (sample: RewardSample<Answer>) => number;

/** Rewards by name. */
export type Rewards<Name extends string, Answer = string> = Readonly<Record<Name, Reward<Answer>>>;

/**
 * The same reward, which tells what went wrong where: a throw, or a value that is no finite number, becomes an error that names the
 * reward, the sample and the value.
 *
 * @throws TrainbookError when it is called, as said.
 * @example
 * const brevity = checkedReward('brevity', ({ completion }) => 1 / completion.length); // '' is refused: Infinity
 */
export function checkedReward<Answer>(name: string, reward: Reward<Answer>): Reward<Answer> {
  return (sample) => checked(name, reward, sample);
}

/**
 * Every reward of every sample: { name: [numSamples] }, in the order of the samples. The first that goes wrong is named with its place.
 *
 * @throws TrainbookError as `checkedReward`.
 * @example
 * const { correct, format } = scoreAnswers({ correct: exactAnswer(), format: hasFormat(reasoning) }, samples);
 */
export function scoreAnswers<Name extends string, Answer>(
  rewards: Rewards<Name, Answer>,
  samples: readonly RewardSample<Answer>[],
): Record<Name, number[]> {
  const scored = Object.entries<Reward<Answer>>(rewards).map(([name, reward]) => [
    name,
    samples.map((sample, index) => checked(name, reward, sample, index)),
  ]);
  return Object.fromEntries(scored) as Record<Name, number[]>;
}

function checked<Answer>(name: string, reward: Reward<Answer>, sample: RewardSample<Answer>, index?: number): number {
  const place = { name, sample, index };
  let value: unknown;
  try {
    value = reward(sample);
  } catch (cause) {
    throw problem(place, 'has thrown', cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw problem(place, 'is no finite number', described(value));
}

interface Place {
  readonly name: string;
  readonly sample: RewardSample<unknown>;
  readonly index: number | undefined;
}

function problem({ name, sample, index }: Place, what: string, received: string, cause?: unknown): TrainbookError {
  const { prompt, completion, answer } = sample;
  const where = index === undefined ? '' : ` of sample ${index}`;
  return new TrainbookError({
    what: `reward ${name}${where} ${what}`,
    received: `${received}, for prompt ${shown(prompt)}, completion ${shown(completion)}, answer ${shown(answer)}`,
    expected: 'a finite number for any completion, an empty or a senseless one too',
    fix: `let ${name} return its lowest reward for such a completion`,
    cause,
  });
}

function described(value: unknown): string {
  if (value instanceof Promise) return 'a promise: rewards are not async';
  return typeof value === 'number' ? String(value) : `${shown(value)} (${typeof value})`;
}

/** At most 80 characters, with line ends written out. */
function shown(value: unknown): string {
  const text = typeof value === 'bigint' ? `${value}n` : (stringified(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function stringified(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined; // a cycle, or a bigint inside
  }
}
