import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { explainNoSpace } from './no-space.js';

// {"attempt":1,"stage":"base","step":12,"time":1795000000000,"values":{"loss":4.1,"tokensPerSecond":4400}}

/** One row of `metrics.jsonl`. `time` is in ms since 1970. */
export interface MetricsRow {
  readonly attempt: number;
  readonly stage: string;
  readonly step: number;
  readonly time: number;
  readonly values: Readonly<Record<string, number>>;
}

/** Characters that are parsed together: a line that is not whole costs the speed of its own block alone. */
const blockLength = 1 << 20;

/**
 * A row as it was parsed, or nothing if it is none. By hand: an ablation has millions of rows, and with a schema reading them took three
 * times as long. JSON has no NaN or infinity: they are written as null, and read as NaN.
 */
function rowOf(parsed: unknown): MetricsRow | undefined {
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { attempt, stage, step, time, values } = parsed as Readonly<Record<string, unknown>>;
  if (!Number.isFinite(attempt) || typeof stage !== 'string' || !Number.isFinite(step) || !Number.isFinite(time)) {
    return undefined;
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return undefined;
  const numbers = values as Record<string, unknown>;
  for (const name in numbers) {
    if (numbers[name] === null) numbers[name] = Number.NaN;
    else if (!Number.isFinite(numbers[name])) return undefined;
  }
  return { attempt, stage, step, time, values: numbers } as MetricsRow;
}

/** The rows of a file's text, in the order of writing, all attempts. A line that is not whole is passed over. */
export function parseRows(text: string): MetricsRow[] {
  const rows: MetricsRow[] = [];
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start + blockLength);
    const end = newline < 0 ? text.length : newline;
    const block = text.slice(start, end);
    for (const row of parseTogether(block) ?? block.split('\n').flatMap(parseLine)) rows.push(row);
    start = end + 1;
  }
  return rows;
}

function parseLine(line: string): MetricsRow[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return [];
  }
  const row = rowOf(parsed);
  return row === undefined ? [] : [row];
}

/**
 * The rows of lines that are all whole, parsed as one array, some ten times as fast as one by one; undefined where that might
 * not be the same. Each line begins an object and there are no arrays, so that a comma for a line's end stands between rows or
 * is an error; the newline stays, which no string may hold.
 */
function parseTogether(block: string): MetricsRow[] | undefined {
  const end = block.endsWith('\n') ? block.length - 1 : block.length;
  const lines = block.slice(0, end);
  if (!lines.startsWith('{') || lines.includes('[') || /\n[^{]/.test(lines)) return undefined;
  let values: unknown[];
  try {
    values = JSON.parse(`[${lines.replaceAll('\n', ',\n')}]`) as unknown[];
  } catch {
    return undefined;
  }
  const rows: MetricsRow[] = [];
  for (const value of values) {
    const row = rowOf(value);
    if (row === undefined) return undefined;
    rows.push(row);
  }
  return values.length === numLines(lines) ? rows : undefined;
}

function numLines(text: string): number {
  let count = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/**
 * One row for each step of each stage, by stage (in the order they began) and step: for a step that was done more than
 * once, since the run was killed and went on from a checkpoint, the last attempt counts; rows of one attempt for one
 * step are joined.
 */
export function lastAttempts(rows: readonly MetricsRow[]): MetricsRow[] {
  const stages = new Map<string, Map<number, MetricsRow>>();
  for (const row of rows) {
    const steps = stages.get(row.stage) ?? new Map<number, MetricsRow>();
    stages.set(row.stage, steps);
    const before = steps.get(row.step);
    if (before === undefined || before.attempt < row.attempt) steps.set(row.step, row);
    else if (before.attempt === row.attempt) {
      steps.set(row.step, { ...row, values: { ...before.values, ...row.values } });
    }
  }
  return [...stages.values()].flatMap((steps) => [...steps.values()].sort((a, b) => a.step - b.step));
}

/** All rows of a run's folder, all attempts, in the order of writing; none if there is no file. */
export async function readAllRows(folder: string): Promise<MetricsRow[]> {
  return parseRows(await readFile(join(folder, 'metrics.jsonl'), 'utf8').catch(() => ''));
}

/** The metrics of a run's folder: the one reader that knows about attempts and torn lines. */
export async function readMetrics(folder: string): Promise<MetricsRow[]> {
  return lastAttempts(await readAllRows(folder));
}

/** Appends rows to a run's `metrics.jsonl`, a write each: a kill loses no more than the row being written. */
export class MetricsWriter {
  readonly #file: number;
  readonly #folder: string;
  #open = true;

  /** A line that an earlier process left half-written is cut off: only one process writes to a run's folder. */
  constructor(folder: string) {
    const path = join(folder, 'metrics.jsonl');
    this.#folder = folder;
    this.#file = openSync(path, existsSync(path) ? 'r+' : 'w+');
    cutTornLine(this.#file);
    closeSync(this.#file);
    this.#file = openSync(path, 'a');
  }

  /** @throws TrainbookError if the disk is full: the row is then not there at all */
  write(row: MetricsRow): void {
    if (!this.#open) return;
    const line = Buffer.from(`${JSON.stringify(row)}\n`);
    let written = 0;
    try {
      // A disk that is nearly full takes a part.
      while (written < line.length) written += writeSync(this.#file, line, written);
    } catch (error) {
      if (written > 0) ftruncateSync(this.#file, fstatSync(this.#file).size - written);
      throw explainNoSpace(error, `a row of metrics.jsonl (stage ${row.stage}, step ${row.step})`, this.#folder);
    }
  }

  close(): void {
    if (this.#open) closeSync(this.#file);
    this.#open = false;
  }
}

function cutTornLine(file: number): void {
  const { size } = fstatSync(file);
  const block = Buffer.alloc(1 << 16);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - block.length);
    const count = readSync(file, block, 0, end - start, start);
    const newline = block.subarray(0, count).lastIndexOf(0x0a);
    if (newline >= 0) {
      if (start + newline + 1 < size) ftruncateSync(file, start + newline + 1);
      return;
    }
    end = start;
  }
  if (size > 0) ftruncateSync(file, 0);
}
