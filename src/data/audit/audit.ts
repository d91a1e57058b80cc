import { TrainbookError } from '../../error.js';
import type { Figure, Summary, Table } from '../../figure.js';
import type { Fate } from '../ledger/ledger.js';
import { sharesFigure, survivalFigure } from './audit-figures.js';
import { disparities, disparityText } from './disparity.js';
import type { Disparity, Tested } from './disparity.js';
import { wilson } from './proportions.js';
import type { Estimated } from './proportions.js';
import { Tally } from './tally.js';
import type { GroupCount } from './tally.js';

/** The fates of documents and the steps they went through: a ledger, or what is read of one. */
export interface Fates {
  readonly fates: Iterable<Fate> | AsyncIterable<Fate> | (() => AsyncIterable<Fate>);
  readonly steps: readonly string[];
}

/** Groups by name, each with who belongs to it; a document may belong to several, or to none. */
export type NamedGroups = Readonly<Record<string, (fate: Fate) => boolean>>;

export interface AuditOptions {
  /** What makes the groups; documents whose language is not known are a group `(not known)`. */
  readonly by: 'source' | 'domain' | 'language' | NamedGroups;
  /** From which ratio on a step is named, if its corrected p-value is below 0.05 as well. Default: 1.25. */
  readonly ratio?: number;
}

/** One group at one step. Shares are of all documents, or all characters, that are there at that moment, 0 … 1. */
export interface AuditRow extends Omit<GroupCount, 'dropped'> {
  readonly step: string;
  readonly group: string;
  readonly shareIn: number;
  readonly shareOut: number;
  readonly characterShareIn: number;
  readonly characterShareOut: number;
  /** The share of the group's documents that the step keeps, with its 95% interval (see `wilson`). */
  readonly survival: Estimated;
}

/** What `audit` found. It is shown in notebooks and reports as a table with figures. */
export class Audit implements Summary {
  readonly title: string;

  constructor(
    readonly by: string,
    readonly groups: readonly string[],
    /** Each step that dropped something, with each group, in order. */
    readonly rows: readonly AuditRow[],
    /** What was tested: each such step against each group, the largest ratio first. */
    readonly tests: readonly Disparity[],
    /** Those tests that show a group dropped more than the others. */
    readonly named: readonly Disparity[],
  ) {
    this.title = `Who is dropped, by ${by}`;
  }

  get facts(): Summary['facts'] {
    return {
      groups: this.groups.length,
      'steps that drop': new Set(this.rows.map(({ step }) => step)).size,
      tests: this.tests.length,
      'steps that drop one group more': this.named.length,
    };
  }

  get tables(): readonly Table[] {
    return [this.table()];
  }

  get figures(): readonly Figure[] {
    return [this.figure(), this.sharesFigure()];
  }

  get texts(): NonNullable<Summary['texts']> {
    return [{ title: '', text: this.verdict() }];
  }

  /** Survival of each group at each step, with intervals. */
  figure(): Figure {
    return survivalFigure(this);
  }

  /** The shares of the groups from step to step. */
  sharesFigure(): Figure {
    return sharesFigure(this);
  }

  table(): Table {
    return {
      title: this.title,
      columns: ['step', this.by, 'documents in', 'share in', 'dropped', 'kept (95%)', 'share out', 'of characters'],
      rows: this.rows.map((row) => [
        row.step,
        row.group,
        row.documentsIn,
        percent(row.shareIn),
        row.documentsIn - row.documentsOut,
        row.documentsIn === 0 ? '—' : interval(row.survival),
        percent(row.shareOut),
        percent(row.characterShareOut),
      ]),
    };
  }

  /** The named steps as sentences. */
  verdict(): string {
    if (this.named.length > 0) return this.named.map((one) => `${disparityText(one)}.`).join('\n');
    return `No step drops one group clearly more than the others (${this.tests.length} tests, corrected).`;
  }

  /** The table and the verdict as plain text. */
  text(): string {
    const { columns, rows } = this.table();
    const cells = [columns, ...rows.map((row) => row.map(String))];
    const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
    const lines = cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
    return [this.title, ...lines.map((line) => line.trimEnd()), '', this.verdict()].join('\n');
  }

