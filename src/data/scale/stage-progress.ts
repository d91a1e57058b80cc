import type { OnProgress } from '../../progress.js';

/** Tells how far a stage is, at which rate, and how long it will take. */
export class StageProgress {
  private readonly begun = Date.now();
  private finished = 0;

  /** @param bytes what all tasks together work through, where it is known */
  constructor(
    private readonly tell: OnProgress,
    private readonly stage: string,
    private done: number,
    private readonly total: number,
    private readonly bytes?: number,
    private readonly remark?: string,
  ) {
    this.report();
  }

  /** So many tasks more are done, by this process or another. */
  add(tasks: number): void {
    this.done += tasks;
    this.finished += tasks;
    this.report();
  }

  private report(): void {
    const seconds = (Date.now() - this.begun) / 1000;
    const notes: string[] = [];
    if (this.remark !== undefined) notes.push(this.remark);
    if (this.finished > 0 && seconds > 0 && this.done < this.total) {
      const rate = this.finished / seconds;
      const perTask = this.bytes === undefined ? undefined : this.bytes / this.total;
      notes.push(
        perTask === undefined ? `${rate.toFixed(1)} tasks/s` : `${((rate * perTask) / 1e6).toFixed(1)} MB/s`,
        `${timeText((this.total - this.done) / rate)} left`,
      );
    }
    this.tell({
      task: this.stage,
      done: this.done,
      total: this.total,
      ...(notes.length === 0 ? {} : { note: notes.join(', ') }),
    });
  }
}

function timeText(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
