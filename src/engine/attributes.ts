/** Attributes of ops, between the three forms they have: tfjs-node's, ours, and the C API's. */
import { type CApi, dtypeOf, type Native, type Pointer, typeNumbers } from './capi.js';
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

/** One family of the C API's functions that set an attribute. */
export type AttributeSetters = Readonly<
  Record<'type' | 'types' | 'int' | 'ints' | 'float' | 'floats' | 'bool' | 'string', Native>
>;

/** Those of eager ops, or of a graph's nodes. */
export function attributeSetters(c: CApi, target: 'op' | 'node'): AttributeSetters {
  return {
    type: c[`${target}Type`],
    types: c[`${target}Types`],
    int: c[`${target}Int`],
    ints: c[`${target}Ints`],
    float: c[`${target}Float`],
    floats: c[`${target}Floats`],
    bool: c[`${target}Bool`],
    string: c[`${target}String`],
  };
}

/** Sets an attribute of an eager op or of a node; shapes and traces apart, which the two set in ways of their own. */
export function setAttribute(set: AttributeSetters, target: Pointer, key: string, attribute: Attribute): void {
  if ('type' in attribute) set.type(target, key, typeNumbers[attribute.type]);
  else if ('bool' in attribute) set.bool(target, key, attribute.bool ? 1 : 0);
  else if ('int' in attribute) set.int(target, key, attribute.int);
  else if ('float' in attribute) set.float(target, key, attribute.float);
  else if ('ints' in attribute) set.ints(target, key, attribute.ints, attribute.ints.length);
  else if ('floats' in attribute) set.floats(target, key, attribute.floats, attribute.floats.length);
  else if ('string' in attribute) {
    const bytes = Buffer.from(attribute.string); // it may hold a zero byte
    set.string(target, key, bytes, bytes.length);
  } else if ('types' in attribute) {
    const numbers = attribute.types.map((type) => typeNumbers[type]);
    set.types(target, key, numbers, numbers.length);
  } else throw new Error(`internal: the attribute ${key} cannot be set here`);
}
