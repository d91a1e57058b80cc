import { Tensor } from '@tensorflow/tfjs';
import type { TextComparison } from '../data/audit/compare-texts.js';
import { Cell } from '../engine/cell.js';
import { codecs } from '../experiment/codecs.js';
import { isExperiment } from '../experiment/experiment.js';
import type { Figure, Summary, Table } from '../figure.js';
import { isChatTemplate } from '../tokens/chat-template.js';
import { markedTemplate } from '../tokens/marked-text.js';
import type { MarkedText } from '../tokens/marked-text.js';
import type { TokenPieces } from '../tokens/token-pieces.js';
import {
  comparisonBundle,
  drawingBundle,
  figureBundle,
  markedBundle,
  piecesBundle,
  summaryBundle,
  tableBundle,
} from './bundle.js';
import type { MimeBundle } from './display.js';
import type { Drawing } from './drawing.js';
import { experimentSummary, isRun, runSummary } from './experiment-summary.js';
import { isColumnar, isRows, tableOfColumns, tableOfRows } from './rows.js';
import { cellBundle, tensorBundle } from './tensor-bundle.js';
import { describedOf, isLayersModel, layersModelBundle, leavesOf, modelBundle, treeTable } from './tree-bundle.js';

type Fields = Readonly<Record<string, unknown>>;

const isFigure = (value: Fields): boolean =>
  typeof value['title'] === 'string' && Array.isArray(value['data']) && typeof value['layout'] === 'object';
const isTable = (value: Fields): boolean =>
  typeof value['title'] === 'string' && Array.isArray(value['columns']) && Array.isArray(value['rows']);
const isSummary = (value: Fields): boolean =>
  typeof value['title'] === 'string' && typeof value['facts'] === 'object' && value['facts'] !== null;
const isMarked = (value: Fields): boolean => typeof value['title'] === 'string' && Array.isArray(value['segments']);
const isComparison = (value: Fields): boolean =>
  typeof value['title'] === 'string' && Array.isArray(value['parts']) && typeof value['same'] === 'number';
const isPieces = (value: Fields): boolean => typeof value['title'] === 'string' && Array.isArray(value['pieces']);

/** What stages make of texts is short; looking through a longer list for it takes too long. */
const LONG = 1000;

/**
 * How a value is shown, in one place or several; nothing for values that a program's text says best (numbers, texts, lists of
 * them, functions).
 */
export async function valueBundles(value: unknown): Promise<readonly MimeBundle[] | undefined> {
  if (typeof value !== 'object' || value === null) return undefined;
  if (value instanceof Tensor) return [await tensorBundle(value as Tensor)];
  if (value instanceof Cell) return [await cellBundle(value)];
  if (isChatTemplate(value)) return [markedBundle(markedTemplate(value))];
  const fields = value as Fields;
  if (isMarked(fields)) return [markedBundle(value as MarkedText)];
  if (isPieces(fields)) return [piecesBundle(value as TokenPieces)];
  if (isComparison(fields)) return [comparisonBundle(value as TextComparison)];
  if (isSummary(fields)) return summaryBundles(value as Summary);
  if (isTable(fields)) return [tableBundle(value as Table)];
  if (typeof fields['draw'] === 'function' && typeof fields['title'] === 'string')
    return [drawingBundle(value as Drawing)];
  if (isFigure(fields)) return [await figureBundle(value as Figure)];
  if (isExperiment(value)) return summaryBundles(experimentSummary(value));
  if (isRun(value)) return summaryBundles(await runSummary(value));
  const described = describedOf(value);
  if (described !== undefined) return [modelBundle(described)];
  if (isLayersModel(value)) return [layersModelBundle(value)];
  if (isColumnar(value)) return [tableBundle(tableOfColumns(value), value.numRows())];
  const codec = Array.isArray(value) && value.length > LONG ? undefined : codecs.find((each) => each.is(value));
  if (codec !== undefined) return summaryBundles(codec.summarise(value));
  const leaves = leavesOf(value);
  if (leaves !== undefined) return [tableBundle(treeTable(leaves))];
  return isRows(value) ? [tableBundle(tableOfRows(value), value.length)] : undefined;
}

async function summaryBundles(summary: Summary): Promise<readonly MimeBundle[]> {
  const figures: MimeBundle[] = [];
  for (const figure of summary.figures ?? []) figures.push(await figureBundle(figure));
  return [summaryBundle(summary), ...figures];
}
