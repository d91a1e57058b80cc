// Protocol buffers' wire format: a field is a key (number and wire type, as a varint) and a value.

const wire = { varint: 0, fixed64: 1, length: 2, fixed32: 5 } as const;

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value)); // negative numbers as two's complement of 64 bits
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 128);
  } while (rest !== 0n);
  return Buffer.from(bytes);
}

const key = (field: number, type: number): Buffer => varint((field << 3) | type);

/** An integer, an enum or a bool. */
export const integer = (field: number, value: number | bigint): Buffer =>
  Buffer.concat([key(field, wire.varint), varint(value)]);

export function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, wire.fixed64), bytes]);
}

export function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, wire.fixed32), bytes]);
}

/** A text, bytes, or a message made of its fields. */
export function message(field: number, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const bytes = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return Buffer.concat([key(field, wire.length), varint(bytes.length), bytes]);
}

/** A field as it was read: fixed numbers and texts as bytes, others as an integer. */
export type Field = { readonly field: number } & ({ readonly bytes: Buffer } | { readonly integer: bigint });

/** The fields of a message, in their order. */
export function readFields(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const readVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
  };
  const take = (length: number): Buffer => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(readVarint());
    const field = tag >>> 3;
    const type = tag & 7;
    if (type === wire.varint) fields.push({ field, integer: readVarint() });
    else if (type === wire.fixed64) fields.push({ field, bytes: take(8) });
    else if (type === wire.fixed32) fields.push({ field, bytes: take(4) });
    else if (type === wire.length) fields.push({ field, bytes: take(Number(readVarint())) });
    else throw new RangeError(`protobuf: wire type ${type} of field ${field}`);
  }
  return fields;
}
