/**
 * The compiler that tslab gets: stock TypeScript in strict mode, under the name of the patched copy that tslab was built for.
 *
 * tslab 1.0.22 reaches its compiler through the module `@tslab/typescript-for-tslab` (TypeScript 5.0.4 with a few functions
 * added). Everything else it asks for is public or internal API that stock TypeScript still has, so a module that answers
 * the added functions and passes the rest on is enough.
 */
import type { SourceMap } from 'node:module';
import type typescript from 'typescript';
import { takeMap } from './positions.js';

/** Internal functions of TypeScript that tslab, or this file, calls; checked when the kernel starts. */
interface Internals {
  readonly nullTransformationContext: typescript.TransformationContext;
  readonly findPrecedingToken: unknown;
  readonly findNextToken: unknown;
  getTouchingPropertyName(file: typescript.SourceFile, position: number): typescript.Node;
  getContainerNode(node: typescript.Node): typescript.Node | undefined;
  readonly Completions: {
    getCompletionsAtPosition(...args: readonly unknown[]): typescript.CompletionInfo | undefined;
  };
  readonly SymbolDisplay: {
    getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker: typescript.TypeChecker,
      symbol: typescript.Symbol,
      file: typescript.SourceFile,
      container: typescript.Node | undefined,
      node: typescript.Node,
    ): Pick<typescript.QuickInfo, 'displayParts' | 'documentation' | 'tags'> & {
      readonly symbolKind: typescript.ScriptElementKind;
    };
  };
}

export type Compiler = typeof typescript & Internals;

const internalNames = [
  'nullTransformationContext',
  'findPrecedingToken',
  'findNextToken',
  'getTouchingPropertyName',
  'getContainerNode',
  'Completions',
  'SymbolDisplay',
] as const satisfies readonly (keyof Internals)[];

/** Stock TypeScript, refused with a clear error if it lacks an internal function that the kernel stands on. */
export function asCompiler(ts: typeof typescript): Compiler {
  const missing = internalNames.filter((name) => !(name in ts));
  if (missing.length > 0) {
    throw new Error(
      `trainbook kernel: TypeScript ${ts.version} has no ${missing.join(', ')}\n` +
        '  expected: the TypeScript version that package.json of trainbook names\n' +
        '  to fix: npm install typescript@5.9.3, or choose the kernel tslab meanwhile',
    );
  }
  return ts as Compiler;
}

/** What cells are compiled with, beside tslab's own options: as strict as a project of one's own should be. */
export function strictOptions(ts: typeof typescript): typescript.CompilerOptions {
  return {
    strict: true,
    noUncheckedIndexedAccess: true,
    noFallthroughCasesInSwitch: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    customConditions: ['node'],
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    experimentalDecorators: false,
    // Else every package of @types is read at the start of each kernel; those that a cell imports are found without.
    types: ['node'],
    inlineSourceMap: true,
  };
}

/** `await using` has both bits of `const` and `using`, so a single bit does not tell. */
function isAwaitUsing(ts: typeof typescript, list: typescript.VariableDeclarationList): boolean {
  const kind: number = list.flags & ts.NodeFlags.BlockScoped;
  const awaitUsing: number = ts.NodeFlags.AwaitUsing;
  return kind === awaitUsing;
}

/** Options that tslab sets and that TypeScript 5.5 took away. */
const removedOptions = ['noImplicitUseStrict', 'disableTopLevelAwait'];

/**
 * Where `await` stands outside any function: expressions, `for await`, `await using`. tslab learns from a diagnostic at
 * each of them (code 1308, "await is only allowed in async functions") that the cell must run as an async function;
 * stock TypeScript allows it in modules and says nothing, so these diagnostics are made here.
 */
