import { TrainbookError } from '../error.js';
import type { Decoding } from './decoding.js';

/** Why a sequence ended: its stop token, enough tokens, or no room left in the model's context. */
export type Finish = 'stop' | 'length' | 'context';

/** One token that was generated. */
export interface Generated {
  readonly sequence: number;
  readonly token: number;
  /** Set on the last token of a sequence. A stop token itself is given too. */
  readonly finish?: Finish;
}

/** What `generate` does with the logits. */
export interface GenerateOptions {
  /** Picks the next token of a sequence; `position` is the place it will have. */
  readonly choose: (logits: Float32Array, sequence: number, position: number) => number;
  readonly maxTokens: number;
  readonly stop?: number;
}

/**
 * Continues sequences of tokens, giving each token as soon as it is there. All sequences start at position 0; a short one
 * begins to generate while a long one still reads its prompt, so that nothing is padded.
 *
 * @throws TrainbookError if a prompt is empty or leaves no room in the decoding's positions.
 * @example
 * for await (const { token } of generate(decoding, [[12, 7]], { choose, maxTokens: 20 })) console.log(token);
 */
export async function* generate(
  decoding: Decoding,
  prompts: readonly (readonly number[])[],
  { choose, maxTokens, stop }: GenerateOptions,
): AsyncGenerator<Generated> {
  prompts.forEach((prompt) => {
    checkPrompt(prompt, decoding.positions);
  });
  if (prompts.length !== decoding.batch)
    throw new Error('internal: generate needs a prompt for each sequence of the decoding');
  const sequences = prompts.map((prompt) => ({
    tokens: [...prompt],
    promptLength: prompt.length,
    open: maxTokens > 0,
  }));
  for (let position = 0; position < decoding.positions && sequences.some(({ open }) => open); position++) {
    const inputs = Int32Array.from(sequences, ({ tokens }) => tokens[position] ?? 0); // a closed sequence reads on, unseen
    const logits = await decoding.next(inputs, position);
    const vocabularySize = logits.length / decoding.batch;
    for (const [sequence, state] of sequences.entries()) {
      const next = position + 1;
      if (!state.open || next < state.tokens.length) continue;
      const row = logits.subarray(sequence * vocabularySize, (sequence + 1) * vocabularySize);
      const token = choose(row, sequence, next);
      state.tokens.push(token);
      const finish = finishOf(token, state.tokens.length - state.promptLength);
      state.open = finish === undefined;
      yield finish === undefined ? { sequence, token } : { sequence, token, finish };
    }

    function finishOf(token: number, numTokens: number): Finish | undefined {
      if (token === stop) return 'stop';
      if (numTokens === maxTokens) return 'length';
      return position + 1 === decoding.positions ? 'context' : undefined;
    }
  }
}

function checkPrompt(prompt: readonly number[], positions: number): void {
  if (prompt.length >= 1 && prompt.length <= positions) return;
  throw new TrainbookError({
    what:
      prompt.length === 0
        ? 'generate: the prompt has no tokens'
        : 'generate: the prompt is longer than the model’s context',
    received: `${prompt.length} tokens`,
    expected: `1 to ${positions} tokens`,
    fix: prompt.length === 0 ? 'write at least one character' : 'shorten the prompt, or train with a longer context',
  });
}
