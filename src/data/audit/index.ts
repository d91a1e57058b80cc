// Audit and review: whom a filter drops, and whether it is right.
export { Audit, audit, type AuditOptions, type AuditRow, type Fates, type NamedGroups } from './audit.js';
export type { Disparity } from './disparity.js';
export { sampledShare, wilson, type Count, type Estimated } from './proportions.js';
export { compareTexts, type CompareTextsOptions, type TextComparison, type TextPart } from './compare-texts.js';
export { reviewLedger, reviewSample, type ReviewItem, type ReviewOptions, type ReviewSample } from './review-sample.js';
export { reviewScores, type JudgedStratum, type ReviewJudgement, type ReviewScores } from './review-scores.js';
export type { Span } from './review-evidence.js';
export { droppedBeside, type DroppedBesideOptions, type DroppedPair } from './dropped-beside.js';
export { agreement, type Agreement, type AgreementOptions, type MeanOf, type TwoAgree } from './agreement/agreement.js';
export { krippendorffAlpha, type AgreementScale } from './agreement/krippendorff-alpha.js';
export { cohenKappa } from './agreement/cohen-kappa.js';
export { kendallTau } from './agreement/kendall-tau.js';
export { kendallW } from './agreement/kendall-w.js';
