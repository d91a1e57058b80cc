import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

/** What a notebook shows, in several formats of which it takes the richest that it knows. `text/plain` is always there. */
export interface MimeBundle {
  readonly 'text/plain': string;
  readonly [mime: string]: unknown;
}

/** A place in a cell's output that can be written again. */
export interface Slot {
  /** Shows something for now. Outside a notebook nothing is printed. */
  update(bundle: MimeBundle): void;
  /** Shows what stays. Outside a notebook its text is printed. */
  end(bundle: MimeBundle): void;
}

interface DisplayData {
  readonly data: MimeBundle;
  readonly metadata: Readonly<Record<string, never>>;
  readonly transient: { readonly display_id: string };
}

type WriteDisplayData = (content: DisplayData, update: boolean) => void;

/**
 * The function by which tslab sends a MIME bundle for the cell that runs; nothing outside a kernel. tslab's own `display`
 * sends one format a call. The kernel may run on another copy of tslab than the one beside us, so the copy is looked for
 * among the modules that are loaded, and none is loaded here.
 */
function kernelWriter(): WriteDisplayData | undefined {
  for (const [path, module] of Object.entries(createRequire(import.meta.url).cache)) {
    if (!/[\\/]tslab[\\/]dist[\\/]jupyter\.js$/.test(path)) continue;
    const { lastWriteDisplayData } = module?.exports as { lastWriteDisplayData?: WriteDisplayData | null };
    if (lastWriteDisplayData != null) return lastWriteDisplayData;
  }
  return undefined;
}

/** By which function of the kernel, and so in which cell, a value was shown last: the kernel `trainbook` has a new one for each cell. */
const shownBy = new WeakMap<object, WriteDisplayData>();

/** Notes that the cell that runs has shown a value. */
export function noteShown(value: unknown): void {
  const writer = kernelWriter();
  if (typeof value === 'object' && value !== null && writer !== undefined) shownBy.set(value, writer);
}

/** Whether the cell that runs has shown a value already. */
export function isShownHere(value: object): boolean {
  const writer = shownBy.get(value);
  return writer !== undefined && writer === kernelWriter();
}

/** Whether this process is a Jupyter kernel that runs a cell. */
export function inNotebook(): boolean {
  return kernelWriter() !== undefined;
}

/**
 * Opens a place for output of the cell that runs now. It stays the same cell's, even when it is written later.
 *
 * @param print receives the text outside a notebook
 */
export function openSlot(print: (text: string) => void = console.log): Slot {
  const write = kernelWriter();
  if (write === undefined) {
    return {
      update: () => undefined,
      end: (bundle) => {
        print(bundle['text/plain']);
      },
    };
  }
  const transient = { display_id: randomUUID() };
  let shown = false;
  const send = (data: MimeBundle): void => {
    write({ data, metadata: {}, transient }, shown);
    shown = true;
  };
  return { update: send, end: send };
}
