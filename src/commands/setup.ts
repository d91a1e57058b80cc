import { defineCommand } from 'citty';
import { diskUsage } from '../setup/disk.js';
import { modelSteps } from '../setup/models.js';
import { cpuPluginStep, cudaStep } from '../setup/plugins.js';
import { projectRoot } from '../setup/project.js';
import { formatMegabytes, setUp, type Step } from '../setup/step.js';
import { setUpSteps } from '../setup/steps.js';
import { UsageError } from './usage.js';

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
    cuda13: {
      type: 'boolean',
      description: "Install the plugin for NVIDIA's GPUs, of CUDA 13 (driver 580 or later), into .venv",
    },
    cuda12: { type: 'boolean', description: 'The same of CUDA 12 (driver 525 or later)' },
    'cpu-plugin': { type: 'boolean', description: 'Fetch the plugin for the CPU, to try what is for devices (61 MB)' },
    'dry-run': { type: 'boolean', description: 'Install nothing: say what is ready and what would be done' },
    json: { type: 'boolean', description: 'Print what is set up as one JSON value' },
  },
  async run({ args }) {
    const project = projectRoot();
    if (args.cuda12 === true && args.cuda13 === true) throw new UsageError('--cuda12 or --cuda13, not both');
    const steps = [
      ...setUpSteps(project),
      ...(args.models === true ? modelSteps(project) : []),
      ...(args.cuda13 === true ? [cudaStep(project, 'cuda13')] : []),
      ...(args.cuda12 === true ? [cudaStep(project, 'cuda12')] : []),
      ...(args['cpu-plugin'] === true ? [cpuPluginStep()] : []),
    ];
    if (args['dry-run'] === true) {
      const planned = steps.map((step) => ({ name: step.name, path: step.path, ready: step.isReady() }));
      if (args.json === true) process.stdout.write(`${JSON.stringify({ steps: planned })}\n`);
      else
        for (const { name, path, ready } of planned)
          process.stdout.write(`${ready ? 'ready' : 'to do'}  ${name}: ${path}\n`);
      return;
    }
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
