import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainbookError } from '../../error.js';
import { removedSecret } from '../provenance/secrets.js';

// diff --git a/src/a.ts b/src/a.ts
// --- a/src/a.ts
// +++ b/src/a.ts
// @@ -3,4 +3,5 @@ function name
//  line that stays          its number in the old file: 3
// -line that goes           4
// +line that comes          none
const hunk = /^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@/u;

/**
 * A patch whose lines of the commit are whole again: secrets are taken out of all lines of a recorded patch, but those that stay or go stand
 * in the commit, and git compares them. Lines that come keep their gaps.
 *
 * @param lineOf the line of a file of the commit, from 1
 */
export function restoreLines(patch: string, lineOf: (path: string, line: number) => string | undefined): string {
  let path = '';
  let line = 0;
  let inHunk = false;
  const restored = patch.split('\n').map((text) => {
    if (text.startsWith('diff --git ')) inHunk = false;
    const start = hunk.exec(text);
    if (start !== null) {
      line = Number(start[1]);
      inHunk = true;
      return text;
    }
    if (!inHunk) {
      if (text.startsWith('--- a/')) path = text.slice('--- a/'.length).replace(/\t$/u, '');
      return text;
    }
    if (!text.startsWith(' ') && !text.startsWith('-')) return text;
    const whole = text.includes(removedSecret) ? lineOf(path, line) : undefined;
    line++;
    return whole === undefined ? text : text.slice(0, 1) + whole;
  });
  return restored.join('\n');
}

/** Applies a recorded patch to a checkout of its commit. Paths outside of it are refused by git. */
export async function applyPatch(tree: string, patch: string): Promise<void> {
  const files = new Map<string, readonly string[]>();
  for (const [, path = ''] of patch.matchAll(/^--- a\/(.*?)\t?$/gmu)) {
    const text = await readFile(join(tree, path), 'utf8').catch(() => '');
    files.set(path, text.split('\n'));
  }
  const whole = restoreLines(patch, (path, line) => files.get(path)?.[line - 1]);
  await new Promise<void>((done, fail) => {
    const child = execFile('git', ['apply', '--whitespace=nowarn', '-'], { cwd: tree }, (error, _stdout, stderr) => {
      if (error === null) {
        done();
        return;
      }
      fail(
        new TrainbookError({
          what: 'reproduce: the changes that the run was made with do not fit its commit',
          received: stderr.trim(),
          expected: 'a patch that git can apply',
          fix: 'read changes.patch in the folder of the run, and make the changes by hand',
          cause: error,
        }),
      );
    });
    child.stdin?.on('error', () => undefined); // git may end before it has read all
    child.stdin?.end(whole);
  });
}
