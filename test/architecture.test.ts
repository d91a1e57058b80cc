import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** All files that git knows or would add. */
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, maxBuffer: 1 << 26 })
  .toString('utf8')
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(root, path)));
const code = files.filter((path) => /\.(ts|cts|mts|mjs|cjs|js)$/.test(path));
const sources = code.filter((path) => path.startsWith('src/'));
const text = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The way of the data: a folder imports from itself and from those before it. */
const stations = [
  'engine',
  'data',
  'tokens',
  'model',
  'train',
  'evaluate',
  'experiment',
  'report',
  'serve',
  'setup',
  'commands',
];
/** These import nothing of ours, and everybody may import them. */
const foundations = ['error', 'files', 'progress', 'figure'];

function importsOf(path: string): string[] {
  return [...text(path).matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map(([, name = '']) =>
    relative(join(root, 'src'), resolve(root, dirname(path), name))
      .split(sep)
      .join('/'),
  );
}

/** `engine` for `src/engine/trace.ts`, `error` for `src/error.ts`. */
const station = (path: string): string => (path.split('/')[0] ?? '').replace(/\.[cm]?[jt]s$/, '');

describe('the folders of src', () => {
  test('import only from folders before them', () => {
    const wrong = sources.flatMap((path) => {
      const own = station(path.slice('src/'.length));
      const place = stations.indexOf(own);
      if (place < 0) return [];
      return importsOf(path)
        .map(station)
        .filter(
          (other) =>
            stations.indexOf(other) > place ||
            (!stations.includes(other) && !foundations.includes(other) && other !== '..'),
        )
        .map((other) => `${path} imports ${other}`);
    });
    expect(sources.flatMap(importsOf).length).toBeGreaterThan(100); // the pattern does find imports
    expect(wrong).toEqual([]);
  });

  test('the foundations import only each other', () => {
    const wrong = foundations.flatMap((name) =>
      importsOf(`src/${name}.ts`)
        .filter((other) => !foundations.includes(station(other)))
        .map((other) => `${name} imports ${other}`),
    );
    expect(wrong).toEqual([]);
  });

  test('have names that say what is in them', () => {
    const vague = sources.filter((path) => /(^|[/.-])(utils?|helpers?|common|misc|shared|stuff)([/.-]|$)/i.test(path));
    expect(vague).toEqual([]);
  });

  test('every folder has a place in the way of the data', () => {
    const folders = new Set(sources.flatMap((path) => (path.split('/').length > 2 ? [path.split('/')[1]] : [])));
    folders.delete('kernel'); // a program of its own, started by Jupyter: it imports nothing of the others
    expect([...folders].filter((folder) => folder === undefined || !stations.includes(folder))).toEqual([]);
    expect(
      sources
        .filter((path) => path.startsWith('src/kernel/'))
        .flatMap(importsOf)
        .map(station)
        .filter((other) => other !== 'kernel'),
    ).toEqual([]);
  });
});

test('no file of code has more than 400 lines', () => {
  const long = code.filter((path) => !path.includes('/fixtures/') && text(path).split('\n').length > 401);
  expect(long).toEqual([]);
});

test('no file names a folder of a developer’s machine', () => {
  const named = files.filter(
    (path) => /\.(ts|mjs|cjs|json|md|sh|py|ipynb|txt)$|\.ci\/run$/.test(path) && path !== 'package-lock.json',
  );
  const machine = /(^|["'`\s(=])\/(work|root|home\/[a-z]+)\//m;
  expect(named.filter((path) => machine.test(text(path)))).toEqual([]);
});
