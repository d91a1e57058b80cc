import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

// A file of numbered sections, written in any order and read one by one:
//
//   pieces of sections | (offset, bytes, crc32) of each piece, by section | first piece of each section, and their number |
//   sections, crc32 of both tables, "TBSECT1\n"
//
// The tables are little-endian: 8 + 4 + 4 bytes a piece, 4 bytes a section.

const MAGIC = Buffer.from('TBSECT1\n');
const PIECE = 16;
const TRAILER = 16;

/** Bytes that are held until they are written as a piece of each section. */
const HELD = 8 << 20;

interface Piece {
  readonly offset: number;
  readonly bytes: number;
  readonly crc: number;
}

export interface WrittenFile {
  readonly bytes: number;
  /** Of the tables, which hold the check sums of all pieces. */
  readonly hash: string;
}

/** Writes beside the target; `end` flushes to disk and renames. */
export class SectionWriter {
  private readonly file: number;
  private readonly beside: string;
  private readonly pieces: Piece[][];
  private readonly waiting: Buffer[][];
  private held = 0;
  private offset = 0;

  constructor(
    private readonly path: string,
    sections: number,
  ) {
    this.beside = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`;
    this.file = openSync(this.beside, 'wx');
    this.pieces = Array.from({ length: sections }, () => []);
    this.waiting = Array.from({ length: sections }, () => []);
  }

  add(section: number, bytes: Buffer): void {
    this.waiting[section]?.push(bytes);
    this.held += bytes.length;
    if (this.held >= HELD) this.flush();
  }

  end(): WrittenFile {
    this.flush();
    const pieces = this.pieces.flat();
    const tables = Buffer.alloc(pieces.length * PIECE + (this.pieces.length + 1) * 4);
    pieces.forEach(({ offset, bytes, crc }, index) => {
      tables.writeDoubleLE(offset, index * PIECE);
      tables.writeUInt32LE(bytes, index * PIECE + 8);
      tables.writeUInt32LE(crc, index * PIECE + 12);
    });
    let first = 0;
    this.pieces.forEach((some, section) => {
      tables.writeUInt32LE(first, pieces.length * PIECE + section * 4);
      first += some.length;
    });
    tables.writeUInt32LE(first, pieces.length * PIECE + this.pieces.length * 4);
    const trailer = Buffer.alloc(TRAILER);
    trailer.writeUInt32LE(this.pieces.length, 0);
    const sum = crc32(tables);
    trailer.writeUInt32LE(sum, 4);
    MAGIC.copy(trailer, 8);
    this.write(tables);
    this.write(trailer);
    fsyncSync(this.file);
    closeSync(this.file);
    renameSync(this.beside, this.path);
    return { bytes: this.offset, hash: sum.toString(16).padStart(8, '0') };
  }

  /** Gives up: nothing is left. */
  discard(): void {
    try {
      closeSync(this.file);
    } catch {
      // closed already
    }
    rmSync(this.beside, { force: true });
  }

  private flush(): void {
    this.waiting.forEach((buffers, section) => {
      if (buffers.length === 0) return;
      const bytes = buffers.length === 1 && buffers[0] !== undefined ? buffers[0] : Buffer.concat(buffers);
      this.pieces[section]?.push({ offset: this.offset, bytes: bytes.length, crc: crc32(bytes) });
      this.write(bytes);
      buffers.length = 0;
    });
    this.held = 0;
  }

  private write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.file, bytes, at);
    this.offset += bytes.length;
  }
}

/** A file that is not as it was written: cut off, or bytes of it changed. */
export class DamagedFile extends Error {
  constructor(
    readonly path: string,
    reason: string,
  ) {
    super(`${path}: ${reason}`);
  }
}

/** Reads sections; the tables are held in memory, 16 bytes a piece. */
export class SectionReader {
  private readonly file: number;
  private readonly tables: Buffer;
  private readonly starts: number;
  readonly sections: number;

  /** @throws DamagedFile if the end of the file, with its tables, is not as it was written */
  constructor(private readonly path: string) {
    this.file = openSync(path, 'r');
    try {
      const { size } = fstatSync(this.file);
      if (size < TRAILER) throw new DamagedFile(path, 'cut off');
      const trailer = this.readBytes(size - TRAILER, TRAILER);
      if (!trailer.subarray(8).equals(MAGIC)) throw new DamagedFile(path, 'cut off');
      this.sections = trailer.readUInt32LE(0);
      const end = size - TRAILER;
      const count = end < 4 ? 0 : this.readBytes(end - 4, 4).readUInt32LE(0);
      this.starts = count * PIECE;
      const length = this.starts + (this.sections + 1) * 4;
      if (length > end) throw new DamagedFile(path, 'its tables are not as they were written');
      this.tables = this.readBytes(end - length, length);
      if (crc32(this.tables) !== trailer.readUInt32LE(4)) {
        throw new DamagedFile(path, 'its tables are not as they were written');
      }
    } catch (error) {
      closeSync(this.file);
      throw error;
    }
  }

  /** @throws DamagedFile if its bytes are not as they were written */
  read(section: number): Buffer {
    const at = this.starts + section * 4;
    const [first, last] = [this.tables.readUInt32LE(at), this.tables.readUInt32LE(at + 4)];
    const buffers: Buffer[] = [];
    for (let piece = first; piece < last; piece++) {
      const entry = piece * PIECE;
      const bytes = this.readBytes(this.tables.readDoubleLE(entry), this.tables.readUInt32LE(entry + 8));
      if (crc32(bytes) !== this.tables.readUInt32LE(entry + 12)) {
        throw new DamagedFile(this.path, `section ${section} is not as it was written`);
      }
      buffers.push(bytes);
    }
    return buffers.length === 1 && buffers[0] !== undefined ? buffers[0] : Buffer.concat(buffers);
  }

  close(): void {
    closeSync(this.file);
  }

  private readBytes(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length;) {
      const count = readSync(this.file, bytes, at, length - at, offset + at);
      if (count === 0) throw new DamagedFile(this.path, 'cut off');
      at += count;
    }
    return bytes;
  }
}

/** One section of a file. */
export function readSection(path: string, section: number): Buffer {
  const reader = new SectionReader(path);
  try {
    return reader.read(section);
  } finally {
    reader.close();
  }
}
