import { basename, dirname, resolve, sep } from 'node:path';
import { TrainbookError } from '../../error.js';
import { nearest } from '../nearest.js';

/**
 * The name of the run that a text stands for: a whole name (`quickstart/2026-11-21-143502-3f9c`), an id, a beginning or an
 * end of one that no other run has (`3f9c`), or a path to its folder.
 *
 * @throws TrainbookError that lists the runs where several are meant, and the nearest where none is
 */
export function findRun(names: readonly string[], text: string, runsFolder = 'runs'): string {
  const wanted = text.replace(/[/\\]+$/u, '').replaceAll('\\', '/');
  const path = resolve(text);
  const byPath = dirname(dirname(path)) === resolve(runsFolder) ? path.split(sep).slice(-2).join('/') : undefined;
  const exact = names.filter((name) => name === wanted || name === byPath || basename(name) === wanted);
  const found =
    exact.length > 0
      ? exact
      : names.filter(
          (name) =>
            name.startsWith(wanted) || basename(name).startsWith(wanted) || (wanted !== '' && name.endsWith(wanted)),
        );
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined) {
    const shown = found.slice(0, 12).join(', ');
    throw new TrainbookError({
      what: `runs: ${found.length} runs are meant by this`,
      received: text,
      expected: 'a beginning or an end of one id alone',
      fix: `one of ${shown}${found.length > 12 ? ', …' : ''}`,
    });
  }
  const close = nearest(wanted, [...names, ...names.map((name) => basename(name))]);
  throw new TrainbookError({
    what: 'runs: there is no such run',
    received: text,
    expected: `the id of a run below ${runsFolder}, or a beginning or end of it`,
    fix: close === undefined ? 'npx trainbook runs lists them' : `did you mean ${close}?`,
  });
}
