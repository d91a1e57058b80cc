import type { Drawing } from './drawing.js';
import { formatNumber, formatSeconds } from './format.js';
import { layers } from './layers.js';
import type { Place } from './layers.js';
import { escapeXml } from './line-chart.js';
import { seriesColour } from './palette.js';
import type { Ink } from './palette.js';
import type { Lineage } from './records.js';

const WIDTH = 164;
const HEIGHT = 64;
/** From one column to the next. */
const STEP = WIDTH + 56;
const MARGIN = 8;
/** Files that a box names; the others are counted. */
const MOST_FILES = 3;

/** Letters that fit in a box. */
const LETTERS = 24;
const shortened = (text: string, length = LETTERS): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;
/** Of a path its end. */
const pathEnd = (path: string): string => (path.length <= LETTERS ? path : `…${path.slice(1 - LETTERS)}`);

const filesOf = (stage: Lineage['stages'][number]): string[] => Object.keys(stage.files ?? {});

/** Stages with their artifacts, what each was made from, and the files that were read. */
export function lineageDrawing(lineage: Lineage): Drawing {
  const { stages } = lineage;
  const makers = new Map(stages.map(({ artifact, stage }) => [artifact, stage]));
  const fileHeight = (count: number): number => 18 + 15 * Math.min(count, MOST_FILES + 1);
  const nodes = stages.flatMap((stage) => {
    const files = filesOf(stage);
    const from = stage.parents.flatMap((parent) => makers.get(parent) ?? []);
    const box = `files of ${stage.stage}`;
    return [
      ...(files.length === 0 ? [] : [{ id: box, from: [], height: fileHeight(files.length) }]),
      { id: stage.stage, from: files.length === 0 ? from : [box, ...from], height: HEIGHT },
    ];
  });
  const { places, edges, columns, height } = layers(nodes);
  const left = (place: { readonly column: number }): number => MARGIN + place.column * STEP;
  const rows = stages.map(({ stage, artifact, kind, parents, cached, seconds }) => {
    const from = parents.map((parent) => makers.get(parent) ?? parent.slice(0, 12)).join(', ');
    return [stage, kind, artifact, from, cached ? 'from the store' : 'computed', seconds];
  });

  const draw = (ink: Ink): string => {
    const text = (x: number, y: number, content: string, more: string): string =>
      `<text x="${x}" y="${y}" ${more}>${escapeXml(content)}</text>`;
    const stageBox = (stage: Lineage['stages'][number], place: Place): string => {
      const [x, y] = [left(place), MARGIN + place.y - place.height / 2];
      const time = stage.cached ? 'from the store' : formatSeconds(stage.seconds);
      const title = `${stage.stage}: ${stage.kind} ${stage.artifact}`;
      return (
        `<g><title>${escapeXml(title)}</title><rect x="${x}" y="${y}" width="${WIDTH}" height="${HEIGHT}" rx="7" ` +
        `fill="${seriesColour(0)}" fill-opacity="0.09" stroke="${seriesColour(0)}" stroke-opacity="0.75"/>` +
        text(x + 12, y + 21, shortened(stage.stage, 18), `fill="${ink.text}" font-size="13" font-weight="600"`) +
        text(x + 12, y + 38, shortened(stage.kind, 22), `fill="${ink.muted}" font-size="11"`) +
        text(x + 12, y + 54, stage.artifact.slice(0, 8), `fill="${ink.muted}" font-size="11" font-family="${mono}"`) +
        text(x + WIDTH - 12, y + 54, time, `fill="${ink.muted}" font-size="11" text-anchor="end"`) +
        '</g>'
      );
    };
    const filesBox = (files: readonly string[], place: Place): string => {
      const [x, y] = [left(place), MARGIN + place.y - place.height / 2];
      const more = files.length - MOST_FILES;
      const lines = [
        ...files.slice(0, MOST_FILES).map(pathEnd),
        ...(more > 0 ? [`and ${formatNumber(more)} more files`] : []),
      ];
      return (
        `<g><title>${escapeXml(files.join('\n'))}</title><rect x="${x}" y="${y}" width="${WIDTH}" height="${place.height}" rx="7" ` +
        `fill="none" stroke="${ink.muted}" stroke-opacity="0.6" stroke-dasharray="4 3"/>` +
        lines
          .map((line, index) => text(x + 12, y + 20 + 15 * index, line, `fill="${ink.muted}" font-size="11"`))
          .join('') +
        '</g>'
      );
    };
    const curve = ({ through }: (typeof edges)[number]): string => {
      const path = through.map(({ column, y }, index) => {
        const at = MARGIN + y;
        const begins = left({ column });
        if (index === 0) return `M${begins + WIDTH} ${at}`;
        const before = through[index - 1] ?? { column: 0, y: 0 };
        const from = left(before) + WIDTH;
        const middle = (from + begins) / 2;
        const bend = `C${middle} ${MARGIN + before.y} ${middle} ${at} ${begins} ${at}`;
        // In a lane the edge goes straight on through the column.
        return index === through.length - 1 ? bend : `${bend}H${begins + WIDTH}`;
      });
      return `<path d="${path.join('')}" fill="none" stroke="${ink.muted}" stroke-opacity="0.7" stroke-width="1.4"/>`;
    };
    const boxes = stages.flatMap((stage) => {
      const [place, files] = [places.get(stage.stage), places.get(`files of ${stage.stage}`)];
      return [
        place === undefined ? '' : stageBox(stage, place),
        files === undefined ? '' : filesBox(filesOf(stage), files),
      ];
    });
    const size = { width: 2 * MARGIN + (columns - 1) * STEP + WIDTH, height: Math.ceil(height) + 2 * MARGIN };
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" ` +
      `role="img" aria-label="${escapeXml(description)}" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif">` +
      [...edges.map(curve), ...boxes].join('') +
      '</svg>'
    );
  };
  const description = stages
    .map(({ stage, parents }) => {
      const from = parents.flatMap((parent) => makers.get(parent) ?? []);
      return from.length === 0 ? stage : `${stage} from ${from.join(' and ')}`;
    })
    .join('; ');
  return {
    title: 'What was made from what',
    description,
    values: { title: 'Artifacts', columns: ['stage', 'kind', 'artifact', 'made from', 'how', 'seconds'], rows },
    draw,
  };
}

const mono = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";
