import { TrainbookError } from '../error.js';
import type { Decoding } from './decoding.js';

/** Why a sequence ended: a stop token or a stop string, enough tokens, no room left in the model's context, or a signal. */
export type Finish = 'stop' | 'length' | 'context' | 'interrupted';

/** One token that was generated. */
export interface Generated {
  readonly sequence: number;
  readonly token: number;
  /** Set on the last token of a sequence. A stop token itself is given too. */
  readonly finish?: Exclude<Finish, 'interrupted'>;
}

/** What `generate` does with the logits. */
export interface GenerateOptions {
  /** Takes the next token of a sequence; `tokens` are those before it, the prompt's first. */
  readonly choose: (logits: Float32Array, sequence: number, tokens: readonly number[]) => number;
  readonly maxTokens: number;
  /** Whether a token ends its sequence; it is called once for each. */
  readonly ends?: (token: number, sequence: number) => boolean;
}

/**
 * Continues sequences of tokens, giving each token as soon as it is there.
 *
 * @throws TrainbookError if a prompt is empty or leaves no room in the decoding.
 * @example
 * for await (const { token } of generate(decoding, [[12, 7]], { choose, maxTokens: 20 })) console.log(token);
 */
export async function* generate(
  decoding: Decoding,
  prompts: readonly (readonly number[])[],
  { choose, maxTokens, ends = () => false }: GenerateOptions,
): AsyncGenerator<Generated> {
  checkPrompts(prompts, decoding.length);
  if (prompts.length !== decoding.batch)
    throw new Error('internal: generate needs a prompt for each sequence of the decoding');
  if (maxTokens === 0) return;
  const sequences = prompts.map((prompt) => ({ tokens: [...prompt], last: 0, open: true }));
  let logits = await decoding.start(prompts);
  for (let numTokens = 1; ; numTokens++) {
    const vocabularySize = logits.length / decoding.batch;
    for (const [sequence, state] of sequences.entries()) {
      if (!state.open) continue;
      const row = logits.subarray(sequence * vocabularySize, (sequence + 1) * vocabularySize);
      const token = choose(row, sequence, state.tokens);
      state.last = token;
      state.tokens.push(token);
      const finish = ends(token, sequence)
        ? 'stop'
        : numTokens === maxTokens
          ? 'length'
          : state.tokens.length > decoding.length
            ? 'context'
            : undefined;
      state.open = finish === undefined;
      yield finish === undefined ? { sequence, token } : { sequence, token, finish };
    }
    if (!sequences.some(({ open }) => open)) return;
    logits = await decoding.next(Int32Array.from(sequences, ({ last }) => last)); // what has ended is read on, unseen
  }
}

/** @throws TrainbookError if a prompt is empty or longer than the context. */
export function checkPrompts(prompts: readonly (readonly number[])[], length: number): void {
  for (const prompt of prompts) {
    if (prompt.length >= 1 && prompt.length <= length) continue;
    throw new TrainbookError({
      what:
        prompt.length === 0
          ? 'generate: the prompt has no tokens'
          : 'generate: the prompt is longer than the model’s context',
      received: `${prompt.length} tokens`,
      expected: `1 to ${length} tokens`,
      fix: prompt.length === 0 ? 'write at least one character' : 'shorten the prompt, or train with a longer context',
    });
  }
}
