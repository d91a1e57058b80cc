import { randomUUID } from 'node:crypto';
import { relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fold, key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { withReadsNoted } from '../files.js';
import type { Progress } from '../progress.js';
import { openCheckpoints } from './checkpoint-folder.js';
import type { CheckpointFolder } from './checkpoint-folder.js';
import { claimStage } from './claims.js';
import type { Claimed } from './claims.js';
import { destructuredNames } from './destructured.js';
import { keepExecution, nextAttempt, recallExecution } from './execution.js';
import type { Stage, StageTools } from './experiment.js';
import { observeFiles } from './observe-files.js';
import { configPathsRead, joinReads } from './reads.js';
import { plain } from './record.js';
import { findTrace, inputsDiffer, stageOf, storePath } from './session.js';
import type { Session } from './session.js';
import { watched } from './stage-reads.js';
import { StageRecorder } from './stage-recorder.js';
import { DamagedArtifact } from './store.js';
import { appendTrace } from './traces.js';
import type { Trace } from './traces.js';

/** Brings stages up to date, each at most once: finds them by their traces or runs them. */
export class StageRunner {
  readonly #session: Session;
  readonly #signal: AbortSignal;
  readonly #done = new Map<string, Promise<Trace>>();

  constructor(session: Session, signal: AbortSignal) {
    this.#session = session;
    this.#signal = signal;
  }

  /** The trace of a stage that is up to date when this ends. An artifact that turns out damaged is built again first. */
  async bring(name: string): Promise<Trace> {
    for (let damages = 0; ; damages++) {
      try {
        return await this.#ensure(name);
      } catch (error) {
        this.#done.clear();
        if (!(error instanceof DamagedArtifact) || damages === 3) throw error;
        this.#message(name, `${error.message}; it is built again`);
        await this.#session.store.remove(error.artifact);
      }
    }
  }

  #message(stage: string, text: string): void {
    this.#session.emit({ type: 'message', stage, text });
  }

  #ensure(name: string): Promise<Trace> {
    const known = this.#done.get(name);
    if (known !== undefined) return known;
    const begun = this.#findOrRun(name);
    this.#done.set(name, begun);
    begun.catch(() => this.#done.delete(name));
    return begun;
  }

  async #find(name: string): Promise<Trace | string> {
    const found = await findTrace(this.#session, name, async (earlier) => (await this.#ensure(earlier)).artifact);
    if ('trace' in found) {
      const summary = await recallExecution(this.#session, found.trace);
      await this.#record(found.trace, true, summary);
      return found.trace;
    }
    if (found.damaged !== undefined) throw new DamagedArtifact(found.damaged, found.reason);
    return found.reason;
  }

  async #record(trace: Trace, cached: boolean, summary: Parameters<typeof keepExecution>[3]): Promise<void> {
    const { stage, artifact, kind, code, numericClass, seconds, reads } = trace;
    const lineage = {
      ...{ stage, artifact, kind, code, numericClass, cached, seconds },
      parents: Object.values(reads.artifacts),
      config: configPathsRead(reads),
      files: reads.files,
      ...(reads.seed === undefined ? {} : { seed: reads.seed }),
      run: trace.run,
    };
    await this.#session.record.stage(lineage, summary);
    this.#session.emit({ type: cached ? 'cached' : 'stage-end', stage, artifact, seconds, summary });
  }

  async #findOrRun(name: string): Promise<Trace> {
    const { experiment, code, numericClass } = this.#session;
    for (;;) {
      this.#signal.throwIfAborted();
      const found = await this.#find(name);
      if (typeof found !== 'string') return found;

      const stage = stageOf(experiment, name);
      const earlier = experiment.stages.slice(0, experiment.stages.indexOf(stage)).map((each) => each.name);
      const taken = destructuredNames(stage.run);
      const needed = taken === undefined ? earlier : earlier.filter((each) => taken.includes(each));
      const inputs = new Map<string, string>();
      for (const each of needed) inputs.set(each, (await this.#ensure(each)).artifact);

      const claimed = await claimStage(storePath(this.#session.store, 'locks', name), {
        code: code.ofStage(name),
        numericClass,
        signal: this.#signal,
        differs: async (reads) => {
          const other = Object.entries(reads.artifacts).find(([each, hash]) => (inputs.get(each) ?? hash) !== hash);
          return other === undefined ? inputsDiffer(this.#session, reads) : `artifact ${other[0]}`;
        },
        onWait: ({ owner }) => {
          this.#message(name, `stage ${name} is being run by process ${owner.pid} on ${owner.host}: waiting for it`);
        },
      });
      if (claimed === undefined) continue; // the other has ended: its result may be ours
      try {
        // Between our look and our claim another process may have finished the stage.
        const meanwhile = await this.#find(name);
        if (typeof meanwhile !== 'string') return meanwhile;
        return await this.#run(stage, inputs, claimed, found);
      } finally {
        await claimed.release();
      }
    }
  }

  async #run(stage: Stage, inputs: ReadonlyMap<string, string>, claimed: Claimed, reason: string): Promise<Trace> {
    const session = this.#session;
    const { store, experiment } = session;
    const { name } = stage;
    const attempt = await nextAttempt(session, name);
    const checkpoints = await openCheckpoints(session, name, Object.fromEntries(inputs));
    const recorder = new StageRecorder(session, (reads) => {
      claimed.update({ ...reads, files: {} });
      const all = checkpoints.earlier === undefined ? reads : joinReads(checkpoints.earlier, reads);
      checkpoints.note(all).catch(() => undefined); // without a note the stage begins anew: slower, never wrong
    });
    const loaded: unknown[] = [];
    const began = performance.now();
    session.emit({ type: 'stage-start', stage: name, reason });
    const endObserving = observeFiles();
    try {
      const artifacts = new Map<string, unknown>();
      for (const [each, hash] of inputs) {
        const value = await store.get(hash);
        loaded.push(value);
        artifacts.set(each, value);
      }
      const input = this.#input(stage, recorder, checkpoints, artifacts, inputs, attempt);
      const { result, artifact, kind, summary } = await withReadsNoted(recorder.readFile, async () => {
        const result: unknown = plain(await this.#call(stage, input.value, inputs, checkpoints));
        if (input.sawSignal()) this.#signal.throwIfAborted(); // it may have stopped half-way
        const codec = store.codecOf(result);
        const about = { stage: name, code: session.code.ofStage(name) };
        const artifact = await store.put(result, about);
        return { result, artifact, kind: codec.kind, summary: codec.summarise(result) };
      });
      if (!loaded.includes(result)) store.dispose(result); // a stage may return the artifact that it trained further
      const changed = await recorder.settle();
      const reads = checkpoints.earlier === undefined ? recorder.reads : joinReads(checkpoints.earlier, recorder.reads);
      const estimate = await stage.estimate?.(session.config as never);
      const trace: Trace = {
        format: 1,
        id: randomUUID(),
        experiment: experiment.name,
        stage: name,
        code: session.code.ofStage(name),
        numericClass: session.numericClass,
        reads,
        artifact,
        kind,
        seconds: (performance.now() - began) / 1000,
        ...(estimate === undefined ? {} : { estimate }),
        createdAt: new Date().toISOString(),
        run: relative(session.runsFolder, session.record.folder).replaceAll('\\', '/'),
      };
      await keepExecution(session, trace.id, name, summary);
      if (changed === undefined) appendTrace(store.folder, trace);
      else
        this.#message(name, `file ${changed} changed while stage ${name} read it: the stage will run again next time`);
      await this.#record(trace, false, summary);
      await checkpoints.remove();
      return trace;
    } finally {
      endObserving();
      for (const value of loaded) store.dispose(value);
    }
  }

  /** Runs the stage's function: in all members of the group where it takes the group, else here alone. */
  async #call(
    stage: Stage,
    input: object,
    inputs: ReadonlyMap<string, string>,
    checkpoints: CheckpointFolder,
  ): Promise<unknown> {
    const run = (): unknown => stage.run(input as never);
    if (destructuredNames(stage.run)?.includes('group') !== true) return run();
    checkpoints.make(); // before others look into it
    const artifacts = Object.fromEntries(inputs);
    const order = { do: 'stage', stage: stage.name, artifacts, checkpoints: checkpoints.path } as const;
    return this.#session.leader.together(order, () => Promise.resolve(run()));
  }

  /** What the stage's function receives: each thing is noted as read when it is taken. */
  #input(
    stage: Stage,
    recorder: StageRecorder,
    checkpoints: CheckpointFolder,
    artifacts: ReadonlyMap<string, unknown>,
    hashes: ReadonlyMap<string, string>,
    attempt: number,
  ): { readonly value: object; readonly sawSignal: () => boolean } {
    const { name } = stage;
    const { emit, metrics, seed, group } = this.#session;
    const takesGroup = group.size === 1 || destructuredNames(stage.run)?.includes('group') === true;
    const signal = this.#signal;
    let sawSignal = false;
    const tools: StageTools & { readonly config: unknown } = {
      get config() {
        return recorder.config;
      },
      get key() {
        recorder.readSeed();
        return fold(key(seed), name);
      },
      get checkpoints() {
        checkpoints.make();
        return checkpoints.path;
      },
      get signal() {
        sawSignal = true;
        return signal;
      },
      get group() {
        if (takesGroup) return group;
        throw notNamed(name, 'the group', 'group');
      },
      metrics(step, values) {
        metrics.write({ attempt, stage: name, step, time: Date.now(), values });
        emit({ type: 'metrics', stage: name, step, values });
      },
      progress(progress: Progress) {
        emit({ type: 'progress', stage: name, progress });
      },
    };
    const value = Object.create(null) as object;
    Object.defineProperties(value, { ...Object.getOwnPropertyDescriptors(tools) });
    for (const earlier of this.#session.experiment.stages) {
      if (earlier.name === name) break;
      Object.defineProperty(value, earlier.name, {
        enumerable: true,
        get: () => {
          const hash = hashes.get(earlier.name);
          if (hash === undefined) throw notNamed(name, `artifact ${earlier.name}`, earlier.name);
          recorder.readArtifact(earlier.name, hash);
          return artifacts.get(earlier.name);
        },
      });
    }
    const names = this.#session.experiment.stages.map((each) => each.name);
    return { value: watched(value, names, name), sawSignal: () => sawSignal };
  }
}

function notNamed(stage: string, what: string, name: string): TrainbookError {
  return new TrainbookError({
    what: `stage ${stage} reads ${what} by another way than it takes its argument apart`,
    expected: `the name in the argument: ({ ${name} }) => …`,
    fix: 'name in the argument what the stage reads',
  });
}
