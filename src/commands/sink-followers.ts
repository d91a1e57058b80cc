import type { Beside } from '../experiment/sinks/beside.js';
import type { SinkTarget } from '../experiment/sinks/targets.js';
import { changeLine, endSink } from './sink-options.js';
import type { SinkEnd } from './sink-options.js';

/** What sends a run while it goes on, started once the run has a folder. Wrong addresses are said before the run begins. */
export async function sinkFollowers(
  targets: readonly SinkTarget[],
  say: (line: string) => void,
): Promise<{ readonly start: (folder: string) => void; readonly end: () => Promise<SinkEnd[]> }> {
  if (targets.length === 0) return { start: () => undefined, end: () => Promise.resolve([]) };
  const [{ sendBeside }, { sinkOf }] = await Promise.all([
    import('../experiment/sinks/beside.js'),
    import('../experiment/sinks/targets.js'),
  ]);
  for (const target of targets) sinkOf(target, process.env);
  let besides: Beside[] = [];
  return {
    start: (folder) => {
      besides = targets.map((target) =>
        sendBeside(folder, target, {
          onChange: (...change) => {
            say(changeLine(...change));
          },
        }),
      );
    },
    end: () => {
      const ending = besides;
      besides = [];
      return Promise.all(ending.map(endSink));
    },
  };
}
