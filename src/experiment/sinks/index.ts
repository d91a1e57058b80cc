/** Where runs are sent while they go on: a run's folder is the source, a sink follows it. */
export { sendBeside, type Beside, type BesideOptions } from './beside.js';
export type { Following } from './follow.js';
export type { SinkTarget } from './targets.js';
