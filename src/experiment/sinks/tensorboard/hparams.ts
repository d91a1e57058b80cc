import type { Leaf } from '../flatten.js';
import { hparamsData } from './events.js';
import { double, integer, message } from './protobuf.js';

// tensorboard/plugins/hparams/plugin_data.proto. HParamsPluginData: session_start_info 3, session_end_info 4.

/** A value as `google.protobuf.Value`: TensorBoard sorts numbers and colours by them. */
function valueOf(value: Leaf): Buffer {
  if (typeof value === 'number') return double(2, value);
  if (typeof value === 'boolean') return integer(4, Number(value));
  return message(3, value ?? 'null');
}

export interface HparamsSession {
  readonly values: ReadonlyMap<string, Leaf>;
  /** Sessions of one group are one row of the table, with the mean of their metrics: the seeds of an arm. */
  readonly group: string;
  /** Seconds since 1970. */
  readonly start: number;
}

export function sessionStartInfo({ values, group, start }: HparamsSession): Buffer {
  const entries = [...values].map(([name, value]) => message(1, message(1, name), message(2, valueOf(value))));
  const info = message(3, ...entries, message(4, group), double(5, start));
  return hparamsData(start, '_hparams_/session_start_info', info);
}

const statuses = { done: 1, failed: 2, interrupted: 2, running: 3 } as const;

export function sessionEndInfo(state: keyof typeof statuses, end: number): Buffer {
  return hparamsData(end, '_hparams_/session_end_info', message(4, integer(1, statuses[state]), double(2, end)));
}
