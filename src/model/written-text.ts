import { decodedText } from '../tokens/decoded-text.js';
import type { Tokenizer } from '../tokens/tokenizer.js';
import type { SamplePlan } from './sample-options.js';
import { stoppedText } from './stop-strings.js';

/** The text of one sequence while it is generated. */
export interface WrittenText {
  /** The text that a token adds; a stop token adds none. */
  push(token: number): string;
  /** What is still held back. */
  end(): string;
  /** Whether a stop token or a stop string has come. */
  readonly ended: boolean;
  /** Tokens so far, without a stop token. */
  readonly numTokens: number;
}

/** Tokens → whole characters → text before the first stop string. */
export function writtenText(
  tokenizer: Pick<Tokenizer, 'decode' | 'token'>,
  { stops, stopStrings }: Pick<SamplePlan, 'stops' | 'stopStrings'>,
): WrittenText {
  const decoded = decodedText(tokenizer);
  const stopped = stoppedText(stopStrings);
  let atStop = false;
  let numTokens = 0;
  return {
    push(token) {
      atStop = stops.includes(token);
      if (atStop) return '';
      numTokens += 1;
      return stopped.push(decoded.push(token));
    },
    end: () => stopped.push(decoded.end()) + stopped.end(),
    get ended() {
      return atStop || stopped.found !== undefined;
    },
    get numTokens() {
      return numTokens;
    },
  };
}
