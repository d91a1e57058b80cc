import { defineCommand } from 'citty';
import { runsFolder, runsOption } from './runs-folder.js';
import { untilInterrupted } from './until-interrupted.js';
import { portOption } from './usage.js';

export const watch = defineCommand({
  meta: {
    name: 'watch',
    description: 'A live page of the runs: loss, latency, accuracy, rate, memory, workers, alerts',
  },
  args: {
    port: { type: 'string', valueHint: 'number', description: 'Of this machine (a free one)' },
    ...runsOption,
    json: { type: 'boolean', description: "Print the page's address as one JSON value" },
  },
  async run({ args }) {
    const port = portOption(args.port);
    const { startWatching } = await import('../report/watch/server.js');
    const server = await startWatching({ runsFolder: runsFolder(args), port });
    const { address } = server;
    process.stdout.write(args.json === true ? `${JSON.stringify({ address })}\n` : `${address}\nCtrl-C ends it\n`);
    await untilInterrupted();
    await server.close();
    return 0;
  },
});
