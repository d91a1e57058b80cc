import { projectRoot } from '../setup/project.js';
import type { SinkEnd } from '../experiment/sinks/along.js';
import type { SinkTarget } from '../experiment/sinks/targets.js';
import { resolve } from 'node:path';

/** The options by which a user says where runs are sent. */
export const sinkArgs = {
  mlflow: {
    type: 'string',
    valueHint: 'URI',
    description: 'Send to this MLflow server (MLFLOW_TRACKING_URI if not given; `none` for none)',
  },
  tensorboard: {
    type: 'string',
    valueHint: 'folder',
    description: "Write TensorBoard's event files below this folder; `runs` keeps them in the run's own",
  },
} as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** Where runs are to be sent: what the options name, and for MLflow else what the environment does, as its own client reads it. */
export function sinkTargets(
  args: { readonly mlflow?: string | undefined; readonly tensorboard?: string | undefined },
  environment: Environment,
): SinkTarget[] {
  const { MLFLOW_TRACKING_URI: named = '', MLFLOW_EXPERIMENT_NAME: experiment = '' } = environment;
  // a folder or database there is MLflow's own affair: we speak to servers
  const uri = args.mlflow ?? (/^https?:/u.test(named) ? named : 'none');
  const targets: SinkTarget[] = [];
  if (uri !== 'none') targets.push({ kind: 'mlflow', uri, ...(experiment === '' ? {} : { experiment }) });
  if (args.tensorboard !== undefined) {
    const folder = args.tensorboard === 'runs' ? resolve(projectRoot(), 'runs') : resolve(args.tensorboard);
    targets.push({ kind: 'tensorboard', folder });
  }
  return targets;
}

/** How the sending of one run ended, as a line; the second one says how to send what is left. */
export function endLine({ sink, target, state, link, reason }: SinkEnd, run: string): string {
  if (state === 'sent') return `${sink}: ${link ?? target}`;
  const option = sink === 'mlflow' ? `--mlflow ${target}` : `--tensorboard ${target}`;
  return `${sink}: not all is sent: ${reason ?? ''}\n  what is left goes by: npx trainbook send ${run} ${option}`;
}
