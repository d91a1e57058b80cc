import { join } from 'node:path';
import { defineCommand } from 'citty';
import { packageRoot } from '../setup/project.js';
import { deviceArg } from './device-option.js';
import { runFile } from './run-file.js';
import { ensureSetUp } from './setup.js';

export const start = defineCommand({
  meta: { name: 'start', description: 'Set up what is missing, then run the quickstart experiment' },
  args: { ...deviceArg },
  async run({ args }) {
    await ensureSetUp();
    const options = args.device === undefined ? {} : { device: args.device };
    const code = await runFile(join(packageRoot, 'experiments', 'quickstart.ts'), options);
    if (code === 0) {
      process.stdout.write(
        [
          'What to try next:',
          '  npm run lab                                      the same, cell by cell, in JupyterLab',
          '  npx trainbook run experiments/quickstart.ts --set train.steps=600',
          '  npx trainbook new my-model --data my.txt         the same on your own text',
          '',
        ].join('\n'),
      );
    }
    return code;
  },
});
