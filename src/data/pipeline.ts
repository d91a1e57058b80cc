import { apply } from './corpus.js';
import type { Corpus } from './corpus.js';
import type { Step } from './step.js';

/**
 * A corpus to be read and the steps it goes through. Nothing happens until it is awaited; each step then judges all documents
 * that the steps before it kept, and every document's fate is in the ledger of the result. It is read once, however often it
 * is awaited.
 *
 * @example
 * const corpus = await load('my.txt').through(normalise(), deduplicate({ threshold: 0.9 }));
 */
export class Pipeline implements PromiseLike<Corpus> {
  private result: Promise<Corpus> | undefined;

  constructor(private readonly start: () => Promise<Corpus>) {}

  /** The same pipeline with further steps at its end. */
  through(...steps: readonly Step[]): Pipeline {
    return new Pipeline(async () => {
      let corpus: Corpus = await this;
      for (const step of steps) corpus = await apply(corpus, step);
      return corpus;
    });
  }

  then<Value = Corpus, Failure = never>(
    onValue?: ((corpus: Corpus) => Value | PromiseLike<Value>) | null,
    onFailure?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Value | Failure> {
    this.result ??= this.start();
    return this.result.then(onValue, onFailure);
  }
}
