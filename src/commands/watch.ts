import { defineCommand } from 'citty';
import { runsFolder, runsOption } from './runs-folder.js';
import { integerOption, UsageError } from './usage.js';

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
    const port = integerOption('port', args.port) ?? 0;
    if (port < 0 || port > 65_535) throw new UsageError(`--port needs a number from 0 to 65535, not '${port}'`);
    const { startWatching } = await import('../report/watch/server.js');
    const server = await startWatching({ runsFolder: runsFolder(args), port });
    const { address } = server;
    process.stdout.write(args.json === true ? `${JSON.stringify({ address })}\n` : `${address}\nCtrl-C ends it\n`);
    await new Promise<void>((resolve) => {
      for (const name of ['SIGINT', 'SIGTERM'] as const)
        process.once(name, () => {
          resolve();
        });
    });
    await server.close();
    return 0;
  },
});
