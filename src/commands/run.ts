import { defineCommand } from 'citty';
import { deviceArg } from './device-option.js';
import { runFile, settings } from './run-file.js';
import { sinkArgs, sinkTargets } from './sink-options.js';
import { everyValue, integerOption } from './usage.js';

export const run = defineCommand({
  meta: { name: 'run', description: 'Run an experiment; stages whose inputs did not change come from the store' },
  args: {
    file: { type: 'positional', required: true, description: 'The experiment, such as experiments/quickstart.ts' },
    set: {
      type: 'string',
      valueHint: 'path=value',
      description: 'A config value in place of the default; may be repeated',
    },
    seed: { type: 'string', valueHint: 'integer', description: 'The seed (1 if not given)' },
    from: { type: 'string', valueHint: 'stage', description: 'Compute this stage and all after it again' },
    to: { type: 'string', valueHint: 'stage', description: 'Stop after this stage' },
    'dry-run': { type: 'boolean', description: 'Run nothing: say what would run, why, and about how long it takes' },
    runs: { type: 'string', valueHint: 'folder', description: "Where runs and their store lie (the project's runs/)" },
    ...deviceArg,
    ...sinkArgs,
    json: { type: 'boolean', description: 'Print the result as one JSON value' },
  },
  run({ args, rawArgs }) {
    const seed = integerOption('seed', args.seed);
    return runFile(args.file, {
      set: settings(everyValue(rawArgs, 'set')),
      ...(seed === undefined ? {} : { seed }),
      ...(args.from === undefined ? {} : { from: args.from }),
      ...(args.to === undefined ? {} : { to: args.to }),
      ...(args.runs === undefined ? {} : { runsFolder: args.runs }),
      ...(args.device === undefined ? {} : { device: args.device }),
      dryRun: args['dry-run'] === true,
      sinks: sinkTargets(args, process.env),
      json: args.json === true,
    });
  },
});
