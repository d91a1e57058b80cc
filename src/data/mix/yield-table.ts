import type { Table } from '../../figure.js';
import type { Corpus } from '../corpus.js';
import type { Fate } from '../ledger/ledger.js';

export interface YieldTableOptions {
  /** Default: source. */
  readonly by?: 'source' | 'domain' | 'language' | ((fate: Fate) => string);
}

/**
 * What is left of each stratum after each step, from the ledger: documents, and of the characters that were read, the part that stands in
 * documents still there. The last row is of all.
 *
 * @example
 * yieldTable(corpus, { by: 'domain' }).rows[0]; // ['news', '44 (100.0%)', '43 (98.1%)', '12 (30.2%)']
 */
export function yieldTable({ ledger }: Corpus, { by = 'source' }: YieldTableOptions = {}): Table {
  const nameOf = typeof by === 'function' ? by : (fate: Fate): string => fate[by] ?? `no ${by}`;
  const { steps } = ledger;
  const strata = new Map<string, Left[]>();
  const all = steps.map(() => new Left());
  for (const fate of ledger.fates) {
    const name = nameOf(fate);
    let own = strata.get(name);
    if (own === undefined) strata.set(name, (own = steps.map(() => new Left())));
    const end = fate.events.find(({ dropped }) => dropped !== undefined)?.step;
    const numSteps = end === undefined ? steps.length : steps.indexOf(end);
    for (const left of [own, all]) {
      left.forEach((one, index) => {
        one.add(fate.characters, index < numSteps);
      });
    }
  }
  const row = (name: string, left: readonly Left[]): string[] => [name, ...left.map((one) => one.text())];
  return {
    title: 'What is left of each stratum',
    columns: [typeof by === 'function' ? 'stratum' : by, ...steps.map((step) => `after ${step}`)],
    rows: [...[...strata].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, left]) => row(name, left)), row('all', all)],
  };
}

class Left {
  private documents = 0;
  private characters = 0;
  private read = 0;

  add(characters: number, isLeft: boolean): void {
    this.read += characters;
    if (!isLeft) return;
    this.documents++;
    this.characters += characters;
  }

  text(): string {
    const share = this.read === 0 ? 0 : (100 * this.characters) / this.read;
    return `${this.documents.toLocaleString('en-US')} (${share.toFixed(1)}%)`;
  }
}
