// Tables: CSV → rows to train on and rows to test on → numbers.
export { readTable, type ReadTableOptions } from './read-table.js';
export type { ColumnChoice, ColumnKind, ColumnKinds, ColumnName, TypedTable } from './table.js';
export { dropMissing, type Cleaned } from './drop-missing.js';
export { dropDuplicates } from './drop-duplicates.js';
export { trainTestSplit, type TrainTest, type TrainTestSplitOptions } from './train-test-split.js';
export { asTest, asTrain, type Test, type Train } from './part.js';
export { fit, parseFitted, transform, type Fitted } from './fit.js';
export { minMaxScaler, robustScaler, standardScaler, type Scaler } from './scaling.js';
export {
  encodeCategories,
  type Category,
  type CategoryEncoder,
  type EncodeCategoriesOptions,
} from './encode-categories.js';
export { features, type Features } from './features.js';
export { labels, type Labels } from './labels.js';
export { balancedClassWeights, rowWeights } from './class-weights.js';
