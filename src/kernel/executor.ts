/**
 * Runs cells, in the place of tslab's executor: the same compiler, the same names from cell to cell, but errors in the terms of
 * the cell, values shown by the library that made them, and an interrupt that waits for what is saving.
 */
import { readFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { runInThisContext } from 'node:vm';
import type typescript from 'typescript';
import { compileFailure, runtimeFailure, type Diagnostic, type Failure } from './failure.js';
import type { MappedScript } from './positions.js';
import { Names, type Stale } from './stale.js';

/** The part of tslab's converter that is called here. */
export interface Converter {
  convert(
    previous: string,
    source: string,
  ): {
    readonly output?: string;
    readonly declOutput?: string;
    readonly diagnostics: readonly Diagnostic[];
    readonly hasToplevelAwait?: boolean;
    readonly lastExpressionVar?: string;
    readonly sideOutputs?: readonly { readonly path: string; readonly data: string }[];
  };
  addModule(name: string, content: string, meta: object): readonly Diagnostic[];
  inspect(previous: string, source: string, position: number): unknown;
  complete(previous: string, source: string, position: number): unknown;
  close(): void;
}

export interface ExecutorParts {
  /** The folder of the notebook. */
  readonly folder: string;
  readonly converter: Converter;
  readonly ts: typeof typescript;
  /** The source maps of a compiled text, the last step first. */
  readonly mapsOf: (output: string) => MappedScript['maps'];
  /** tslab's reading of a cell's doc comment (`@module`). */
  readonly metadataOf: (source: string) => { readonly module?: string };
  /** What `require('tslab')` gives. */
  readonly tslab: () => unknown;
  readonly showValue: (value: unknown) => Promise<void>;
  readonly showStale: (stale: readonly Stale[]) => void;
}

/** tslab puts one line before a cell. */
const LINES_BEFORE = 1;

type Require = (id: string) => unknown;

/** A cell's own `exports`, which every cell shares: TypeScript defines imports once, a notebook again and again. */
function sharedExports(): Record<string, unknown> {
  const names: Record<string, unknown> = {};
  return new Proxy(names, {
    defineProperty: (_target, name, attributes) => {
      if (name !== '__esModule' && typeof name === 'string')
        names[name] = attributes.get === undefined ? attributes.value : (attributes.get() as unknown);
      return true;
    },
  });
}

export class Executor {
  readonly locals = sharedExports();
  readonly #parts: ExecutorParts;
  readonly #names: Names;
  readonly #scripts = new Map<string, MappedScript>();
  readonly #compiled = new Map<string, string>();
  readonly #modules = new Map<string, Module>();
  readonly #require: Require;
  #declarations = '';
  #stop: ((reason: unknown) => void) | undefined;
  #asked = false;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    this.#names = new Names(parts.ts);
    const { folder } = parts;
    this.#require = this.#requireFrom(createRequire(join(folder, 'cell.js')), folder);
  }

  /** Runs a cell; gives why it failed, or undefined. */
  async execute(source: string, cell: number): Promise<Failure | undefined> {
    const name = `cell [${cell}]`;
    const { converter, metadataOf, showStale } = this.#parts;
    const { module } = metadataOf(source);
    if (module !== undefined) {
      const wrong = converter.addModule(module, source, metadataOf(source));
      return wrong.length === 0 ? undefined : compileFailure(wrong, name, () => source);
    }
    const stale = this.#names.staleIn(source);
    if (stale.length > 0) showStale(stale);
    const converted = converter.convert(this.#declarations, source);
    for (const { path, data } of converted.sideOutputs ?? []) this.#addFile(path, data);
    if (converted.diagnostics.length > 0) {
      return compileFailure(converted.diagnostics, name, (file) => (file === undefined ? source : this.#textOf(file)));
    }
    const { output, hasToplevelAwait = false, lastExpressionVar } = converted;
    if (output !== undefined && output !== '') {
      const maps = this.#parts.mapsOf(output);
      this.#scripts.set(name, { name, source, maps, linesBefore: LINES_BEFORE });
      try {
        await this.#run(output, name, hasToplevelAwait);
      } catch (thrown) {
        return runtimeFailure(thrown, this.#scripts);
      }
    }
    this.#declarations = converted.declOutput ?? '';
    this.#names.note(source, cell);
    if (lastExpressionVar === undefined) return undefined;
    const value = this.locals[lastExpressionVar];
    Reflect.deleteProperty(this.locals, lastExpressionVar);
    if (value !== undefined && value !== null) await this.#parts.showValue(value);
    return undefined;
  }

  async #run(output: string, name: string, isAsync: boolean): Promise<void> {
    const prefix = `(${isAsync ? 'async ' : ''}function (exports, require) { `;
    Reflect.set(globalThis, shared, { exports: this.locals, require: this.#require });
    // In one script: Node lets an interrupt end what a script runs, not what a function does that it left behind.
    const ended = runInThisContext(`${prefix}${output}\n})(${shared}.exports, ${shared}.require)`, {
      filename: name,
      columnOffset: -prefix.length,
      breakOnSigint: true,
    }) as unknown;
    if (!isAsync) return;
    this.#asked = false;
    const stopped = new Promise<never>((_resolve, reject) => (this.#stop = reject));
    try {
      await Promise.race([ended, stopped]);
    } finally {
      this.#stop = undefined;
    }
  }

  /**
   * The stop button, while a cell waits. Where somebody else listens too (a training that finishes its step and saves), the cell waits for
   * its end; a second time it does not.
   */
  interrupt(): void {
    const isHeard = process.listenerCount('SIGINT') > 1;
    if (isHeard && !this.#asked) this.#asked = true;
    else this.#stop?.(new DOMException('interrupted by the user', 'AbortError'));
  }

  inspect(source: string, position: number): unknown {
    return this.#parts.converter.inspect(this.#declarations, source, position);
  }

  complete(source: string, position: number): unknown {
    return this.#parts.converter.complete(this.#declarations, source, position);
  }

  /** An error that no cell waited for, in the terms of the cells. */
  describe(thrown: unknown): string {
    return runtimeFailure(thrown, this.#scripts).traceback.join('\n\n');
  }

  reset(): void {
    this.#declarations = '';
    this.#names.clear();
    for (const name of Object.keys(this.locals)) Reflect.deleteProperty(this.locals, name);
  }

  close(): void {
    this.#parts.converter.close();
  }

  #textOf(file: string): string {
    try {
      return readFileSync(join(this.#parts.folder, file), 'utf8');
    } catch {
      return '';
    }
  }

  /** A TypeScript file beside the notebook, compiled anew. */
  #addFile(path: string, code: string): void {
    this.#modules.delete(path);
    this.#compiled.set(path, code);
    const source = path.replace(/\.js$/, '.ts');
    const name = source.startsWith(this.#parts.folder) ? `.${source.slice(this.#parts.folder.length)}` : source;
    this.#scripts.set(path, { name, source: this.#textOf(name), maps: this.#parts.mapsOf(code), linesBefore: 0 });
  }

  /** `require` that knows `tslab` and the TypeScript files beside the notebook. */
  #requireFrom(own: Require, folder: string): Require {
    const require = (id: string): unknown => {
      if (id === 'tslab') return this.#parts.tslab();
      return this.#fromCompiled(folder, id)?.exports ?? own(id);
    };
    return Object.assign(require, own);
  }

  #fromCompiled(folder: string, id: string): Module | undefined {
    const path = join(folder, extname(id) === '' ? `${id}.js` : id.replace(/\.ts$/, '.js'));
    const known = this.#modules.get(path);
    if (known !== undefined) return known;
    const code = this.#compiled.get(path);
    if (code === undefined) return undefined;
    const module = new Module(path);
    module.filename = path;
    const compiling = module as Module & { _compile(code: string, path: string): void };
    module.require = this.#requireFrom(createRequire(path), dirname(path)) as NodeJS.Require;
    this.#modules.set(path, module); // before it is run: it may be imported by what it imports
    try {
      compiling._compile(code, path);
    } catch (error) {
      this.#modules.delete(path);
      throw error;
    }
    return module;
  }
}

/** The global name by which a cell's script finds what it is given. */
const shared = '__trainbook_cell__';
