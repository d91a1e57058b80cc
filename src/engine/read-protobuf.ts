import { createRequire } from 'node:module';

/** The parts of google-protobuf's reader that are used. */
export interface ProtobufReader {
  nextField(): boolean;
  isEndGroup(): boolean;
  getFieldNumber(): number;
  skipField(): void;
  readString(): string;
  readFloat(): number;
  readInt32(): number;
  readBool(): boolean;
  readBytes(): Uint8Array;
  readPackedInt64(): number[];
  readMessage(message: object, read: (message: object, reader: ProtobufReader) => void): void;
}

/** What is done with each field of a message, by its number; others are passed over. */
export type ProtobufFields = Readonly<Record<number, (reader: ProtobufReader) => void>>;

/**
 * Reads a protocol buffer of which only some fields matter.
 *
 * @throws Error (of the library) for bytes that are none.
 */
export function readProtobuf(bytes: Uint8Array, fields: ProtobufFields): void {
  const { BinaryReader } = createRequire(import.meta.url)('google-protobuf') as {
    readonly BinaryReader: new (bytes: Uint8Array) => ProtobufReader;
  };
  readAll(new BinaryReader(bytes), fields);
}

/** Reads a message within a message. */
export function readInner(reader: ProtobufReader, fields: ProtobufFields): void {
  reader.readMessage({}, (_, inner) => {
    readAll(inner, fields);
  });
}

function readAll(reader: ProtobufReader, fields: ProtobufFields): void {
  while (reader.nextField() && !reader.isEndGroup()) {
    const field = fields[reader.getFieldNumber()];
    if (field === undefined) reader.skipField();
    else field(reader);
  }
}
