import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** The basic bundle (lines, bars, pies), minified. It lies elsewhere in the package of all bundles. */
const places = ['plotly.js/plotly-basic.min.js', 'plotly.js/dist/plotly-basic.min.js'];

/** The path of Plotly's basic bundle in node_modules. */
export function plotlyPath(): string {
  const { resolve } = createRequire(import.meta.url);
  for (const place of places) {
    try {
      return resolve(place);
    } catch {
      // The next place is tried.
    }
  }
  throw new Error(`plotly.js is a dependency of trainbook, yet none of ${places.join(', ')} is installed`);
}

let compressed: Promise<string> | undefined;

/** Plotly's basic bundle, compressed, as base64: about 530 kB instead of 1.2 MB. Made once per process. */
export function compressedPlotly(): Promise<string> {
  compressed ??= readFile(plotlyPath())
    .then((source) => promisify(gzip)(source, { level: 9 }))
    .then((zipped) => zipped.toString('base64'));
  return compressed;
}
