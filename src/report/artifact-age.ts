import type { ExperimentDefinition } from '../experiment/experiment.js';
import { html } from './markup.js';
import type { MimeBundle } from './display.js';

/** What stood behind a value when a stage gave it. */
export interface Origin {
  readonly experiment: ExperimentDefinition['name'];
  readonly stage: string;
  /** The artifact's hash. */
  readonly artifact: string;
  /** Why the stage ran: `config train.steps: 60, now 200`; undefined where it was found. */
  readonly reason: string | undefined;
}

const origins = new WeakMap<object, Origin>();
const newest = new Map<string, Origin>();

const placeOf = ({ experiment, stage }: Origin): string => `${experiment}\0${stage}`;

/** Notes what a notebook's stage has given. */
export function noteArtifact(value: unknown, origin: Origin): void {
  newest.set(placeOf(origin), origin);
  if (typeof value === 'object' && value !== null) origins.set(value, origin);
}

/** Says of a stage's value whether the notebook has had another one of that stage since. */
export function staleNote(value: unknown): string | undefined {
  const own = typeof value === 'object' && value !== null ? origins.get(value) : undefined;
  const now = own === undefined ? undefined : newest.get(placeOf(own));
  if (own === undefined || now === undefined || now.artifact === own.artifact) return undefined;
  const why = now.reason === undefined ? '' : ` (${now.reason})`;
  return `stale: stage ${own.stage} of ${own.experiment} has given another result since${why}. Ask the lab for it again.`;
}

/** A note that what stands beside it is not up to date. */
export function noteBundle(text: string): MimeBundle {
  const style = 'border-left:3px solid #d0652a;padding:2px 0 2px 10px;margin:2px 0';
  return { 'text/plain': text, 'text/html': html`<div style="${style}">${text}</div>`.text };
}
