import type { Summary } from '../figure.js';
import type { Progress } from '../progress.js';

/** One stage of a plan. `reason` says why it would run: `config train.steps: 300, now 200`. */
export interface PlannedStage {
  readonly stage: string;
  readonly action: 'cached' | 'run';
  readonly reason: string;
  /** About how long it will take; undefined if nothing is known of it. */
  readonly seconds: number | undefined;
}

/** What happens in a run, for a terminal, a notebook or a log. */
export type RunEvent =
  | { readonly type: 'run-start'; readonly runId: string; readonly folder: string; readonly resumed: boolean }
  | { readonly type: 'plan'; readonly stages: readonly PlannedStage[]; readonly seconds: number | undefined }
  | { readonly type: 'stage-start'; readonly stage: string; readonly reason: string }
  | { readonly type: 'progress'; readonly stage: string; readonly progress: Progress }
  | {
      readonly type: 'metrics';
      readonly stage: string;
      readonly step: number;
      readonly values: Readonly<Record<string, number>>;
    }
  | {
      readonly type: 'stage-end';
      readonly stage: string;
      readonly artifact: string;
      readonly seconds: number;
      readonly summary: Summary;
    }
  | {
      readonly type: 'cached';
      readonly stage: string;
      readonly artifact: string;
      readonly seconds: number;
      readonly summary: Summary;
    }
  | { readonly type: 'message'; readonly stage: string | undefined; readonly text: string }
  | { readonly type: 'run-end'; readonly state: 'done' | 'interrupted' | 'failed'; readonly seconds: number };

export type OnEvent = (event: RunEvent) => void;
