import { permutation } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import type { Features } from '../data/table/features.js';
import type { NotOfTest } from '../data/table/part.js';
import { endless, listed, once } from './loader.js';
import type { Loader, LoaderOptions } from './loader.js';

/** What is to be predicted: the places of classes, or numbers. */
export type TableTargets = Int32Array | Float32Array;

/** What a step of training on a table sees. */
export interface TableBatch<Targets extends TableTargets = TableTargets> {
  readonly inputs: Float32Array; // [batchSize, columns]
  readonly targets: Targets; // [batchSize]
  /** How much each row counts; 0 where the last batch of an epoch has none. */
  readonly weights: Float32Array; // [batchSize]
  readonly batchSize: number;
}

export interface TableLoaderOptions extends LoaderOptions {
  /** The weight of each row, such as that of its class (`rowWeights`). By default all are 1. [rows] */
  readonly weights?: Float32Array;
}

/**
 * Batches of rows of numbers: in each epoch every row once, in an order given by the key and the number of the epoch. An epoch is
 * ⌈rows / batchSize⌉ batches; what the last one lacks are rows of weight 0, so all batches have one shape, and each is of one epoch. A
 * mean that is weighted, Σ weight · loss / Σ weight, is that of a smaller last batch.
 *
 * @throws TrainbookError as `loader` does, and if there is not one target and one weight a row. Test rows do not compile.
 * @example
 * const batches = tableLoader(features(train, columns), labels(train, 'Status').indices, { batchSize: 32, key });
 * const { inputs, targets, weights } = batches.next(); // [32, columns], [32], [32]
 */
export function tableLoader<Targets extends TableTargets>(
  features: Features & NotOfTest,
  targets: Targets,
  options: TableLoaderOptions,
): Loader<TableBatch<Targets>> {
  const { weights } = options;
  checkRows('tableLoader', features, targets, weights);
  const { numRows } = features;
  return endless<TableBatch<Targets>>('tableLoader', options, {
    numRows,
    endsBatches: true,
    empty: (batchSize) => emptyTableBatch(features, targets, batchSize),
    order: (key) => listed(permutation(key, numRows)),
    copy: (row, batch, place) => {
      copyTableRow(features, targets, weights, row, batch, place);
    },
  });
}

/**
 * All rows once, in their order, in batches of one shape: what the last lacks are rows of weight 0. To predict and evaluate.
 *
 * @throws TrainbookError if the batch size is not a positive integer, or there is not one target a row.
 * @example
 * for (const { inputs, weights } of tableBatches(features(test, columns), truth.indices, 256)) predict(inputs);
 */
export function* tableBatches<Targets extends TableTargets>(
  features: Features,
  targets: Targets,
  batchSize: number,
): Generator<TableBatch<Targets>> {
  checkRows('tableBatches', features, targets, undefined);
  yield* once<TableBatch<Targets>>('tableBatches', batchSize, {
    numRows: features.numRows,
    empty: (size) => emptyTableBatch(features, targets, size),
    copy: (row, batch, place) => {
      copyTableRow(features, targets, undefined, row, batch, place);
    },
  });
}

function emptyTableBatch<Targets extends TableTargets>(
  { columns }: Features,
  targets: Targets,
  batchSize: number,
): TableBatch<Targets> {
  const empty: TableTargets = targets instanceof Int32Array ? new Int32Array(batchSize) : new Float32Array(batchSize);
  return {
    inputs: new Float32Array(batchSize * columns.length),
    targets: empty as Targets,
    weights: new Float32Array(batchSize),
    batchSize,
  };
}

function copyTableRow(
  { columns, values }: Features,
  targets: TableTargets,
  weights: Float32Array | undefined,
  row: number,
  batch: TableBatch,
  place: number,
): void {
  batch.inputs.set(values.subarray(row * columns.length, (row + 1) * columns.length), place * columns.length);
  batch.targets[place] = targets[row] ?? NaN;
  batch.weights[place] = weights === undefined ? 1 : (weights[row] ?? NaN);
}

function checkRows(
  who: string,
  { numRows, columns, values }: Features,
  targets: TableTargets,
  weights: Float32Array | undefined,
): void {
  const fits = values.length === numRows * columns.length && targets.length === numRows;
  if (fits && numRows > 0 && (weights === undefined || weights.length === numRows)) return;
  const given = weights === undefined ? '' : `, ${weights.length} weights`;
  throw new TrainbookError({
    what: `${who}: features and targets are not of the same rows`,
    received: `${numRows} rows of ${columns.length} columns, ${values.length} values, ${targets.length} targets${given}`,
    expected: 'at least one row, and of each row its values and one target',
    fix: 'take both from one table, after rows were dropped',
  });
}
