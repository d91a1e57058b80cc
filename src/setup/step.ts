import { diskUsage } from './disk.js';

/** Prints one line about what is being done. */
export type Say = (line: string) => void;

/** One thing that the set-up brings about. A step that was interrupted is found not ready and done again. */
export interface Step {
  readonly name: string;
  /** The file or folder whose size is the disk that this step takes. */
  readonly path: string;
  /** Looks at stamps and links only: all steps together take a few milliseconds. */
  isReady(): boolean;
  run(say: Say): Promise<void>;
}

/** Does the steps that are not ready, one after another, with a line for each and the disk it takes. */
export async function setUp(steps: readonly Step[], say: Say): Promise<void> {
  for (const step of steps) {
    if (step.isReady()) continue;
    say(`${step.name}: setting up`);
    const startedAt = performance.now();
    await step.run((line) => {
      say(`  ${line}`);
    });
    const seconds = (performance.now() - startedAt) / 1000;
    say(
      `${step.name}: ready in ${seconds.toFixed(seconds < 10 ? 1 : 0)} s, ${formatMegabytes(await diskUsage(step.path))} on disk (${step.path})`,
    );
  }
}

/** `853 MB`, or `< 1 MB`. */
export function formatMegabytes(megabytes: number): string {
  return megabytes < 1 ? '< 1 MB' : `${Math.round(megabytes).toLocaleString('en-US')} MB`;
}
