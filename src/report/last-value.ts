import { noteBundle, staleNote } from './artifact-age.js';
import { isShownHere, openSlot } from './display.js';

/**
 * Where the kernel `trainbook` looks for who can show a cell's last value. It is a program of its own, which knows no value of ours; other
 * kernels do not look here and print values as text.
 */
const displayKey = Symbol.for('trainbook.display');

/** Shows a value, and answers whether it did: what has no form of its own is left to the kernel. */
async function display(value: unknown): Promise<boolean> {
  if (typeof value !== 'object' || value === null) return false;
  if (isShownHere(value)) return true; // `await lab.stage('base')` as the last line: the stage has shown it
  const note = staleNote(value);
  if (note !== undefined) openSlot().end(noteBundle(note));
  const { valueBundles } = await import('./value-bundles.js');
  const bundles = await valueBundles(value);
  for (const bundle of bundles ?? []) openSlot().end(bundle);
  return bundles !== undefined;
}

/** To be called when trainbook is imported. Costs nothing before a value is shown. */
export function showLastValues(): void {
  Reflect.set(globalThis, displayKey, display);
}
