import { defineCommand } from 'citty';

/** Each loads when it is called, or named by `--help`. */
export const runs = defineCommand({
  meta: { name: 'runs', description: 'List runs, filter and compare them, remove them' },
  default: 'list',
  subCommands: {
    list: () => import('./runs-list.js').then(({ list }) => list),
    compare: () => import('./runs-compare.js').then(({ compare }) => compare),
    remove: () => import('./runs-remove.js').then(({ remove }) => remove),
  },
});
