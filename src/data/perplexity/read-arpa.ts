import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { TrainbookError } from '../../error.js';
import { noteRead } from '../../files.js';
import { ArpaBuilder } from './arpa-builder.js';
import type { NgramModel } from './ngram-model.js';
import type { Units } from './units.js';

export interface ReadArpaOptions {
  /** What the model's units are in a text. Default: spaces, as KenLM's own programs read texts. */
  readonly units?: Units;
}

/**
 * Reads an n-gram model in ARPA format, as KenLM's lmplz, SRILM and others write it; gzipped where the name ends in `.gz`. Texts are
 * then scored as KenLM scores them. N-grams whose prefix or suffix is not in the file (SRILM prunes so) get it, with the probability
 * that backing off gives, which changes no score.
 *
 * @throws TrainbookError that names the file and the line: for a number that is none, an n-gram of the wrong length or of unknown
 *   units, or one that comes twice; for a file that is cut off, has not as many n-grams as it says, or lacks `<s>` or `</s>`.
 * @example
 * const model = await readArpa('en.arpa.gz');
 * ngramScorer(model).score('this is a sentence .');
 */
export async function readArpa(path: string, { units = 'spaces' }: ReadArpaOptions = {}): Promise<NgramModel> {
  noteRead(path);
  const parser = new Parser(path);
  for await (const line of linesOf(path)) parser.line(line);
  return parser.finish(units);
}

/** Lines that the file begins with, before `\data\`. */
type Section = 'head' | 'data' | number | 'end';

class Parser {
  private section: Section = 'head';
  private number = 0;
  private readonly announced: number[] = [];
  private builder = new ArpaBuilder(0);

  constructor(private readonly path: string) {}

  line(text: string): void {
    this.number++;
    const line = text.trimEnd();
    if (line === '' || this.section === 'end') return;
    if (line.startsWith('\\') && this.heading(line)) return;
    if (this.section === 'data') this.announce(line);
    else if (typeof this.section === 'number') this.ngram(line, this.section);
  }

  finish(units: Units): NgramModel {
    if (this.section !== 'end') {
      throw this.wrong(
        this.section === 'head' ? 'there is no \\data\\ line' : 'the file is cut off: there is no \\end\\ line',
      );
    }
    return this.builder.finish(units, (what) => this.wrong(what));
  }

  private heading(line: string): boolean {
    if (line === '\\data\\') {
      this.section = 'data';
      return true;
    }
    const order = /^\\(\d+)-grams:$/u.exec(line)?.[1];
    if (order === undefined && line !== '\\end\\') return false;
    if (typeof this.section === 'number') this.checkCount(this.section);
    const next = typeof this.section === 'number' ? this.section + 1 : 1;
    const last = this.announced.length;
    if (this.section === 'head' || (order === undefined ? next !== last + 1 : Number(order) !== next || next > last)) {
      throw this.wrong(`a section that does not come here: ${line}`);
    }
    if (next === 1) this.builder = new ArpaBuilder(last);
    this.section = order === undefined ? 'end' : next;
    return true;
  }

  /** `ngram 2=431` */
  private announce(line: string): void {
    const [, order = '', count = ''] = /^ngram\s+(\d+)\s*=\s*(\d+)$/u.exec(line) ?? [];
    if (Number(order) !== this.announced.length + 1) {
      throw this.wrong(`no number of n-grams: ${line}`);
    }
    this.announced.push(Number(count));
  }

  /** `-0.47712126	the house	-0.30103` */
  private ngram(line: string, order: number): void {
    const parts = line.split(/[\t ]+/u);
    const logProbability = Number(parts[0]);
    const backOff = parts.length > order + 1 ? Number(parts[order + 1]) : 0;
    if (parts.length < order + 1 || parts.length > order + 2) {
      throw this.wrong(`not a number, ${order} units and perhaps a number: ${shortened(line)}`);
    }
    // SRILM writes <s> with -99, some programs with -inf.
    if (Number.isNaN(logProbability) || logProbability > 0 || !Number.isFinite(backOff)) {
      throw this.wrong(`no logarithm of a probability: ${shortened(line)}`);
    }
    const problem = this.builder.add(parts.slice(1, order + 1), Math.max(logProbability, -100), backOff);
    if (problem !== undefined) throw this.wrong(`${problem}: ${shortened(line)}`);
  }

  private checkCount(order: number): void {
    const found = this.builder.counts[order - 1] ?? 0;
    const announced = this.announced[order - 1] ?? 0;
    if (found !== announced) throw this.wrong(`${found} ${order}-grams where the file says ${announced}`);
  }

  private wrong(what: string): TrainbookError {
    return new TrainbookError({
      what: `readArpa: ${this.path}:${this.number}: ${what}`,
      expected: 'a whole n-gram model in ARPA format, \\data\\ … \\end\\',
      fix: 'copy the file again; KenLM’s binary files are not read: keep the .arpa that they were built from',
    });
  }
}

function shortened(line: string): string {
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const file = createReadStream(path);
  const stream = /\.gz$/iu.test(path) ? file.pipe(createGunzip()) : file;
  file.on('error', (cause) => stream.destroy(cause));
  let rest = '';
  try {
    for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (cause) {
    throw new TrainbookError({
      what: 'readArpa: cannot read the file',
      received: `${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: 'an ARPA file, whole',
      fix: 'check the path, or copy the file again',
      cause,
    });
  }
  if (rest !== '') yield rest;
}
