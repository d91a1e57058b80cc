// Tables: files → rows to train on and rows to test on → numbers.
export { readTable, type ReadTableOptions } from './read-table.js';
export { writeTable } from './write-table.js';
export { fromDanfo, toDanfo, type Danfo, type DanfoFrame } from './danfo.js';
export type { ColumnChoice, ColumnKind, ColumnKinds, ColumnName, TypedTable } from './table.js';
export { dropMissing, type Cleaned } from './drop-missing.js';
export { dropDuplicates } from './drop-duplicates.js';
export { trainTestSplit, type TrainTest, type TrainTestSplitOptions } from './train-test-split.js';
export { timeFolds, type TimeFoldsOptions } from './time-folds.js';
export { asTest, asTrain, type Test, type Train } from './part.js';
export { fit, parseFitted, transform, type Fitted } from './fit.js';
export { imputeMissing, type Imputer, type ImputeMissingOptions, type Strategy } from './impute-missing.js';
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
export { overSample, underSample, type ResampleOptions } from './resample.js';
export { smote, type MadeRow, type SmoteOptions } from './smote.js';
