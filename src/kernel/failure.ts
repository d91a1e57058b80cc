/** What a cell that failed says: the error in words, the line of the cell that it came from, and who called whom. */
import { inspect } from 'node:util';
import { codeFrame } from './code-frame.js';
import { readerFrames, type Frame, type MappedScript } from './positions.js';

/** In the form of Jupyter's message `error`. */
export interface Failure {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** What the converter of tslab says of a mistake; places from 0. */
export interface Diagnostic {
  readonly start: { readonly offset: number; readonly line: number; readonly character: number };
  readonly end: { readonly offset: number; readonly line: number; readonly character: number };
  readonly messageText: string;
  readonly code: number;
  readonly fileName?: string;
}

/** Errors shown of a cell that does not compile: the first are mostly the reason for the rest. */
const SHOWN = 5;

const red = (text: string): string => `\u001b[31m${text}\u001b[39m`;
const bold = (text: string): string => `\u001b[1m${text}\u001b[22m`;
const faint = (text: string): string => `\u001b[2m${text}\u001b[22m`;

/** Marks the line that is meant, and what stands under it. */
const coloured = (frame: string): string =>
  frame.replace(/^(>.*\n.*?\| *)(\^+)/m, (_, line: string, mark: string) => line + red(mark));

/**
 * A cell that does not compile.
 *
 * @param sourceOf the text of the cell, or of a file that it imports
 */
export function compileFailure(
  diagnostics: readonly Diagnostic[],
  cell: string,
  sourceOf: (fileName: string | undefined) => string,
): Failure {
  const shown = diagnostics.slice(0, SHOWN).map(({ messageText, code, fileName, start, end }) => {
    const place = { line: start.line + 1, column: start.character + 1 };
    const length = end.line === start.line ? end.character - start.character : Infinity;
    const where = `${fileName ?? cell}:${place.line}:${place.column}`;
    const frame = codeFrame(sourceOf(fileName), place, length);
    return `${red(bold('error'))} ${faint(`TS${code}`)} ${messageText}\n${faint(where)}\n${coloured(frame)}`;
  });
  const more = diagnostics.length - shown.length;
  const first = diagnostics[0];
  return {
    ename: 'TypeScript',
    evalue: first === undefined ? 'the cell does not compile' : first.messageText,
    traceback: [...shown, ...(more > 0 ? [`and ${more} more ${more === 1 ? 'error' : 'errors'}`] : [])],
  };
}

const isError = (value: unknown): value is Error =>
  value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';

/** A cell that threw. */
export function runtimeFailure(thrown: unknown, scripts: ReadonlyMap<string, MappedScript>): Failure {
  if (!isError(thrown)) {
    const text = typeof thrown === 'string' ? thrown : inspect(thrown);
    return { ename: 'Thrown', evalue: text, traceback: [`${red(bold('thrown'))} ${text}`] };
  }
  if (Reflect.get(thrown, 'code') === 'ERR_SCRIPT_EXECUTION_INTERRUPTED' || thrown.name === 'AbortError') {
    const text = thrown.name === 'AbortError' ? thrown.message : 'interrupted by the user';
    return { ename: 'Interrupted', evalue: text, traceback: [red(bold(text))] };
  }
  return { ename: thrown.name, evalue: thrown.message, traceback: describeError(thrown, scripts, 0) };
}

/** Causes that are told of one error. */
const DEEPEST = 4;

function describeError(error: Error, scripts: ReadonlyMap<string, MappedScript>, depth: number): string[] {
  // The user's mistakes say all that is needed: what, received, expected, to fix. Where they were made helps, how they were found not.
  const isMistake = error.name === 'TrainbookError';
  const frames = readerFrames(error.stack ?? '', scripts);
  const [title = '', ...rest] = (isMistake ? error.message : `${error.name}: ${error.message}`).split('\n');
  const first = frames.find(({ script }) => script !== undefined);
  const { cause } = error;
  const errors: unknown = Reflect.get(error, 'errors');
  return [
    [red(bold(title)), ...rest].join('\n'),
    ...(first?.script === undefined || depth > 0 ? [] : [frameText(first, first.script)]),
    ...(isMistake || frames.length < 2 ? [] : [faint(frames.map(line).join('\n'))]),
    ...(Array.isArray(errors) && depth < DEEPEST
      ? errors.flatMap((one) => caused('one of them', one, scripts, depth))
      : []),
    ...(cause === undefined || isMistake || depth >= DEEPEST ? [] : caused('caused by', cause, scripts, depth)),
  ];
}

function caused(how: string, cause: unknown, scripts: ReadonlyMap<string, MappedScript>, depth: number): string[] {
  const [first = '', ...rest] = isError(cause) ? describeError(cause, scripts, depth + 1) : [inspect(cause)];
  return [`${how}: ${first}`, ...rest];
}

const frameText = ({ name, place }: Frame, { source }: MappedScript): string =>
  `${faint(`${name}:${place.line}:${place.column}`)}\n${coloured(codeFrame(source, place))}`;

const line = ({ where, name, place }: Frame): string => {
  const at = `${name}:${place.line}:${place.column}`;
  return where === '' ? `    at ${at}` : `    at ${where} (${at})`;
};
