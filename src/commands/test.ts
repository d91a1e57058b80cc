import { join } from 'node:path';
import { defineCommand } from 'citty';
import { runInForeground } from '../setup/program.js';
import { packageRoot } from '../setup/project.js';
import { ensureSetUp } from './setup.js';

export const test = defineCommand({
  meta: { name: 'test', description: 'Set up what is missing, then run vitest with the arguments given' },
  async run({ rawArgs }) {
    await ensureSetUp();
    const vitest = join(packageRoot, 'node_modules', 'vitest', 'vitest.mjs');
    return runInForeground(process.execPath, [vitest, 'run', ...rawArgs], { cwd: packageRoot });
  },
});
