import { defineCommand } from 'citty';

/** Each loads when it is called, or named by `--help`. */
export const store = defineCommand({
  meta: { name: 'store', description: 'What the store of artifacts takes, and remove what nobody needs' },
  default: 'sizes',
  subCommands: {
    sizes: () => import('./store-sizes.js').then(({ sizes }) => sizes),
    gc: () => import('./store-gc.js').then(({ gc }) => gc),
  },
});
