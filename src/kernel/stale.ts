/**
 * Which names of a notebook are older than what they were made of. A cell may be edited and run again while names of later
 * cells still hold what its earlier form gave: nothing is wrong, but the reader should know.
 *
 * A name's *version* is a hash of the statement that declares it and of the versions of the names in it. A statement that is run
 * again unchanged has the same version, so running a notebook twice makes nothing stale; spaces and comments do not count.
 * What a statement reads beside names (files, the clock, random numbers) is not seen, nor are changes inside a value.
 */
import { createHash } from 'node:crypto';
import type typescript from 'typescript';

/** A name as it was declared last. */
interface Declared {
  /** The cell, as Jupyter counts. */
  readonly cell: number;
  readonly version: string;
  /** The names in its statement, and their versions then. */
  readonly reads: ReadonlyMap<string, string>;
}

/** Why a name is stale: `name`, made by `cell`, was made with an earlier `changed`, which `by` has declared anew. */
export interface Stale {
  readonly name: string;
  readonly cell: number;
  readonly changed: string;
  readonly by: number;
}

/** Names that a notebook's cells have declared. */
export class Names {
  readonly #ts: typeof typescript;
  readonly #declared = new Map<string, Declared>();

  constructor(ts: typeof typescript) {
    this.#ts = ts;
  }

  /** The stale names that a cell reads, before it runs. */
  staleIn(source: string): Stale[] {
    const statements = this.#statements(source);
    const own = new Set(statements.flatMap(({ declares }) => declares));
    const read = new Set(statements.flatMap(({ reads }) => reads).filter((name) => !own.has(name)));
    return [...read].flatMap((name) => this.#stale(name, new Set()) ?? []);
  }

  /** Notes what a cell that has run declares. */
  note(source: string, cell: number): void {
    for (const { text, declares, reads } of this.#statements(source)) {
      const versions = new Map<string, string>();
      for (const name of reads) {
        const version = this.#declared.get(name)?.version;
        if (version !== undefined && !declares.includes(name)) versions.set(name, version);
      }
      const hash = createHash('sha256').update(text);
      for (const [name, version] of [...versions].sort()) hash.update(`\0${name} ${version}`);
      const version = hash.digest('base64');
      for (const name of declares) this.#declared.set(name, { cell, version: `${name} ${version}`, reads: versions });
    }
  }

  clear(): void {
    this.#declared.clear();
  }

  #stale(name: string, seen: Set<string>): Stale | undefined {
    const declared = this.#declared.get(name);
    if (declared === undefined || seen.has(name)) return undefined;
    seen.add(name);
    for (const [read, version] of declared.reads) {
      const now = this.#declared.get(read);
      if (now !== undefined && now.version !== version)
        return { name, cell: declared.cell, changed: read, by: now.cell };
      const deeper = this.#stale(read, seen);
      if (deeper !== undefined) return { ...deeper, name, cell: declared.cell };
    }
    return undefined;
  }

  /** The top-level statements of a cell: their text without comments, the names they declare, the names in them. */
  #statements(source: string): { readonly text: string; readonly declares: string[]; readonly reads: string[] }[] {
    const ts = this.#ts;
    const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.ESNext, true);
    const printer = ts.createPrinter({ removeComments: true });
    return file.statements.flatMap((statement) => {
      // Each import stands for itself: one more of them changes nothing for the others.
      if (ts.isImportDeclaration(statement)) return importedNames(ts, statement);
      const text = printer.printNode(ts.EmitHint.Unspecified, statement, file);
      return [{ text, declares: declaredNames(ts, statement), reads: readNames(ts, statement) }];
    });
  }
}

function importedNames(ts: typeof typescript, statement: typescript.ImportDeclaration) {
  const from = statement.moduleSpecifier.getText();
  const { importClause: clause } = statement;
  const bindings = clause?.namedBindings;
  const elements = bindings === undefined ? [] : ts.isNamespaceImport(bindings) ? [bindings] : bindings.elements;
  return [...(clause?.name === undefined ? [] : [clause]), ...elements].map((element) => ({
    text: `${element.getText()} from ${from}`,
    declares: [element.name?.text ?? ''],
    reads: [],
  }));
}

function declaredNames(ts: typeof typescript, statement: typescript.Statement): string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.flatMap(({ name }) => boundNames(ts, name));
  if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) {
    return statement.name === undefined ? [] : [statement.name.text];
  }
  return assignedNames(ts, statement);
}

function boundNames(ts: typeof typescript, name: typescript.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) => (ts.isOmittedExpression(element) ? [] : boundNames(ts, element.name)));
}

/** `lab = open(…)`: the name is given anew. */
function assignedNames(ts: typeof typescript, statement: typescript.Statement): string[] {
  if (!ts.isExpressionStatement(statement) || !ts.isBinaryExpression(statement.expression)) return [];
  const { left, operatorToken } = statement.expression;
  return operatorToken.kind === ts.SyntaxKind.EqualsToken && ts.isIdentifier(left) ? [left.text] : [];
}

/** Identifiers that may be variables: names of properties are not. */
function readNames(ts: typeof typescript, statement: typescript.Statement): string[] {
  const names = new Set<string>();
  const visit = (node: typescript.Node): void => {
    if (ts.isTypeNode(node)) return;
    if (ts.isIdentifier(node) && !isPropertyName(ts, node)) names.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(statement);
  return [...names];
}

function isPropertyName(ts: typeof typescript, node: typescript.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent)) {
    return parent.name === node;
  }
  return ts.isBindingElement(parent) && parent.propertyName === node;
}