  /** The same as Markdown. */
  markdown(): string {
    const { columns, rows } = this.table();
    const line = (cells: readonly (string | number)[]): string =>
      `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
    const verdict = this.named.length === 0 ? [this.verdict()] : this.named.map((one) => `- ${disparityText(one)}.`);
    return [
      `### ${this.title}`,
      '',
      line(columns),
      line(columns.map(() => '---')),
      ...rows.map(line),
      '',
      ...verdict,
    ].join('\n');
  }
}

/**
 * Whom each step drops: the share of each group before and after it, by documents and by characters, how many of the group it
 * keeps, and by name each step that drops one group more often than the others: by 1.25 times or more, and not by chance (the
 * test of two proportions, corrected by Holm over all steps and groups).
 *
 * Nothing but the ledger is read. Filters made for one language are known to be unfair to others: Dodge et al. 2021 (2104.08758)
 * found it for a list of bad words, Lucy et al. 2024 (2401.06408) for ten filters of quality and language.
 *
 * @throws TrainbookError if there are no fates, or a named group has nobody.
 * @example
 * const found = await audit(corpus, { by: 'language' });
 * console.log(found.text());
 * await audit(corpus.ledger, { by: { poems: ({ domain }) => domain.startsWith('poetry') } });
 */
export async function audit(
  corpus: { readonly ledger: Fates } | Fates,
  { by, ratio = 1.25 }: AuditOptions,
): Promise<Audit> {
  const { fates, steps } = 'ledger' in corpus ? corpus.ledger : corpus;
  const label = typeof by === 'string' ? by : 'group';
  const groupsOf = grouping(by);
  const tally = new Tally(steps);
  const all = new Tally(steps);
  for await (const fate of typeof fates === 'function' ? fates() : fates) {
    tally.add(groupsOf(fate), fate);
    all.add([''], fate);
  }
  if (all.names().length === 0) {
    throw new TrainbookError({
      what: 'audit: there are no documents',
      received: 0,
      expected: 'the fate of at least one',
    });
  }
  const groups = typeof by === 'string' ? tally.names() : Object.keys(by);
  const empty = groups.find((group) => !tally.names().includes(group));
  if (empty !== undefined) {
    throw new TrainbookError({
      what: 'audit: no document belongs to this group',
      received: empty,
      expected: 'a function that is true for some of the fates',
      fix: 'look at ledger.fates: they hold id, source, domain, title, language, characters and events',
    });
  }
  const tested: Tested[] = steps.flatMap((step, index) => {
    const whole = all.count('', index);
    if (whole.documentsIn === whole.documentsOut) return [];
    return groups.map((group) => ({ step, group, count: tally.count(group, index), all: whole }));
  });
  const tests = disparities(tested);
  const named = tests.filter((one) => one.pValue < 0.05 && one.ratio.value >= ratio);
  return new Audit(label, groups, tested.map(row), tests, named);
}

function grouping(by: AuditOptions['by']): (fate: Fate) => readonly string[] {
  if (by === 'language') return ({ language }) => [language ?? '(not known)'];
  if (typeof by === 'string') return (fate) => [fate[by]];
  return (fate) => Object.entries(by).flatMap(([name, belongs]) => (belongs(fate) ? [name] : []));
}

function row({ step, group, count, all }: Tested): AuditRow {
  const { documentsIn, documentsOut, charactersIn, charactersOut } = count;
  return {
    step,
    group,
    documentsIn,
    documentsOut,
    charactersIn,
    charactersOut,
    shareIn: share(documentsIn, all.documentsIn),
    shareOut: share(documentsOut, all.documentsOut),
    characterShareIn: share(charactersIn, all.charactersIn),
    characterShareOut: share(charactersOut, all.charactersOut),
    survival: wilson(documentsOut, documentsIn),
  };
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** `0.1234` → `12.3%`. */
export function percent(value: number): string {
  return `${(100 * value).toFixed(1)}%`;
}

/** `93.1% (90.2–95.2)`. */
export function interval({ value, low, high }: Estimated): string {
  return `${percent(value)} (${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)})`;
}
