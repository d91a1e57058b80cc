/**
 * From places in the JavaScript that runs back to places in cells. A cell is compiled in two steps (TypeScript to a module,
 * the module to CommonJS), each with a source map; a place is taken back through both.
 */
import { SourceMap } from 'node:module';

/** A place in a cell or a file: line and column, from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** What is needed to go back from a script to its source. */
export interface MappedScript {
  /** What a reader knows it by: `cell [3]`, or a file's path. */
  readonly name: string;
  /** The source as its author wrote it. */
  readonly source: string;
  /** Maps of the compilation's steps, the last step first. */
  readonly maps: readonly SourceMap[];
  /** Lines that were put before the source. */
  readonly linesBefore: number;
}

const inlineMap = /\n?\/\/# sourceMappingURL=data:application\/json(?:;charset=utf-?8)?;base64,([A-Za-z0-9+/=]+)\s*$/i;

/** Takes the source map out of the end of a compiled text. */
export function takeMap(text: string): { readonly code: string; readonly map: SourceMap | undefined } {
  const found = inlineMap.exec(text);
  if (found === null) return { code: text, map: undefined };
  const payload = JSON.parse(Buffer.from(found[1] ?? '', 'base64').toString('utf8')) as ConstructorParameters<
    typeof SourceMap
  >[0];
  return { code: text.slice(0, found.index), map: new SourceMap(payload) };
}

/** The place in the source that a place in the script came from; undefined for what the compiler has added. */
export function placeInSource({ maps, linesBefore, source }: MappedScript, place: Place): Place | undefined {
  let { line, column } = place;
  for (const map of maps) {
    const entry = map.findEntry(line - 1, column - 1);
    if (!('originalLine' in entry)) return undefined;
    line = entry.originalLine + 1;
    column = entry.originalColumn + 1;
  }
  line -= linesBefore;
  // Around a cell stands what tslab adds.
  return line < 1 || line > source.split('\n').length ? undefined : { line, column };
}

/** One line of a stack trace. */
export interface Frame {
  /** `average`, `async Object.stage`; empty at the top of a cell. */
  readonly where: string;
  readonly name: string;
  readonly place: Place;
  /** The cell or file, where it is one of the notebook's. */
  readonly script?: MappedScript;
}

const frameLine = /^\s*at (?:async (?=[^(]*$))?(?:(.+?) \()?(.+?):(\d+):(\d+)\)?$/;

/**
 * Internal to Node, tslab and the kernel: nothing that a reader could mend. The name of the function in which a cell is wrapped
 * says nothing either.
 */
const isInternal = (name: string): boolean =>
  name.startsWith('node:') || /[\\/]node_modules[\\/]tslab[\\/]/.test(name) || name.startsWith(kernelFolder);
const kernelFolder = new URL('.', import.meta.url).href;

/** The frames of a stack that a reader can use, in the terms of their cells. */
export function readerFrames(stack: string, scripts: ReadonlyMap<string, MappedScript>): Frame[] {
  const frames = stack.split('\n').flatMap((text): Frame[] => {
    const match = frameLine.exec(text);
    if (match === null) return [];
    // Functions of earlier cells are called on what all cells share, a proxy.
    const [, caller = '', name = '', line = '1', column = '1'] = match;
    const where = caller.replace(/\bProxy\./, '');
    const place = { line: Number(line), column: Number(column) };
    const script = scripts.get(name);
    if (script === undefined) return isInternal(name) ? [] : [{ where, name, place }];
    const own = placeInSource(script, place);
    return own === undefined ? [] : [{ where, name: script.name, place: own, script }];
  });
  // A cell's script is a function and its call: two frames without a name.
  return frames.filter(({ where, name }, index) => {
    const before = frames[index - 1];
    return where !== '' || before?.where !== '' || before.name !== name;
  });
}
