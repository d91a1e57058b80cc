import { TrainbookError } from '../error.js';
import { destructuredNames } from './destructured.js';
import { reservedNames } from './experiment.js';
import type { ExperimentDefinition } from './experiment.js';
import { nearest } from './nearest.js';

/** A stage reads what no stage before it makes. The types forbid it; JavaScript, and a cast, do not. */
export function wrongRead(stages: readonly string[], stage: string, name: string): TrainbookError {
  const earlier = stages.slice(0, stages.indexOf(stage));
  const expected = `one of ${[...earlier, ...reservedNames].join(', ')}`;
  if (stages.includes(name)) {
    const itself = name === stage;
    return new TrainbookError({
      what: itself ? `stage ${stage} reads itself` : `stage ${stage} reads artifact ${name}, which a later stage makes`,
      received: name,
      expected,
      fix: itself
        ? 'keep what goes on from run to run in a file, or in its checkpoints'
        : `put stage ${name} before it: stages run in the order in which they are given, so none can wait for a later one`,
    });
  }
  const close = nearest(name, [...earlier, ...reservedNames]);
  return new TrainbookError({
    what: `stage ${stage} reads ${name}, which no stage makes`,
    received: name,
    expected,
    ...(close === undefined ? {} : { fix: `did you mean ${close}?` }),
  });
}

/**
 * Looks at what the stages take from their arguments, before any of them runs.
 *
 * @throws TrainbookError for an artifact of a later stage, or of none
 */
export function checkReads({ stages }: Pick<ExperimentDefinition, 'stages'>): void {
  const names = stages.map(({ name }) => name);
  const tools: readonly string[] = reservedNames;
  for (const [index, stage] of stages.entries()) {
    const wrong = destructuredNames(stage.run)?.find(
      (name) => !tools.includes(name) && !names.slice(0, index).includes(name),
    );
    if (wrong !== undefined) throw wrongRead(names, stage.name, wrong);
  }
}

/** What every object is asked for by the language and its tools; no artifact. */
const askedOfAll = ['then', 'toJSON', ...Object.getOwnPropertyNames(Object.prototype)];

/** The argument of a stage, which says so when it is asked for what it does not have. */
export function watched(value: object, stages: readonly string[], stage: string): object {
  return new Proxy(value, {
    get(target, name) {
      if (typeof name === 'string' && !(name in target) && !askedOfAll.includes(name)) {
        throw wrongRead(stages, stage, name);
      }
      return Reflect.get(target, name) as unknown;
    },
  });
}
