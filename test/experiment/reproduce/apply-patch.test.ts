import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { workingChanges } from '../../../src/experiment/provenance/changes.js';
import { removedSecret } from '../../../src/experiment/provenance/secrets.js';
import { applyPatch } from '../../../src/experiment/reproduce/apply-patch.js';

let top = '';
const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: top }).toString();
const path = (): string => join(top, 'a b.ts');

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'trainbook-patch-'));
  git('init', '-q');
});
afterEach(() => rm(top, { recursive: true, force: true }));

describe('applyPatch', () => {
  it('fits the commit though secrets of the commit are not in the patch', async () => {
    const lines = (first: string, last: string): string =>
      [
        first,
        "const password = 'kept';",
        'two',
        ...Array.from({ length: 20 }, String),
        "token: 'a1b2c3d4e5f6a7b8c9',",
        last,
        '',
      ].join('\n');
    await writeFile(path(), lines('one', "secret = 'gone'"));
    git('add', '.');
    git('commit', '-q', '-m', 'first');
    await writeFile(path(), lines('ONE', "secret = 'came'"));
    const { patch, secretsRemoved } = await workingChanges(top, []);
    expect(secretsRemoved).toBe(4); // two in lines that stay, one in a line that goes, one in a line that comes
    git('checkout', '-q', '.');
    await applyPatch(top, patch);
    expect(await readFile(path(), 'utf8')).toBe(lines('ONE', `secret = '${removedSecret}'`));
  });

  it('writes nothing outside of the checkout', async () => {
    const patch =
      'diff --git a/../out.txt b/../out.txt\nnew file mode 100644\n--- /dev/null\n+++ b/../out.txt\n@@ -0,0 +1 @@\n+x\n';
    await expect(applyPatch(top, patch)).rejects.toThrow(/do not fit its commit[\s\S]*invalid path/u);
    await expect(stat(join(top, '..', 'out.txt'))).rejects.toThrow();
  });

  it('says so where it does not fit', async () => {
    await writeFile(path(), 'other\n');
    const patch = 'diff --git a/a b.ts b/a b.ts\n--- a/a b.ts\t\n+++ b/a b.ts\t\n@@ -1 +1 @@\n-one\n+two\n';
    await expect(applyPatch(top, patch)).rejects.toThrow(/patch does not apply/u);
  });
});
