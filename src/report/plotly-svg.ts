import { readFile } from 'node:fs/promises';
import type { DOMWindow } from 'jsdom';
import type { Figure } from '../figure.js';
import type { ChartSize } from './line-chart.js';
import type { Ink } from './palette.js';
import { series } from './palette.js';
import { plotlyPath } from './plotly-library.js';

interface Plotly {
  newPlot(place: string, data: unknown, layout: unknown, config: unknown): Promise<unknown>;
  toImage(graph: unknown, options: { format: 'svg'; width: number; height: number }): Promise<string>;
}

interface Page {
  readonly window: DOMWindow;
  readonly plotly: Plotly;
  size: ChartSize;
}

/** Text has no size in jsdom, which lays nothing out. An average letter is 0.55 of the font's size wide. */
function textSize(element: Element): { width: number; height: number } {
  const size = Number.parseFloat(element.getAttribute('font-size') ?? '') || fontSizeOfStyle(element) || 12;
  const spans = [...element.querySelectorAll('tspan')].map((span): string | null => span.textContent);
  const lines: readonly (string | null)[] = spans.length > 0 ? spans : [element.textContent];
  const longest = Math.max(...lines.map((line) => line?.length ?? 0));
  return { width: longest * size * 0.55, height: longest === 0 ? 0 : lines.length * size * 1.3 };
}

function fontSizeOfStyle(element: Element): number {
  return Number.parseFloat(/font-size:\s*([\d.]+)px/.exec(element.getAttribute('style') ?? '')?.[1] ?? '0');
}

const box = (width: number, height: number): DOMRect =>
  ({ x: 0, y: 0, left: 0, top: 0, right: width, bottom: height, width, height }) as DOMRect;

async function openPage(): Promise<Page> {
  const { JSDOM, VirtualConsole } = await import('jsdom');
  // Plotly's warnings (how often it has tried margins) are not for who looks at the figure.
  const virtualConsole = new VirtualConsole();
  virtualConsole.on('error', (...told: unknown[]) => {
    console.error(...told);
  });
  const { window } = new JSDOM('<!doctype html><body><div id="graph"></div></body>', {
    runScripts: 'outside-only',
    pretendToBeVisual: true,
    virtualConsole,
  });
  // What Plotly asks of a browser and jsdom lacks.
  const media = { matches: false, addListener: () => undefined, addEventListener: () => undefined };
  Object.assign(window, { matchMedia: () => media });
  Object.assign(window.URL, { createObjectURL: () => '' });
  Object.assign(window.HTMLCanvasElement.prototype, { getContext: () => null });
  Object.assign(window.SVGElement.prototype, {
    getBBox(this: Element) {
      const { width, height } = textSize(this);
      return box(width, height);
    },
    getComputedTextLength(this: Element) {
      return textSize(this).width;
    },
    getScreenCTM: () => null,
  });
  window.eval(await readFile(plotlyPath(), 'utf8'));
  const { Plotly: plotly } = window as unknown as { readonly Plotly: Plotly };
  const page: Page = { window, plotly, size: { width: 720, height: 340 } };
  Object.assign(window.Element.prototype, {
    getBoundingClientRect(this: Element) {
      const isText = this instanceof window.SVGElement && this.tagName !== 'svg';
      const { width, height } = isText ? textSize(this) : page.size;
      return box(width, height);
    },
  });
  return page;
}

let opened: Promise<Page> | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Any figure of Plotly's basic bundle as SVG text, drawn without a browser: Plotly in jsdom, which is loaded at the first
 * call (0.5 s, 70 MB) and takes about 0.1 s a figure after that. Figures are drawn one after another.
 */
export function plotlySvg(figure: Figure, size: ChartSize, ink: Ink): Promise<string> {
  const drawn = last.then(async () => {
    opened ??= openPage();
    const page = await opened;
    page.size = size;
    const layout = {
      margin: { l: 56, r: 16, t: 24, b: 48 },
      colorway: [...series],
      ...figure.layout,
      ...size,
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      font: { family: "system-ui, -apple-system, 'Segoe UI', sans-serif", size: 12, color: ink.text },
    };
    // Plotly writes into the values it is given.
    const copy = structuredClone(figure.data);
    const graph = await page.plotly.newPlot('graph', copy, structuredClone(layout), { staticPlot: true });
    const url = await page.plotly.toImage(graph, { format: 'svg', ...size });
    return decodeURIComponent(url.replace(/^data:image\/svg\+xml,/, ''));
  });
  last = drawn.catch(() => undefined);
  return drawn;
}
