import type { z } from 'zod';
import type { ConfigSchema, DeepReadonly } from './config.js';
import type { OnEvent, RunEvent } from './event.js';
import type { Experiment } from './experiment.js';
import { checkRange, checkStage, closeSession, openSession } from './run.js';
import type { RunOptions, RunRange } from './run.js';
import { StageRunner } from './stage-runner.js';
import { explainNoSpace } from './no-space.js';

export interface StageCallOptions {
  readonly signal?: AbortSignal;
  /** Beside the `onEvent` of the lab: for this stage's display alone. */
  readonly onEvent?: OnEvent;
}

/** An experiment that is gone through stage by stage. */
export interface Lab<Config, Artifacts extends object> {
  readonly config: DeepReadonly<Config>;
  /** The folder of the run's record. */
  readonly folder: string;
  /** Brings a stage up to date, and what it reads, and gives what it made. */
  stage<Name extends keyof Artifacts & string>(name: Name, options?: StageCallOptions): Promise<Artifacts[Name]>;
  /** Closes the run's record. */
  close(): Promise<void>;
}

const uninterrupted = new AbortController().signal;

/**
 * Opens an experiment for a notebook: nothing runs before a stage is asked for, and then only what that stage reads.
 * Calls wait for each other.
 *
 * @example
 * const lab = await openLab(quickstart, { numericClass: 'cpu float32' });
 * const corpus = await lab.stage('corpus');
 */
export async function openLab<Schema extends ConfigSchema, Artifacts extends object>(
  experiment: Experiment<Schema, Artifacts>,
  options: RunOptions<z.input<Schema>> & Pick<RunRange, 'from'>,
): Promise<Lab<z.output<Schema>, Artifacts>> {
  checkRange(experiment, { from: options.from });
  let listener: OnEvent | undefined;
  const onEvent = (event: RunEvent): void => {
    options.onEvent?.(event);
    listener?.(event);
  };
  const session = await openSession(experiment, { ...options, onEvent }, options.from);
  await session.record.status('done');
  let queue: Promise<unknown> = Promise.resolve();
  const values = new Map<string, unknown>();

  const bring = async (name: string, call: StageCallOptions): Promise<unknown> => {
    listener = call.onEvent;
    const signal = call.signal ?? options.signal ?? uninterrupted;
    await session.record.status('running');
    try {
      const { artifact } = await new StageRunner(session, signal).bring(name);
      // The same value as long as the artifact is the same: a cell that runs twice takes no second memory.
      const key = `${name} ${artifact}`;
      if (!values.has(key)) values.set(key, await session.store.get(artifact));
      await session.record.status('done');
      return values.get(key);
    } catch (thrown) {
      const error = explainNoSpace(thrown, 'the record of the run', session.runsFolder);
      const state = signal.aborted ? 'interrupted' : 'failed';
      await session.record.status(state, signal.aborted ? undefined : String(error)).catch(() => undefined);
      throw error;
    } finally {
      listener = undefined;
      await session.hashes.save().catch(() => undefined); // a memory: without it files are read again
    }
  };

  return {
    config: session.config as DeepReadonly<z.output<Schema>>,
    folder: session.record.folder,
    stage(name, call = {}) {
      checkStage(session.experiment, name);
      const result = queue.then(() => bring(name, call));
      queue = result.catch(() => undefined);
      return result as Promise<Artifacts[typeof name]>;
    },
    async close() {
      await queue;
      await closeSession(session);
    },
  };
}
