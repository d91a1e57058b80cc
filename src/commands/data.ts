import { defineCommand } from 'citty';

/** Each loads when it is called, or named by `--help`. */
export const data = defineCommand({
  meta: { name: 'data', description: 'Prepare data: run a pipeline over shards, ask what became of each document' },
  subCommands: {},
});
