// Reading: files → documents.
export { load, type LoadOptions } from './load.js';
export { listInputs, readInput, type From, type Input, type Source } from './inputs.js';
export type { FieldNames, ReadOptions } from './options.js';
export type { FormatName } from './format-names.js';
export type { Origin, Place, ReadDocument } from './read.js';
export { publicDatasetNames, publicDatasets, type PublicDataset } from './public-datasets.js';
export { describeFolder, writeCard, type DescribeFolderOptions } from './describe-folder.js';
export type { Card } from '../dataset.js';
