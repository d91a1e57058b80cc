import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hash, writeAtomic } from '../../files.js';

// runs/quickstart/2026-11-21-143502-3f9c/sinks/mlflow-1f0c22ab.json:
// {"format":1,"sink":"mlflow","target":"http://127.0.0.1:5000 quickstart","remote":{"run":"8f3c…"},"offset":81223,
//  "pending":{"to":90112,"done":1000},"sent":{"params":"77b2…","file report.html":"02ab…"}}
const cursorSchema = z.object({
  format: z.literal(1),
  sink: z.string(),
  target: z.string(),
  /** What the other side calls things: ids, addresses. */
  remote: z.record(z.string(), z.string()),
  /** Bytes of `metrics.jsonl` that the other side has. */
  offset: z.int().min(0),
  /**
   * The bytes from `offset` to `to` are being sent; `done` of their points have arrived for certain, of those after it some
   * may have. Written before they are sent: whoever goes on after a kill makes the same points of the same bytes.
   */
  pending: z.object({ to: z.int(), done: z.int() }).nullable(),
  /** Hashes of what was sent besides, by name. */
  sent: z.record(z.string(), z.string()),
  /** How often something was sent under a name. */
  numSent: z.int(),
});
type CursorState = z.infer<typeof cursorSchema>;

/** How far a sink has come with one run: a file in the run's folder, replaced whole at each change. */
export class Cursor {
  private constructor(
    readonly path: string,
    private state: CursorState,
    /** There was no cursor: the other side may know the run all the same. */
    readonly isFresh: boolean,
  ) {}

  /** The file of a sink and its target: two servers are two cursors. */
  static pathOf(folder: string, sink: string, target: string): string {
    return join(folder, 'sinks', `${sink}-${hash(target).slice(0, 8)}.json`);
  }

  /** One that is damaged counts as none: what was sent is then found out from the other side. */
  static async open(folder: string, sink: string, target: string): Promise<Cursor> {
    const path = Cursor.pathOf(folder, sink, target);
    const text = await readFile(path, 'utf8').catch(() => '');
    try {
      const state = cursorSchema.parse(JSON.parse(text));
      if (state.target === target) return new Cursor(path, state, false);
    } catch {
      // none, or not of this version
    }
    return new Cursor(
      path,
      { format: 1, sink, target, remote: {}, offset: 0, pending: null, sent: {}, numSent: 0 },
      true,
    );
  }

  get offset(): number {
    return this.state.offset;
  }

  get pending(): CursorState['pending'] {
    return this.state.pending;
  }

  remote(name: string): string | undefined {
    return this.state.remote[name];
  }

  async save(change: Partial<Pick<CursorState, 'offset' | 'pending' | 'remote'>>): Promise<void> {
    await this.#write({ ...this.state, ...change, remote: { ...this.state.remote, ...change.remote } });
  }

  get numSent(): number {
    return this.state.numSent;
  }

  /** As if nothing had been sent. */
  async reset(): Promise<void> {
    await this.#write({ ...this.state, remote: {}, offset: 0, pending: null, sent: {}, numSent: 0 });
  }

  /** Whether this very content was sent under this name. */
  has(name: string, content: string): boolean {
    return this.state.sent[name] === hash(content);
  }

  /** Sends something unless its content was sent before. A kill in between sends it again: only for what may be repeated. */
  async once(name: string, content: string, send: () => Promise<void>): Promise<void> {
    if (this.has(name, content)) return;
    await send();
    await this.#write({
      ...this.state,
      sent: { ...this.state.sent, [name]: hash(content) },
      numSent: this.state.numSent + 1,
    });
  }

  async #write(state: CursorState): Promise<void> {
    await writeAtomic(this.path, `${JSON.stringify(state, null, 2)}\n`);
    this.state = state;
  }
}
