import { listInputs, readInput } from 'trainbook';
import type { Json } from '../../src/files.js';

export const answers = {
  /** Reads a file to its end. */
  read: async ({ path }: { readonly path: string }): Promise<Json> => {
    const started = performance.now();
    let documents = 0;
    let characters = 0;
    for (const input of await listInputs(path)) {
      for await (const { document } of readInput(input)) {
        documents++;
        characters += document.text.length;
      }
    }
    return { seconds: (performance.now() - started) / 1000, documents, characters };
  },
  /** The highest memory of this process so far, in MB. */
  peak: (): number => process.resourceUsage().maxRSS / 1000,
};
