import { maskedCrc32c } from './crc32c.js';

// TFRecord: length (uint64, little endian), masked CRC of the length, the bytes, masked CRC of the bytes.

/** The bytes as one record of a TFRecord file. */
export function record(bytes: Uint8Array): Buffer {
  const framed = Buffer.alloc(bytes.length + 16);
  framed.writeBigUInt64LE(BigInt(bytes.length), 0);
  framed.writeUInt32LE(maskedCrc32c(framed.subarray(0, 8)), 8);
  framed.set(bytes, 12);
  framed.writeUInt32LE(maskedCrc32c(bytes), 12 + bytes.length);
  return framed;
}

/** The records of a TFRecord file, and how many of its bytes they are: after a kill its last record may be half there. */
export function readRecords(file: Buffer): { readonly records: Buffer[]; readonly bytes: number } {
  const records: Buffer[] = [];
  let at = 0;
  while (at + 12 <= file.length) {
    const length = Number(file.readBigUInt64LE(at));
    const end = at + 12 + length + 4;
    if (file.readUInt32LE(at + 8) !== maskedCrc32c(file.subarray(at, at + 8)) || end > file.length) break;
    const bytes = file.subarray(at + 12, at + 12 + length);
    if (file.readUInt32LE(end - 4) !== maskedCrc32c(bytes)) break;
    records.push(bytes);
    at = end;
  }
  return { records, bytes: at };
}
