import { expect, it } from 'vitest';
import { patchSummary, visible } from '../../src/commands/reproduce-text.js';

it('writes out what would hide code on a terminal', () => {
  expect(visible('a\u001b[8mhidden\u001b[0m\r\u202eb\tc\n语料')).toBe(
    'a\\u{1b}[8mhidden\\u{1b}[0m\\u{d}\\u{202e}b\tc\n语料',
  );
});

it('counts the lines of a patch by file', () => {
  const patch =
    'diff --git a/a.ts b/a.ts\n--- a/a.ts\n+++ b/a.ts\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n+three\n' +
    'diff --git a/b c.ts b/b c.ts\nnew file mode 100644\n--- /dev/null\n+++ b/b c.ts\n@@ -0,0 +1 @@\n+x\n';
  expect(patchSummary(patch)).toEqual(['a.ts  +2 −1', 'b c.ts  +1 −0']);
});
