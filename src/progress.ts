/** One report of a long task: `done` of `total` units; `note` is a short line such as `loss 3.21, 4,410 tokens/s`. */
export interface Progress {
  readonly task: string;
  readonly done: number;
  readonly total: number;
  readonly note?: string;
}

/** Receives progress; a function, so that a terminal bar, a notebook line and silence are three values of one type. */
export type OnProgress = (progress: Progress) => void;

/** Says nothing. */
export const silent: OnProgress = () => undefined;
