import type { Attribute, Attributes, DType } from '../trace.js';

/** Reads an attribute of one kind. Without a default it must be there: a trace without it is our mistake, so a plain Error. */
function read<Value>(
  attributes: Attributes,
  name: string,
  kind: string,
  valueOf: (attribute: Attribute) => Value | undefined,
  otherwise: Value | undefined,
): Value {
  const attribute: Attribute | undefined = attributes[name];
  if (attribute === undefined) {
    if (otherwise === undefined) throw new Error(`the attribute ${name} (${kind}) is missing`);
    return otherwise;
  }
  const value = valueOf(attribute);
  if (value === undefined)
    throw new Error(`the attribute ${name} is ${JSON.stringify(attribute)}, not of kind ${kind}`);
  return value;
}

/** `keep_dims: { bool: true }` → true. */
export function boolOf(attributes: Attributes, name: string, otherwise?: boolean): boolean {
  return read(attributes, name, 'bool', (attribute) => ('bool' in attribute ? attribute.bool : undefined), otherwise);
}

/** `axis: { int: -1 }` → -1. */
export function intOf(attributes: Attributes, name: string, otherwise?: number): number {
  return read(attributes, name, 'int', (attribute) => ('int' in attribute ? attribute.int : undefined), otherwise);
}

/** `strides: { ints: [1, 2, 2, 1] }` → [1, 2, 2, 1]. */
export function intsOf(attributes: Attributes, name: string, otherwise?: readonly number[]): readonly number[] {
  return read(attributes, name, 'ints', (attribute) => ('ints' in attribute ? attribute.ints : undefined), otherwise);
}

/** `padding: { string: 'SAME' }` → 'SAME'. */
export function stringOf(attributes: Attributes, name: string, otherwise?: string): string {
  return read(
    attributes,
    name,
    'string',
    (attribute) => ('string' in attribute ? attribute.string : undefined),
    otherwise,
  );
}

/** `DstT: { type: 'int32' }` → 'int32'. */
export function typeOf(attributes: Attributes, name: string, otherwise?: DType): DType {
  return read(attributes, name, 'type', (attribute) => ('type' in attribute ? attribute.type : undefined), otherwise);
}
