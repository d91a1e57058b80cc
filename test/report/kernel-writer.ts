import { createRequire } from 'node:module';
import { Module } from 'node:module';
import type { MimeBundle } from '../../src/report/display.js';

/** One message that a kernel would send for a cell. */
export interface Sent {
  readonly data: MimeBundle;
  readonly place: string;
  readonly update: boolean;
}

/** Makes this process look like a kernel of tslab that runs a cell, until `stop`; `sent` is what it would display. */
export function pretendKernel(): { readonly sent: Sent[]; stop(): void } {
  const sent: Sent[] = [];
  const path = '/elsewhere/tslab/dist/jupyter.js';
  const { cache } = createRequire(import.meta.url);
  const module = new Module(path);
  module.exports = {
    lastWriteDisplayData: (content: { data: MimeBundle; transient: { display_id: string } }, update: boolean) => {
      sent.push({ data: content.data, place: content.transient.display_id, update });
    },
  };
  cache[path] = module;
  return {
    sent,
    stop: () => {
      Reflect.deleteProperty(cache, path);
    },
  };
}