export function topLevelAwaits(ts: typeof typescript, file: typescript.SourceFile): number[] {
  const positions: number[] = [];
  const visit = (node: typescript.Node): void => {
    if (ts.isFunctionLike(node) || ts.isClassStaticBlockDeclaration(node) || ts.isModuleDeclaration(node)) return;
    if (ts.isAwaitExpression(node)) positions.push(node.getStart(file));
    if (ts.isForOfStatement(node) && node.awaitModifier !== undefined)
      positions.push(node.awaitModifier.getStart(file));
    if (ts.isVariableDeclarationList(node) && isAwaitUsing(ts, node)) {
      positions.push(node.getStart(file));
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return positions;
}

function quickInfo(
  ts: Compiler,
  file: typescript.SourceFile,
  checker: typescript.TypeChecker,
  position: number,
): typescript.QuickInfo | undefined {
  const node = ts.getTouchingPropertyName(file, position);
  const symbol = node === file ? undefined : checker.getSymbolAtLocation(node);
  if (symbol === undefined) return undefined;
  const { displayParts, documentation, symbolKind, tags } =
    ts.SymbolDisplay.getSymbolDisplayPartsDocumentationAndSymbolKind(
      checker,
      symbol,
      file,
      ts.getContainerNode(node),
      node,
    );
  const start = node.getStart(file);
  return {
    kind: symbolKind,
    kindModifiers: '',
    textSpan: { start, length: node.end - start },
    ...(displayParts === undefined ? {} : { displayParts }),
    ...(documentation === undefined ? {} : { documentation }),
    ...(tags === undefined ? {} : { tags }),
  };
}

/**
 * tslab turns names of earlier cells into properties (`a` into `exports.a`), but passes over the shorthand `{ a }`: the
 * compiler tells it of the new property `a` there, not of the variable. Here it is told of the variable.
 */
function tellOfVariables(ts: Compiler, checker: typescript.TypeChecker): void {
  const symbolAt = checker.getSymbolAtLocation.bind(checker);
  checker.getSymbolAtLocation = (node) => {
    const { parent } = ts.getParseTreeNode(node) ?? node;
    // A node made by a transformer has no parent.
    const shorthand = (parent as typescript.Node | undefined) !== undefined && ts.isShorthandPropertyAssignment(parent);
    return shorthand && ts.isIdentifier(node) ? checker.getShorthandAssignmentValueSymbol(parent) : symbolAt(node);
  };
}

/**
 * `visitEachChild` by which only variables become properties of `exports`. The name in `{ a }` may become any expression: the
 * result is then `{ a: expression }`. The name before the colon in `{ a: b }`, be it a value or a pattern, is no variable, and
 * stays: tslab takes it for one where a type of an earlier cell has a property of that name.
 */
function visitEachChild(
  ts: Compiler,
  node: typescript.Node,
  visitor: typescript.Visitor,
  context: typescript.TransformationContext,
): typescript.Node {
  const name = ts.isPropertyAssignment(node) ? node.name : ts.isBindingElement(node) ? node.propertyName : undefined;
  if (name !== undefined && ts.isIdentifier(name))
    return ts.visitEachChild(node, (child) => (child === name ? child : visitor(child)), context);
  if (!ts.isShorthandPropertyAssignment(node)) return ts.visitEachChild(node, visitor, context);
  const value = visitor(node.name);
  if (value === undefined || value === node.name) return node;
  return ts.factory.createPropertyAssignment(
    ts.factory.createIdentifier(node.name.text),
    value as typescript.Expression,
  );
}

const maps = new Map<string, readonly SourceMap[]>();

/** The source maps of a text that `transpileModule` made, the last step first; they are told once. */
export function mapsOf(output: string): readonly SourceMap[] {
  const found = maps.get(output) ?? [];
  maps.delete(output);
  return found;
}

/** tslab's last step, from a module to CommonJS; the maps of both steps are kept beside the text. */
function transpileModule(
  ts: Compiler,
  source: string,
  options: typescript.TranspileOptions,
): { readonly outputText: string } {
  const first = takeMap(source);
  const compilerOptions = { ...options.compilerOptions, inlineSourceMap: true };
  const last = takeMap(ts.transpileModule(first.code, { ...options, compilerOptions }).outputText);
  maps.set(
    last.code,
    [last.map, first.map].flatMap((map) => map ?? []),
  );
  return { outputText: last.code };
}

/** The functions that tslab's own copy of TypeScript adds, and `createWatchCompilerHost` with our options. */
function additions(ts: Compiler, typeRoots: (folder: string) => string[]): Readonly<Record<string, unknown>> {
  return {
    __esModule: true,
    getNullTransformationContext: () => ts.nullTransformationContext,
    createWatchCompilerHost: (files: string[], options: Record<string, unknown>, ...rest: unknown[]) => {
      const kept = Object.fromEntries(Object.entries(options).filter(([name]) => !removedOptions.includes(name)));
      const create = ts.createWatchCompilerHost as (...args: unknown[]) => object;
      const host = create(files, { ...kept, ...strictOptions(ts) }, ...rest);
      let afterCreate: ((builder: typescript.BuilderProgram) => void) | undefined;
      return Object.defineProperty(host, 'afterProgramCreate', {
        get: () => afterCreate,
        set: (given: (builder: typescript.BuilderProgram) => void) => {
          afterCreate = (builder) => {
            tellOfVariables(ts, builder.getProgram().getTypeChecker());
            given(builder);
          };
        },
      });
    },
    visitEachChild: (node: typescript.Node, visitor: typescript.Visitor, context: typescript.TransformationContext) =>
      visitEachChild(ts, node, visitor, context),
    transpileModule: (source: string, options: typescript.TranspileOptions) => transpileModule(ts, source, options),
    getDefaultTypeRoots: typeRoots,
    getPreEmitDiagnosticsOfFiles: (program: typescript.Program, files: readonly typescript.SourceFile[]) => {
      const found: typescript.Diagnostic[] = files.flatMap((file) => [
        ...program.getSyntacticDiagnostics(file),
        ...program.getSemanticDiagnostics(file),
        ...program.getDeclarationDiagnostics(file),
      ]);
      const cell = files[0];
      for (const start of cell === undefined ? [] : topLevelAwaits(ts, cell)) {
        const category = ts.DiagnosticCategory.Error;
        found.push({ file: cell, start, length: 'await'.length, code: 1308, category, messageText: 'top-level await' });
      }
      // tslab takes chains of messages apart and forgets their file.
      return ts
        .sortAndDeduplicateDiagnostics(found)
        .map((one) => ({ ...one, messageText: ts.flattenDiagnosticMessageText(one.messageText, '\n') }));
    },
    getQuickInfoAtPosition: (
      file: typescript.SourceFile,
      checker: typescript.TypeChecker,
      _cancellation: unknown,
      position: number,
    ) => quickInfo(ts, file, checker, position),
    Completions: {
      ...ts.Completions,
      getCompletionsAtPositionForTslab: (...args: readonly unknown[]) =>
        ts.Completions.getCompletionsAtPosition(...args),
    },
  };
}

/**
 * The module that takes the place of `@tslab/typescript-for-tslab`.
 *
 * @param typeRoots gives the `@types` folders that cells below a folder see
 * @param tslabSource the text of tslab's converter: each name it takes from its compiler must be answered
 * @throws Error that lists the names when tslab's internals ask for something that this TypeScript lacks
 */
export function compilerForTslab(ts: Compiler, typeRoots: (folder: string) => string[], tslabSource: string): object {
  const added = additions(ts, typeRoots);
  const module = new Proxy(added, {
    get: (target, name) => Reflect.get(name in target ? target : ts, name) as unknown,
    has: (target, name) => name in target || name in ts,
  });
  const asked = new Set([...tslabSource.matchAll(/\bts\.([A-Za-z_]\w*)/g)].map((match) => match[1] ?? ''));
  const missing = [...asked].filter((name) => !(name in module));
  if (missing.length > 0) {
    throw new Error(
      `trainbook kernel: tslab asks its compiler for ${missing.join(', ')}, which TypeScript ${ts.version} lacks\n` +
        '  expected: tslab 1.0.22, whose internals this kernel knows\n' +
        '  to fix: npm install tslab@1.0.22, or choose the kernel tslab meanwhile',
    );
  }
  return module;
}
