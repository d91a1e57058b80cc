import { defineCommand } from 'citty';
import { diskUsage } from '../setup/disk.js';
import { projectRoot } from '../setup/project.js';
import { formatMegabytes, setUp } from '../setup/step.js';
import { setUpSteps } from '../setup/steps.js';

/** Does what is missing of the set-up of the project around the current folder; silent where all is ready. */
export async function ensureSetUp(): Promise<void> {
  await setUp(setUpSteps(projectRoot()), (line) => {
    process.stderr.write(`${line}\n`);
  });
}

export const setup = defineCommand({
  meta: { name: 'setup', description: 'Make .venv with JupyterLab, fetch libtensorflow, install the Jupyter kernels' },
  args: { json: { type: 'boolean', description: 'Print what is set up as one JSON value' } },
  async run({ args }) {
    await ensureSetUp();
    const parts = [];
    for (const { name, path } of setUpSteps(projectRoot()))
      parts.push({ name, path, megabytes: Math.round(await diskUsage(path)) });
    if (args.json === true) {
      process.stdout.write(`${JSON.stringify({ parts })}\n`);
      return;
    }
    const sum = parts.reduce((total, { megabytes }) => total + megabytes, 0);
    process.stdout.write(`set-up: ready, ${formatMegabytes(sum)} on disk; npx trainbook doctor says more\n`);
  },
});
