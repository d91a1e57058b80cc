import { TrainbookError } from '../../error.js';
import type { Fate } from '../ledger/ledger.js';

/** What one step did to the documents of one group. Characters are those of the documents as they were read. */
export interface GroupCount {
  readonly documentsIn: number;
  readonly documentsOut: number;
  readonly charactersIn: number;
  readonly charactersOut: number;
  /** Documents dropped, by rule. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** Counts the fates of documents by group and step, one after the other: memory grows with groups and steps alone. */
export class Tally {
  private readonly groups = new Map<string, StepTally[]>();
  private readonly numbers: ReadonlyMap<string, number>;

  constructor(readonly steps: readonly string[]) {
    this.numbers = new Map(steps.map((step, index) => [step, index]));
  }

  add(groups: readonly string[], fate: Fate): void {
    const last = fate.events.at(-1);
    const end = last?.dropped === undefined ? this.steps.length : this.numberOf(last.step, fate);
    for (const group of groups) {
      const tallies = this.tallies(group);
      for (let step = 0; step < end; step++) tallies[step]?.keep(fate);
      if (last?.dropped !== undefined) tallies[end]?.drop(fate, last.dropped.drop);
    }
  }

  /** The groups that were met, in the order of their names. */
  names(): readonly string[] {
    return [...this.groups.keys()].sort();
  }

  count(group: string, step: number): GroupCount {
    return this.tallies(group)[step]?.count() ?? new StepTally().count();
  }

  private tallies(group: string): StepTally[] {
    const found = this.groups.get(group) ?? this.steps.map(() => new StepTally());
    this.groups.set(group, found);
    return found;
  }

  private numberOf(step: string, { id }: Fate): number {
    const number = this.numbers.get(step);
    if (number !== undefined) return number;
    throw new TrainbookError({
      what: 'audit: a document was dropped by a step that the ledger does not list',
      received: `${step}, of document ${id}`,
      expected: `one of ${this.steps.join(', ')}`,
      fix: 'give the steps of the run that wrote these fates',
    });
  }
}

class StepTally {
  private documentsIn = 0;
  private documentsOut = 0;
  private charactersIn = 0;
  private charactersOut = 0;
  private readonly dropped = new Map<string, number>();

  keep({ characters }: Fate): void {
    this.documentsIn++;
    this.documentsOut++;
    this.charactersIn += characters;
    this.charactersOut += characters;
  }

  drop({ characters }: Fate, rule: string): void {
    this.documentsIn++;
    this.charactersIn += characters;
    this.dropped.set(rule, (this.dropped.get(rule) ?? 0) + 1);
  }

  count(): GroupCount {
    const { documentsIn, documentsOut, charactersIn, charactersOut } = this;
    return { documentsIn, documentsOut, charactersIn, charactersOut, dropped: Object.fromEntries(this.dropped) };
  }
}
