import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { environmentProgram } from '../setup/environment.js';
import { runInForeground } from '../setup/program.js';
import { projectRoot } from '../setup/project.js';
import { ensureSetUp } from './setup.js';

export const lab = defineCommand({
  meta: { name: 'lab', description: 'Open JupyterLab, on the first chapter where no notebook is named' },
  args: {
    notebook: { type: 'positional', required: false, description: 'The notebook to open' },
    browser: {
      type: 'boolean',
      default: true,
      description: 'Open a browser',
      negativeDescription: 'Print the address only',
    },
  },
  async run({ args }) {
    await ensureSetUp();
    const project = projectRoot();
    const first = join('notebooks', '01-quickstart.ipynb');
    const notebook = args.notebook ?? (existsSync(join(project, first)) ? first : undefined);
    const options = [
      ...(args.browser ? [] : ['--no-browser']),
      // in a container everything runs as root, and Jupyter would refuse; it listens on this machine only, with a token
      ...(process.getuid?.() === 0 ? ['--allow-root'] : []),
      '--MultiKernelManager.default_kernel_name=trainbook',
      ...(notebook === undefined ? [] : [notebook]),
    ];
    return runInForeground(environmentProgram(project, 'jupyter'), ['lab', ...options], { cwd: project });
  },
});
