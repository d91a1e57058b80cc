import type { Chunks } from './bytes.js';

/** Takes lines and counted bytes from a stream. */
export class ByteReader {
  private held: Buffer = Buffer.alloc(0);
  private readonly chunks: AsyncIterator<Buffer>;

  constructor(chunks: Chunks) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** Everything to and with the next `end`; what is left at the end of the stream; undefined if that is nothing. */
  async until(end: string, longest: number): Promise<Buffer | undefined> {
    let searched = 0;
    for (;;) {
      const at = this.held.indexOf(end, searched, 'latin1');
      if (at >= 0) return this.cut(at + end.length);
      if (this.held.length > longest) throw new Error(`nothing ends within ${longest} bytes`);
      searched = Math.max(0, this.held.length - end.length + 1);
      if (!(await this.more())) return this.held.length === 0 ? undefined : this.cut(this.held.length);
    }
  }

  /** So many bytes, or as many as there are. */
  async take(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let left = count;
    for (;;) {
      const part = this.cut(Math.min(left, this.held.length));
      if (part.length > 0) parts.push(part);
      left -= part.length;
      if (left === 0 || !(await this.more())) return parts.length === 1 ? (parts[0] ?? part) : Buffer.concat(parts);
    }
  }

  /** Passes over so many bytes; gives how many there were. */
  async skip(count: number): Promise<number> {
    let left = count;
    for (;;) {
      left -= this.cut(Math.min(left, this.held.length)).length;
      if (left === 0 || !(await this.more())) return count - left;
    }
  }

  private cut(length: number): Buffer {
    const part = this.held.subarray(0, length);
    this.held = this.held.subarray(length);
    return part;
  }

  private async more(): Promise<boolean> {
    const { done, value } = await this.chunks.next();
    if (done === true) return false;
    this.held = this.held.length === 0 ? value : Buffer.concat([this.held, value]);
    return true;
  }
}
