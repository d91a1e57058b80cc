/** What a stage does next: a forward or a backward pass of one micro-batch. */
export interface Task {
  readonly pass: 'forward' | 'backward';
  readonly microBatch: number;
}

/** In which order a stage takes its tasks, out of so many stages and micro-batches. */
export type PipelineSchedule = (stage: number, numStages: number, numMicroBatches: number) => readonly Task[];

const forward = (microBatch: number): Task => ({ pass: 'forward', microBatch });
const backward = (microBatch: number): Task => ({ pass: 'backward', microBatch });

/**
 * All micro-batches forward, then all backward: a stage keeps the inputs of all of them. Huang 2018, "GPipe" (1811.06965).
 *
 * @example
 * gpipe(0, 2, 3); // F0 F1 F2 B0 B1 B2
 */
export const gpipe: PipelineSchedule = (_, __, numMicroBatches) => {
  const all = Array.from({ length: numMicroBatches }, (___, microBatch) => microBatch);
  return [...all.map(forward), ...all.map(backward)];
};

/**
 * As soon as a micro-batch is through, it goes backward: stage s of S keeps the inputs of S − s micro-batches at most, however many
 * there are. Narayanan 2019, "PipeDream" (1806.03377); with one update a step, as in Narayanan 2021 (2104.04473).
 *
 * @example
 * oneForwardOneBackward(0, 2, 3); // F0 F1 B0 F2 B1 B2
 */
export const oneForwardOneBackward: PipelineSchedule = (stage, numStages, numMicroBatches) => {
  const ahead = Math.min(numStages - stage, numMicroBatches);
  const tasks: Task[] = Array.from({ length: ahead }, (_, microBatch) => forward(microBatch));
  for (let done = 0; done < numMicroBatches; done++) {
    tasks.push(backward(done));
    if (done + ahead < numMicroBatches) tasks.push(forward(done + ahead));
  }
  return tasks;
};

/**
 * The share of a step in which a device waits, where all passes take as long: (S − 1) / (M + S − 1) of S stages and M micro-batches. The
 * two schedules have the same.
 *
 * @example
 * bubble(4, 12); // 0.2
 */
export function bubble(numStages: number, numMicroBatches: number): number {
  return (numStages - 1) / (numMicroBatches + numStages - 1);
}
