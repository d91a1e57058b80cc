import { defineCommand } from 'citty';

/** Each loads when it is called, or named by `--help`. */
export const data = defineCommand({
  meta: { name: 'data', description: 'Prepare data: run a pipeline over shards, ask what became of each document' },
  subCommands: {
    review: () => import('./data-review.js').then(({ review }) => review),
    read: () => import('./data-read.js').then(({ read }) => read),
    run: () => import('./data-run.js').then(({ run }) => run),
    merge: () => import('./data-run.js').then(({ merge }) => merge),
    why: () => import('./data-why.js').then(({ why }) => why),
    counts: () => import('./data-counts.js').then(({ counts }) => counts),
    sql: () => import('./data-sql.js').then(({ sql }) => sql),
    ledger: () => import('./data-ledger.js').then(({ ledger }) => ledger),
  },
});
