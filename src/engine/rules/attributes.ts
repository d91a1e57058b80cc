import type { Attribute, Attributes, DType } from '../trace.js';

/** Reads an attribute of one kind. Without a default it must be there: a trace without it is our mistake, so a plain Error. */
function read<Kind extends string, Value>(
  attributes: Attributes,
  name: string,
  kind: Kind,
  otherwise: Value | undefined,
): Value {
  const attribute: Attribute | undefined = attributes[name];
  if (attribute === undefined) {
    if (otherwise === undefined) throw new Error(`the attribute ${name} (${kind}) is missing`);
    return otherwise;
  }
  if (!(kind in attribute))
    throw new Error(`the attribute ${name} is ${JSON.stringify(attribute)}, not of kind ${kind}`);
  return (attribute as unknown as Record<Kind, Value>)[kind];
}

/** `keep_dims: { bool: true }` → true. */
export function boolOf(attributes: Attributes, name: string, otherwise?: boolean): boolean {
  return read(attributes, name, 'bool', otherwise);
}

/** `axis: { int: -1 }` → -1. */
export function intOf(attributes: Attributes, name: string, otherwise?: number): number {
  return read(attributes, name, 'int', otherwise);
}

/** `strides: { ints: [1, 2, 2, 1] }` → [1, 2, 2, 1]. */
export function intsOf(attributes: Attributes, name: string, otherwise?: readonly number[]): readonly number[] {
  return read(attributes, name, 'ints', otherwise);
}

/** `padding: { string: 'SAME' }` → 'SAME'. */
export function stringOf(attributes: Attributes, name: string, otherwise?: string): string {
  return read(attributes, name, 'string', otherwise);
}

/** `DstT: { type: 'int32' }` → 'int32'. */
export function typeOf(attributes: Attributes, name: string, otherwise?: DType): DType {
  return read(attributes, name, 'type', otherwise);
}
