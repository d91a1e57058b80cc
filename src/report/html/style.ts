/** The colours and letters of pages, light and dark. */
export const pageColours = `
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --surface: #ffffff; --ink: #1a1e24; --muted: #5a626d; --line: #e3e5e8; --grid: #e9ebee;
  --accent: #2a63b8; --good: #1f7a53; --warn: #9a5b00; --bad: #b3302f; --soft: #f2f4f6;
  --sans: system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', sans-serif;
  --serif: 'Iowan Old Style', 'Palatino Linotype', Palatino, 'Source Serif 4', Georgia, 'Noto Serif CJK SC', serif;
  --mono: ui-monospace, 'SF Mono', 'Cascadia Mono', 'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171c; --surface: #1a1e25; --ink: #e7e9ec; --muted: #a2aab5; --line: #2b313a; --grid: #262c34;
    --accent: #84b3f7; --good: #6fcf9f; --warn: #e0ae5c; --bad: #f08b86; --soft: #1f242c;
  }
}
`;

/** The style of a report: one column of text, a list of contents beside it where there is room, light and dark, print. */
export const pageStyle = `
${pageColours}* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1.5rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.6 var(--sans); }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 3px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 3px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--surface); padding: .5rem 1rem; z-index: 2; }
.layout { max-width: 66rem; margin: 0 auto; padding: 3.5rem 1.5rem 5rem; }
nav ol { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
nav a { color: var(--muted); text-decoration: none; font-size: .875rem; }
nav a:hover { color: var(--accent); }
@media (min-width: 68rem) {
  .layout { max-width: 76rem; display: grid; grid-template-columns: 10.5rem minmax(0, 1fr); column-gap: 3.5rem; }
  header, footer { grid-column: 2; }
  nav { grid-column: 1; grid-row: 1 / span 3; }
  nav ol { position: sticky; top: 2.5rem; flex-direction: column; border-left: 1px solid var(--line); padding-left: 1rem; }
  main { grid-column: 2; }
}
header { margin-bottom: 2rem; }
.eyebrow { margin: 0 0 .5rem; color: var(--muted); font-size: .8125rem; letter-spacing: .01em; }
.eyebrow b { color: var(--ink); font-weight: 650; }
h1 { margin: 0; font-size: clamp(2rem, 5vw, 2.9rem); line-height: 1.1; letter-spacing: -.025em; font-weight: 680; overflow-wrap: anywhere; }
.what { margin: .9rem 0 0; color: var(--muted); display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; font-size: .9375rem; }
.what b { color: var(--ink); font-weight: 550; }
.state { display: inline-flex; align-items: center; gap: .45rem; font-weight: 600; color: var(--ink); }
.state::before { content: ''; width: .55rem; height: .55rem; border-radius: 50%; background: var(--warn); }
.state.done::before { background: var(--good); } .state.failed::before { background: var(--bad); }
.failure { margin: 1.25rem 0 0; padding: .9rem 1.1rem; border-left: 3px solid var(--bad); background: var(--soft); font: .875rem/1.5 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere; }
.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 0 1.5rem; margin: 2.25rem 0 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
.headline > div { padding: 1rem 0; }
.headline dt { color: var(--muted); font-size: .8125rem; }
.headline dd { margin: .15rem 0 0; font-size: 1.75rem; line-height: 1.2; font-weight: 600; letter-spacing: -.02em; font-variant-numeric: tabular-nums; white-space: nowrap; }
.headline .note { display: block; font-size: .75rem; font-weight: 400; color: var(--muted); letter-spacing: 0; line-height: 1.45; margin-top: .2rem; white-space: normal; }
section { margin-top: 3.25rem; }
h2 { margin: 0 0 1rem; font-size: 1.4rem; line-height: 1.25; letter-spacing: -.015em; font-weight: 650; }
h3 { margin: 2.25rem 0 .6rem; font-size: 1.0625rem; font-weight: 650; }
h4 { margin: 1.4rem 0 .4rem; font-size: .9375rem; font-weight: 600; }
h3 code, h2 code { font-size: .92em; }
h3 .kind { color: var(--muted); font-weight: 400; margin-left: .5rem; font-size: .9375rem; }
p { margin: .6rem 0; max-width: 42rem; }
.lead { color: var(--muted); margin-top: -.4rem; }
code, pre { font-family: var(--mono); font-size: .86em; }
pre { background: var(--soft); border-radius: 8px; padding: .9rem 1.1rem; overflow-x: auto; line-height: 1.5; }
.chart { margin: 0 0 2rem; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: 0 .75rem; align-items: baseline; margin-bottom: .35rem; }
.chart figcaption b { font-weight: 600; font-size: .9375rem; }
.chart figcaption span { color: var(--muted); font-size: .8125rem; }
.chart .still { overflow-x: auto; }
.chart .still svg { display: block; width: 100%; min-width: 36rem; max-width: 48rem; height: auto; }
.chart.drawing .still svg { width: auto; min-width: 0; max-width: max(100%, 44rem); }
.chart.wide { grid-column: 1 / -1; }
.source { margin: .3rem 0 0; display: flex; flex-wrap: wrap; gap: .1rem .9rem; align-items: baseline; max-width: none; color: var(--muted); font-size: .75rem; }
.source code { font-size: .95em; overflow-wrap: anywhere; }
.downloads { display: inline-flex; gap: .4rem; }
html:not(.scripted) .needs-script { display: none; }
button { font: inherit; color: var(--muted); background: none; border: 1px solid var(--line); border-radius: 5px; padding: 0 .45rem; cursor: pointer; }
button:hover { color: var(--accent); border-color: var(--accent); }
button[aria-pressed="true"] { color: var(--page); background: var(--accent); border-color: var(--accent); }
.controls { display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; align-items: center; margin: 0 0 1rem; color: var(--muted); font-size: .875rem; }
.controls label { display: inline-flex; gap: .45rem; align-items: center; }
.controls input { accent-color: var(--accent); }
.controls output { min-width: 7rem; color: var(--ink); font-variant-numeric: tabular-nums; }
.chooser { display: flex; flex-wrap: wrap; gap: .35rem; margin: .5rem 0; font-size: .8125rem; max-height: 11rem; overflow-y: auto; }
.warning { border-left: 3px solid var(--warn); background: var(--soft); padding: .6rem 1rem; max-width: 46rem; }
.warning b { color: var(--warn); }
.marked > * { background: var(--soft); }
.samples { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 0 2.5rem; }
.samples-table blockquote { margin: 0; font: 1rem/1.6 var(--serif); white-space: pre-wrap; overflow-wrap: anywhere; min-width: 15rem; }
.samples-table blockquote b { color: var(--accent); font-weight: 650; }
.samples-table th[scope="row"] { white-space: pre-wrap; min-width: 6rem; }
.chart img { display: block; max-width: 100%; height: auto; }
.chart .live { height: 340px; }
.chart .pan { overflow-x: auto; }
.lettered .live { min-width: 40rem; }
.lettered .still img { min-width: 40rem; max-width: none; }
.chart [hidden] { display: none; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 0 2.5rem; }
.charts > .chart:first-child { grid-column: 1 / -1; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .9rem 1.5rem; margin: .75rem 0 1.25rem; }
.facts dt { color: var(--muted); font-size: .8125rem; line-height: 1.4; }
.facts dd { margin: 0; font-variant-numeric: tabular-nums; font-weight: 550; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .5rem 0 1.25rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; line-height: 1.45; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; font-size: .9375rem; padding: .35rem 0 .5rem; }
caption span { position: sticky; left: 0; display: inline-block; max-width: calc(100vw - 2.25rem); } /* a table that is scrolled keeps its title */
th { text-align: left; font-weight: 550; color: var(--muted); border-bottom: 1px solid var(--line); padding: .4rem .8rem .4rem 0; vertical-align: bottom; }
td, tbody th { padding: .42rem .8rem .42rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody th { color: var(--ink); font-weight: 550; }
tbody tr:last-child > * { border-bottom: 0; }
.number { text-align: right; white-space: nowrap; }
thead .number { white-space: normal; }
.hash { font-family: var(--mono); font-size: .8125rem; white-space: nowrap; }
.soft { color: var(--muted); }
.sample { margin: 0 0 1.5rem; padding: 0 0 0 1.25rem; border-left: 2px solid var(--line); }
.sample figcaption { color: var(--muted); font-size: .8125rem; margin-bottom: .35rem; }
.sample blockquote { margin: 0; font: 1.0625rem/1.65 var(--serif); white-space: pre-wrap; overflow-wrap: anywhere; max-width: 44rem; }
.sample b { font-weight: 650; color: var(--accent); }
.pairs { columns: 22rem; column-gap: 3rem; margin: .5rem 0 1rem; font-size: .9rem; }
.pairs > div { display: grid; grid-template-columns: minmax(8rem, 45%) minmax(0, 1fr); column-gap: 1rem; padding: .32rem 0; border-bottom: 1px solid var(--line); break-inside: avoid; }
.pairs dt { color: var(--muted); overflow-wrap: anywhere; }
.pairs dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
details { margin: 1rem 0; }
summary { cursor: pointer; color: var(--accent); font-size: .9375rem; }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--muted); font-size: .8125rem; }
@media (max-width: 34rem) {
  .layout { padding: 2rem 1.1rem 3rem; }
  section { margin-top: 2.5rem; }
  .headline { grid-template-columns: 1fr 1fr; }
  .headline dd { font-size: 1.4rem; }
  .facts { grid-template-columns: 1fr 1fr; }
  td:not(.number):not(.hash) { min-width: 9rem; }
  .pairs > div { grid-template-columns: minmax(6rem, 38%) minmax(0, 1fr); }
}
@media print {
  :root { --page: #fff; --surface: #fff; --ink: #000; --muted: #444; --line: #ccc; --grid: #ddd; --accent: #000; --soft: #f5f5f5; color-scheme: light; }
  @page { margin: 16mm 14mm; }
  body { font-size: 10pt; }
  .layout { display: block; max-width: none; padding: 0; }
  nav, .skip, .controls, .chooser, .downloads { display: none; }
  section { margin-top: 1.6rem; }
  h1, h2, h3, h4, caption { break-after: avoid; }
  .chart, .drawing, .headline, .facts, .sample, tr, pre { break-inside: avoid; }
  thead { display: table-header-group; }
  .scroll, .chart .still { overflow: visible; }
  .lettered .still img { min-width: 0; max-width: 100%; }
  .chart .still[hidden] { display: block; }
  .chart .live { display: none; }
  .charts { display: block; }
  .chart .still svg { min-width: 0; max-width: 100%; width: 100%; max-height: 9cm; }
  .chart.drawing .still svg { width: auto; max-width: 100%; max-height: 20cm; }
  table { font-size: 8pt; }
  td, tbody th, th { padding-right: .5rem; overflow-wrap: anywhere; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  a { text-decoration: none; }
}
`;
