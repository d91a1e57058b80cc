import { TrainbookError } from '../error.js';
import { apply } from './corpus.js';
import type { Corpus } from './corpus.js';
import type { From, Source } from './read/inputs.js';
import type { ReadOptions } from './read/options.js';
import type { ShardedCorpus } from './scale/sharded-corpus.js';
import type { WriteOptions } from './scale/write-options.js';
import type { Step } from './step.js';

/** What a pipeline reads, and how. */
export interface Reading {
  readonly source: Source;
  readonly from?: From;
  readonly options?: ReadOptions;
}

/**
 * A corpus to be read and the steps it goes through. Nothing happens until it is awaited or written; each step then judges all
 * documents that the steps before it kept, and every document's fate is in the ledger of the result. It is read once, however
 * often it is awaited.
 *
 * @example
 * const corpus = await load('my.txt').through(normalise(), deduplicate({ threshold: 0.9 }));
 */
export class Pipeline implements PromiseLike<Corpus> {
  private result: Promise<Corpus> | undefined;

  constructor(
    private readonly start: () => Promise<Corpus>,
    /** What `start` reads; where it is not known, the pipeline cannot run over shards. */
    readonly reading?: Reading,
    readonly steps: readonly Step[] = [],
  ) {}

  /** The same pipeline with further steps at its end. */
  through(...steps: readonly Step[]): Pipeline {
    const start = async (): Promise<Corpus> => {
      let corpus: Corpus = await this;
      for (const step of steps) corpus = await apply(corpus, step);
      return corpus;
    };
    return new Pipeline(start, this.reading, [...this.steps, ...steps]);
  }

  /**
   * Runs over shards, into a folder: memory does not grow with the corpus, any number of processes work together, and what was
   * killed continues. Which documents are kept, changed and dropped, and each byte that is written, depend on the input and
   * the steps alone. See `writeShards`.
   *
   * @example
   * const corpus = await load('corpus/*.jsonl.gz').through(normalise()).write('out', { workers: 2 });
   */
  async write(folder: string, options: WriteOptions = {}): Promise<ShardedCorpus> {
    if (this.reading === undefined) {
      throw new TrainbookError({
        what: 'write: this pipeline does not know what it reads',
        expected: 'one that begins with load(…)',
      });
    }
    const { writeShards } = await import('./scale/write.js');
    return writeShards({ reading: this.reading, steps: this.steps }, folder, options);
  }

  then<Value = Corpus, Failure = never>(
    onValue?: ((corpus: Corpus) => Value | PromiseLike<Value>) | null,
    onFailure?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Value | Failure> {
    this.result ??= this.start();
    return this.result.then(onValue, onFailure);
  }
}

/** Also one of another copy of trainbook, such as the one that a pipeline's file imports. */
export function isPipeline(value: unknown): value is Pipeline {
  return (
    typeof value === 'object' && value !== null && 'through' in value && 'steps' in value && Array.isArray(value.steps)
  );
}
