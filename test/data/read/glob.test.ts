import { describe, expect, it } from 'vitest';
import { isGlob, matchesGlob } from '../../../src/data/read/glob.js';

// Finding files is tested in load.test.ts.
describe('glob', () => {
  it.each([
    ['a/*.txt', ['a/b.txt', 'a/.txt'], ['a/b/c.txt', 'a/b.txtx', 'b.txt']],
    ['a/**/*.gz', ['a/b.gz', 'a/b/c/d.gz'], ['a/b', 'ab.gz']],
    ['**/x', ['x', 'a/b/x'], ['xx', 'a/x/y']],
    ['?.{txt,md}', ['学.md', 'a.txt'], ['ab.md', 'a.mdx']],
    ['a+(b).txt', ['a+(b).txt'], ['aab.txt']],
  ])('%s matches whole paths', (pattern, matching, others) => {
    for (const path of matching) expect(matchesGlob(path, pattern), path).toBe(true);
    for (const path of others) expect(matchesGlob(path, pattern), path).toBe(false);
  });

  it('is told from a plain path', () => {
    expect(['a/b.txt', '*.txt', 'a?', '{a,b}'].map(isGlob)).toEqual([false, true, true, true]);
  });
});
