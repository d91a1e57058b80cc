import type { Checkout, Place } from '../experiment/reproduce/checkout.js';
import type { Comparison } from '../experiment/reproduce/compare.js';
import type { Difference } from '../experiment/reproduce/differences.js';
import { recordedGit } from '../experiment/reproduce/recorded-run.js';
import type { RecordedRun } from '../experiment/reproduce/recorded-run.js';
import type { Json } from '../files.js';
import { formatNumber, formatTime } from '../report/format.js';

/** Lines of a patch that are shown before the question; more are written to a file. */
export const shownLines = 200;

/**
 * Text of a record, which others wrote, for a terminal: what would move the cursor, change colours or turn the direction of
 * writing, and so could hide code, is written out.
 */
export function visible(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

const short = (value: Json | undefined): string => {
  const text = value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value);
  return visible(text.length > 70 ? `${text.slice(0, 67)}...` : text);
};

/** A list of what differs; packages and variables in a line each. */
export function differencesText(differences: readonly Difference[]): string {
  if (differences.length === 0) return 'differs:  nothing: engine, machine, Node and packages are those of the run\n';
  const lines = differences.map(
    ({ what, recorded, now }) => `          ${visible(what)}: ${short(recorded)}, now ${short(now)}\n`,
  );
  return `differs:\n${lines.join('')}`;
}

/** `src/a.ts +3 −1` for each file of a patch. */
export function patchSummary(patch: string): readonly string[] {
  return patch
    .split(/^(?=diff --git )/mu)
    .filter((part) => part !== '')
    .map((part) => {
      const [header = ''] = part.split('\n');
      const path = / b\/(.*)$/u.exec(header)?.[1] ?? header;
      const count = (sign: RegExp): number => (part.match(sign) ?? []).length;
      return `${visible(path)}  +${count(/^\+(?!\+\+ )/gmu)} −${count(/^-(?!-- )/gmu)}`;
    });
}

/** What would be run, so that the user can decide. */
export function planText(
  recorded: RecordedRun,
  place: Place,
  command: readonly string[],
  subject: string | undefined,
): string {
  const { spec, state, patch, environment } = recorded;
  const git = recordedGit(recorded);
  const lines = [
    `run:      ${visible(spec.runId)} of ${visible(spec.experiment)}, seed ${spec.seed}, ${state}, of ${formatTime(spec.createdAt)}`,
  ];
  const commit =
    git === undefined ? 'no commit was recorded' : `commit ${git.commit.slice(0, 12)} ${visible(subject ?? '')}`;
  lines.push(`code:     ${commit.trimEnd()}${patch === null ? '' : ', and these changes to it:'}`);
  for (const line of patch === null ? [] : patchSummary(patch)) lines.push(`            ${line}`);
  for (const left of git?.changesLeftOut ?? []) lines.push(`          not in the record: ${visible(left)}`);
  const secrets = environment['secretsRemoved'];
  if (typeof secrets === 'number') {
    lines.push(`          ${secrets} secrets were taken out of the record: what they were for may not work`);
  }
  const where = {
    here: (found: Place & { kind: 'here' }) =>
      `here: the ${found.numCode} files of its code and the ${found.numInputs} that it read are the same in ${found.project}`,
    checkout: () => 'in a checkout of that commit in a temporary folder',
    unknown: (found: Place & { kind: 'unknown' }) =>
      `here, in ${found.project}: whether its code is that of the run is seen when it has run`,
  };
  lines.push(
    `where:    ${place.kind === 'here' ? where.here(place) : place.kind === 'checkout' ? where.checkout() : where.unknown(place)}`,
    `command:  npx trainbook ${command.map(shellWord).map(visible).join(' ')}`,
  );
  return `${lines.join('\n')}\n`;
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/u.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** What a checkout could not have from git. */
export function checkoutText({ linked, missing }: Checkout): string {
  const list = (paths: readonly string[]): string => paths.map(visible).join(', ');
  return [
    ...(linked.length === 0 ? [] : [`linked from here, the same as then: ${list(linked)}\n`]),
    ...(missing.length === 0 ? [] : [`not as they were when the run read them: ${list(missing)}\n`]),
  ].join('');
}

/** Stage by stage, and the verdict. */
export function comparisonText({ stages, verdict, first, largest }: Comparison, tolerance: number): string {
  const width = Math.max(0, ...stages.map(({ stage }) => stage.length));
  const lines = stages.flatMap(({ stage, recorded, now, equal, values }) => {
    const name = visible(stage).padEnd(width);
    if (equal) return [`✓ ${name}  ${recorded.slice(0, 12)}`];
    const head = `✗ ${name}  ${visible(recorded.slice(0, 12))}, now ${now === undefined ? 'nothing' : now.slice(0, 12)}`;
    return [
      head,
      ...values.map(
        (each) =>
          `    ${visible(each.name)}: ${numberText(each.recorded)}, now ${numberText(each.now)} (${percent(each.relativeDifference)})`,
      ),
    ];
  });
  const gap =
    largest === undefined
      ? 'no numbers'
      : `largest relative difference of a number: ${percent(largest.relativeDifference)}`;
  const words = {
    'reproduced bit for bit': 'reproduced bit for bit',
    'within tolerance': `within tolerance: ${gap}, of ${percent(tolerance)} allowed`,
    differs: `differs: stage ${visible(first ?? '')} first (${gap})`,
  };
  return `${[...lines, words[verdict]].join('\n')}\n`;
}

const numberText = (value: number | null | undefined): string =>
  value === undefined ? 'nothing' : value === null ? 'no number' : formatNumber(value);

function percent(share: number): string {
  if (share === 0) return 'equal';
  if (!Number.isFinite(share)) return 'not comparable';
  return `${Number((share * 100).toPrecision(2))}%`;
}
