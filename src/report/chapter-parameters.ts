import { nearest } from '../experiment/nearest.js';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import { fits, kindOf } from './parameters.js';

/*
 * The cell of a chapter that is read here:
 *
 * const { steps, sizes } = parameters({ steps: 360, sizes: [512, 1024] });
 */

/** A chapter's own parameters, by name; undefined for a value that only running the cell can tell, such as `2 * 512`. */
export type OwnParameters = ReadonlyMap<string, Json | undefined>;

/**
 * The parameters that a chapter names, read from the text of its cells: nothing is run. Undefined where no cell calls `parameters`
 * with an object that is written out.
 */
export async function ownParameters(cells: readonly string[]): Promise<OwnParameters | undefined> {
  const { default: ts } = await import('typescript');
  type Node = import('typescript').Node;
  const literal = (node: Node): Json | undefined => {
    if (ts.isStringLiteralLike(node)) return node.text;
    if (ts.isNumericLiteral(node)) return Number(node.text);
    if (node.kind === ts.SyntaxKind.TrueKeyword || node.kind === ts.SyntaxKind.FalseKeyword)
      return node.kind === ts.SyntaxKind.TrueKeyword;
    if (node.kind === ts.SyntaxKind.NullKeyword) return null;
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.MinusToken) {
      const value = literal(node.operand);
      return typeof value === 'number' ? -value : undefined;
    }
    if (ts.isArrayLiteralExpression(node)) {
      const values = node.elements.map(literal);
      return values.every((value) => value !== undefined) ? values : undefined;
    }
    if (ts.isObjectLiteralExpression(node)) {
      const entries = [...(properties(node) ?? [])];
      return entries.every((entry): entry is [string, Json] => entry[1] !== undefined)
        ? Object.fromEntries(entries)
        : undefined;
    }
    return ts.isAsExpression(node) || ts.isParenthesizedExpression(node) ? literal(node.expression) : undefined;
  };
  const properties = (node: import('typescript').ObjectLiteralExpression): OwnParameters | undefined => {
    const found = new Map<string, Json | undefined>();
    for (const property of node.properties) {
      if (ts.isShorthandPropertyAssignment(property)) found.set(property.name.text, undefined);
      else if (!ts.isPropertyAssignment(property) || ts.isComputedPropertyName(property.name)) return undefined;
      else found.set(property.name.text, literal(property.initializer));
    }
    return found;
  };
  for (const cell of cells) {
    if (!cell.includes('parameters')) continue;
    const file = ts.createSourceFile('cell.ts', cell, ts.ScriptTarget.ESNext, true);
    let found: OwnParameters | undefined;
    const visit = (node: Node): void => {
      if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'parameters') {
        const [given] = node.arguments;
        if (given !== undefined && ts.isObjectLiteralExpression(given)) found ??= properties(given);
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Checks values that are to take the place of a chapter's own, before anything runs.
 *
 * @throws TrainbookError for a name that the chapter has not, or a value of another type
 */
export function checkParameters(
  chapter: string,
  own: OwnParameters | undefined,
  given: Readonly<Record<string, Json>>,
): void {
  for (const [name, value] of Object.entries(given)) {
    if (own === undefined || !own.has(name)) {
      const names = [...(own?.keys() ?? [])];
      const close = nearest(name, names);
      throw new TrainbookError({
        what: `${chapter} has no parameter of this name`,
        received: name,
        expected: names.length === 0 ? 'a chapter with a cell parameters({ … })' : `one of ${names.join(', ')}`,
        ...(close === undefined ? {} : { fix: `did you mean ${close}?` }),
      });
    }
    const before = own.get(name);
    if (before === undefined || fits(value, before)) continue;
    throw new TrainbookError({
      what: `${chapter}: the parameter ${name} is of another type`,
      received: JSON.stringify(value),
      expected: `a ${kindOf(before)}, such as ${JSON.stringify(before)}`,
    });
  }
}
