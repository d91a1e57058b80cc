// Audit and review: whom a filter drops, and whether it is right.
export { Audit, audit, type AuditOptions, type AuditRow, type Fates, type NamedGroups } from './audit.js';
export type { Disparity } from './disparity.js';
export { wilson, type Count, type Estimated } from './proportions.js';
