import type { Json } from '../../files.js';
import type { RunRecords } from '../records.js';
import { section, text, warning } from './document.js';
import type { Block, Section } from './document.js';

/** A word as a shell takes it literally. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The config as `--set path=value`, one for each value. */
function settings(value: Json, path: string): string[] {
  const branch = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!branch) return [`--set ${quoted(`${path}=${JSON.stringify(value)}`)}`];
  return Object.entries(value).flatMap(([key, item]) => settings(item, path === '' ? key : `${path}.${key}`));
}

interface Git {
  readonly commit?: string;
  readonly dirty?: boolean;
}

/** The state of the code, as the environment tells it. */
export function gitOf(environment: Readonly<Record<string, Json>>): Git {
  const git = environment['git'];
  if (typeof git !== 'object' || git === null || Array.isArray(git)) return {};
  const { commit, dirty } = git as Readonly<Record<string, Json>>;
  return {
    ...(typeof commit === 'string' ? { commit } : {}),
    ...(typeof dirty === 'boolean' ? { dirty } : {}),
  };
}

/** Which code it was: the commit, and whether what was changed since is kept. */
export function codeBlocks(
  code: string,
  environment: Readonly<Record<string, Json>>,
  patch: string | undefined,
): Block[] {
  const { commit, dirty } = gitOf(environment);
  const changes =
    patch !== undefined
      ? `changed since; the change is kept beside the run (${patch})`
      : dirty === true
        ? 'changed since, and the change is not kept'
        : dirty === false
          ? 'not changed since'
          : 'not known';
  const facts = {
    commit: commit ?? 'none: the code was in no git repository',
    changes,
    'code hash': code.slice(0, 12),
  };
  return [
    { kind: 'facts', id: 'code', title: 'Code', facts, shape: 'list' },
    ...(dirty === true && patch === undefined
      ? [warning('The code had changes that no commit holds: it can only be run again where they still are.')]
      : []),
  ];
}

/** The commands that make this run again, and what may then be expected to be equal. */
export function reproduce(run: RunRecords, path: string): Section[] {
  const { spec } = run;
  const file = spec.file === undefined ? '<the file of the experiment>' : quoted(spec.file);
  const whole = [`npx trainbook run ${file} --seed ${spec.seed}`, ...settings(spec.config, '')].join(' \\\n  ');
  return section('reproduce', 'How to reproduce', [
    { kind: 'code', text: `npx trainbook reproduce ${quoted(`runs/${path}`)}` },
    text(
      'It shows the code that it would run and asks, runs it, and compares the hashes of what comes out. On the same machine with the ' +
        'same engine they are equal; on another machine the numbers agree within the tolerance of floating-point arithmetic.',
    ),
    ...codeBlocks(spec.code, run.environment, run.patch),
    { kind: 'code', label: 'As one command, with every value given', text: whole },
  ]);
}
