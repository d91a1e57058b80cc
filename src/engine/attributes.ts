/** Attributes of ops, between the three forms they have: tfjs-node's, ours, and the C API's. */
import { dtypeOf, type Native, type Pointer, typeNumbers } from './capi.js';
import type { Attribute, Attributes, DType } from './trace.js';

/** An attribute as tfjs-node's kernels write it. */
export interface TfjsAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** TF_AttrType. */
export const attributeKinds = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;

/** The attributes of `Cast`. */
export function castAttributes(from: DType, to: DType): Attributes {
  return { SrcT: { type: from }, DstT: { type: to }, Truncate: { bool: false } };
}

/** A cast that changes nothing. */
export function isSameType({ SrcT, DstT }: Attributes): boolean {
  return SrcT !== undefined && DstT !== undefined && 'type' in SrcT && 'type' in DstT && SrcT.type === DstT.type;
}

/** tfjs-node's attributes as ours. */
export function convertAttributes(attributes: readonly TfjsAttribute[]): Attributes {
  const converted: Record<string, Attribute> = {};
  for (const { name, type, value } of attributes) converted[name] = convertAttribute(name, type, value);
  return converted;
}

function convertAttribute(name: string, kind: number, value: unknown): Attribute {
  const list = Array.isArray(value);
  switch (kind) {
    case attributeKinds.type:
      return list ? { types: (value as number[]).map(dtypeOf) } : { type: dtypeOf(value as number) };
    case attributeKinds.int:
      return list ? { ints: value as number[] } : { int: value as number };
    case attributeKinds.float:
      return list ? { floats: value as number[] } : { float: value as number };
    case attributeKinds.bool:
      return { bool: Boolean(value) };
    case attributeKinds.string:
      return list ? { strings: value as string[] } : { string: value as string };
    case attributeKinds.shape:
      return { shape: value as number[] };
    default:
      throw new Error(`internal: the attribute ${name} has the unknown kind ${kind}`);
  }
}

type AttributeSetters = Readonly<
  Record<'opType' | 'opTypes' | 'opInt' | 'opInts' | 'opFloat' | 'opFloats' | 'opBool' | 'opString', Native>
>;

/** Sets an attribute of an eager op (shapes apart, which need a status). */
export function setOpAttribute(c: AttributeSetters, op: Pointer, key: string, attribute: Attribute): void {
  if ('type' in attribute) c.opType(op, key, typeNumbers[attribute.type]);
  else if ('bool' in attribute) c.opBool(op, key, attribute.bool ? 1 : 0);
  else if ('int' in attribute) c.opInt(op, key, attribute.int);
  else if ('float' in attribute) c.opFloat(op, key, attribute.float);
  else if ('ints' in attribute) c.opInts(op, key, attribute.ints, attribute.ints.length);
  else if ('floats' in attribute) c.opFloats(op, key, attribute.floats, attribute.floats.length);
  else if ('string' in attribute) c.opString(op, key, attribute.string, Buffer.byteLength(attribute.string));
  else if ('types' in attribute) {
    c.opTypes(
      op,
      key,
      attribute.types.map((type) => typeNumbers[type]),
      attribute.types.length,
    );
  } else throw new Error(`internal: the attribute ${key} cannot be set on an eager op`);
}
