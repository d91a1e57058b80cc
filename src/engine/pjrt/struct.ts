import koffi from 'koffi';
import { layout } from './layout.js';

export type StructName = keyof typeof layout.structs;

/** The fields of a struct that the table knows. */
export type FieldOf<Name extends StructName> = keyof (typeof layout.structs)[Name]['fields'] & string;

/** What can be put into a field: a number, a pointer, or memory of ours whose address goes in. */
export type FieldValue = number | bigint | boolean | NodeJS.ArrayBufferView | Struct<StructName>;

/** One C struct of the PJRT API in memory of ours: zeroed, its `struct_size` filled in, fields written at the places that the table gives. */
export class Struct<out Name extends StructName> {
  readonly bytes: Buffer;
  /** Where it lies. */
  readonly address: number;
  /** Memory that fields point to: alive as long as this struct. */
  private readonly kept: unknown[] = [];

  constructor(readonly name: Name) {
    this.bytes = Buffer.alloc(layout.structs[name].size);
    this.address = Number(addressOf(this.bytes));
    this.bytes.writeBigUInt64LE(BigInt(this.bytes.length), 0);
  }

  /** Says that the struct is as large as a plugin of API version 0.`minor` knows it. */
  sizedFor(minor: number): this {
    this.bytes.writeBigUInt64LE(BigInt(sizeAt(this.name, minor)), 0);
    return this;
  }

  set(field: FieldOf<Name>, value: FieldValue): this {
    const { offset, size } = this.place(field);
    if (typeof value === 'object') {
      this.kept.push(value);
      this.bytes.writeBigUInt64LE(addressOf(value instanceof Struct ? value.bytes : value), offset);
    } else if (size === 8) this.bytes.writeBigInt64LE(BigInt(value), offset);
    else if (size === 4) this.bytes.writeInt32LE(Number(value), offset);
    else this.bytes.writeUInt8(Number(value), offset);
    return this;
  }

  /** Keeps memory alive that something in this struct points to indirectly. */
  keep(...memory: readonly unknown[]): this {
    this.kept.push(...memory);
    return this;
  }

  setFloat(field: FieldOf<Name>, value: number): this {
    this.bytes.writeFloatLE(value, this.place(field).offset);
    return this;
  }

  /** A field that holds a pointer or a size. */
  pointer(field: FieldOf<Name>): bigint {
    return this.bytes.readBigUInt64LE(this.place(field).offset);
  }

  /** A field that holds a number, an enum or a bool. */
  number(field: FieldOf<Name>): number {
    const { offset, size } = this.place(field);
    if (size === 8) return Number(this.bytes.readBigInt64LE(offset));
    return size === 4 ? this.bytes.readInt32LE(offset) : this.bytes.readUInt8(offset);
  }

  /** The text at the pointer `field`, `length` bytes long. */
  text(field: FieldOf<Name>, length: FieldOf<Name>): string {
    const size = this.number(length);
    return size === 0 ? '' : Buffer.from(koffi.view(this.pointer(field), size)).toString('utf8');
  }

  /** A field of 8 bytes as a view of two 32-bit words, low one first: for fields that are written at every call. */
  words(field: FieldOf<Name>): Uint32Array {
    return new Uint32Array(this.bytes.buffer, this.bytes.byteOffset + this.place(field).offset, 2);
  }

  private place(field: FieldOf<Name>): { readonly offset: number; readonly size: number } {
    const fields: Readonly<Record<string, { readonly offset: number; readonly size: number }>> =
      layout.structs[this.name].fields;
    const place = fields[field];
    if (place === undefined) throw new Error(`internal: ${this.name} has no field ${field} in the table`);
    return place;
  }
}

/** The size of a struct in API version 0.`minor`: fields that came later do not count. */
export function sizeAt(name: StructName, minor: number): number {
  const later = layout.grown.find((growth) => growth.struct === name && minor < growth.minor);
  return later?.size ?? layout.structs[name].size;
}

/** The address of memory of ours. The caller keeps the memory alive while native code uses it. */
export function addressOf(memory: NodeJS.ArrayBufferView): bigint {
  return koffi.address(memory);
}

const twoTo32 = 2 ** 32;

/** Writes a pointer as two words. User space lies below 2⁵³, so that a number holds a pointer. */
export function writePointer(words: Uint32Array, index: number, pointer: number): void {
  words[index] = pointer >>> 0;
  words[index + 1] = pointer / twoTo32;
}

/** The pointer in two words. */
export function readPointer(words: Uint32Array, index: number): number {
  return (words[index] ?? 0) + (words[index + 1] ?? 0) * twoTo32;
}
