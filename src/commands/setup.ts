import { defineCommand } from 'citty';
import { diskUsage } from '../setup/disk.js';
import { modelSteps } from '../setup/models.js';
import { projectRoot } from '../setup/project.js';
import { formatMegabytes, setUp, type Step } from '../setup/step.js';
import { setUpSteps } from '../setup/steps.js';

/** Does what is missing of the set-up of the project around the current folder; silent where all is ready. */
export async function ensureSetUp(steps: readonly Step[] = setUpSteps(projectRoot())): Promise<void> {
  await setUp(steps, (line) => {
    process.stderr.write(`${line}\n`);
  });
}

export const setup = defineCommand({
  meta: { name: 'setup', description: 'Make .venv with JupyterLab, fetch libtensorflow, install the Jupyter kernels' },
  args: {
    models: {
      type: 'boolean',
      description:
        'Fetch published models too: SmolLM2-135M-Instruct, all-MiniLM-L6-v2, the vocabulary of Qwen (192 MB)',
    },
    json: { type: 'boolean', description: 'Print what is set up as one JSON value' },
  },
  async run({ args }) {
    const project = projectRoot();
    const steps = [...setUpSteps(project), ...(args.models === true ? modelSteps(project) : [])];
    await ensureSetUp(steps);
    const parts = [];
    for (const { name, path } of steps) parts.push({ name, path, megabytes: Math.round(await diskUsage(path)) });
    if (args.json === true) {
      process.stdout.write(`${JSON.stringify({ parts })}\n`);
      return;
    }
    const sum = parts.reduce((total, { megabytes }) => total + megabytes, 0);
    process.stdout.write(`set-up: ready, ${formatMegabytes(sum)} on disk; npx trainbook doctor says more\n`);
  },
});
