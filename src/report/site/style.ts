import { pageColours } from '../html/style.js';

/** The style of the site: a column of prose and code, the chapters and the contents of this one beside it, light and dark, print. */
export const siteStyle = `${pageColours}
:root { --code: #f4f5f6; --keyword: #8a3aa8; --text: #1c6b46; --number: #9a4a00; --call: #2a5db0; --comment: #68707b; }
@media (prefers-color-scheme: dark) {
  :root { --code: #1b2027; --keyword: #d49bee; --text: #8fd3ad; --number: #e8b27a; --call: #8ab8ff; --comment: #8d96a3; }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1.5rem; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 17px/1.65 var(--sans); }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 3px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--surface); padding: .5rem 1rem; z-index: 2; }
.layout { max-width: 50rem; margin: 0 auto; padding: 1.25rem 1.25rem 4rem; }
.bar { font-size: .875rem; }
.bar summary { cursor: pointer; color: var(--muted); padding: .4rem 0; }
.bar a { color: var(--muted); text-decoration: none; display: block; padding: .22rem 0; line-height: 1.4; }
.bar a:hover { color: var(--accent); }
.bar .home { color: var(--ink); font-weight: 650; font-size: 1rem; padding: 0 0 .3rem; }
.bar ol { list-style: none; margin: 0; padding: 0; }
.bar ol ol { padding-left: .9rem; border-left: 1px solid var(--line); margin: .25rem 0 .5rem; }
.bar [aria-current] { color: var(--ink); font-weight: 600; }
@media (min-width: 70rem) {
  .layout { max-width: 78rem; display: grid; grid-template-columns: 15rem minmax(0, 47rem); column-gap: 4rem; padding-top: 3rem; }
  .bar { position: sticky; top: 2rem; align-self: start; max-height: calc(100vh - 4rem); overflow-y: auto; padding-right: .5rem; }
  .bar summary { display: none; }
}
main { min-width: 0; }
h1 { margin: .6rem 0 1.4rem; font-size: clamp(1.75rem, 5vw, 2.4rem); line-height: 1.15; letter-spacing: -.022em; font-weight: 680; text-wrap: balance; }
h2 { margin: 3.2rem 0 .9rem; font-size: 1.45rem; line-height: 1.25; letter-spacing: -.015em; font-weight: 650; }
h3 { margin: 2.2rem 0 .6rem; font-size: 1.12rem; font-weight: 650; }
h4 { margin: 1.2rem 0 .3rem; font-size: 1rem; font-weight: 600; }
.prose > :first-child { margin-top: 0; } .prose { margin: 1.4rem 0; } .prose h2:first-child { margin-top: 3.2rem; } .prose h3:first-child { margin-top: 2.2rem; }
p { margin: .85rem 0; } li { margin: .3rem 0; } li > p { margin: .3rem 0; }
.prose p, .prose li { overflow-wrap: break-word; }
code, pre { font-family: var(--mono); font-size: .84em; font-variant-ligatures: none; }
:not(pre) > code { background: var(--code); border-radius: 4px; padding: .1em .3em; overflow-wrap: anywhere; }
pre { margin: .9rem 0; padding: .85rem 1rem; border-radius: 8px; background: var(--code); overflow-x: auto; line-height: 1.55; font-size: .82rem; }
pre code { font-size: inherit; }
.k { color: var(--keyword); } .s { color: var(--text); } .n { color: var(--number); } .f { color: var(--call); } .c { color: var(--comment); font-style: italic; }
.cell { position: relative; margin: 1.4rem 0; }
.count { position: absolute; right: .7rem; top: .45rem; color: var(--muted); font: .7rem/1 var(--mono); opacity: .7; }
.outputs { margin: .5rem 0 0; padding-left: 1rem; border-left: 2px solid var(--line); overflow-x: auto; }
.outputs > * { margin: .5rem 0; }
.outputs pre.text { background: none; padding: .15rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.outputs pre.failed { color: var(--bad); white-space: pre-wrap; overflow-wrap: anywhere; }
.shown { font-size: .9rem; overflow-x: auto; }
.shown progress { accent-color: var(--accent); } .shown img { max-width: 100%; height: auto; }
.shown h4 { margin: .3rem 0; } .shown p { margin: .4rem 0; }
.shown blockquote { font-family: var(--serif); font-size: 1.02rem; line-height: 1.55; margin: .6rem 0; padding-left: 1rem; border-left: 2px solid var(--line); }
.shown pre { font-size: .82rem; }
.shown caption { padding: .2rem 0 .35rem; }
table { border-collapse: collapse; font-size: .86rem; line-height: 1.45; font-variant-numeric: tabular-nums; }
th { font-weight: 550; color: var(--muted); border-bottom: 1px solid var(--line); padding: .35rem 1.1rem .35rem 0; vertical-align: bottom; text-align: left; }
td { padding: .35rem 1.1rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
.scroll { overflow-x: auto; }
.chart { margin: .75rem 0; }
.chart .still { overflow-x: auto; }
.chart .still img { display: block; max-width: 100%; min-width: min(30rem, 100%); height: auto; }
.chart [hidden] { display: none; }
.formula { margin: 1.2rem 0; overflow-x: auto; overflow-y: hidden; padding: .2rem 0; }
math { font-size: 1.08em; font-family: 'Latin Modern Math', 'STIX Two Math', 'Cambria Math', 'Noto Sans Math', 'DejaVu Math TeX Gyre', math, serif; }
math[display='block'] { margin: 0; }
blockquote { margin: 1rem 0; padding-left: 1.1rem; border-left: 2px solid var(--line); color: var(--muted); }
.ways { display: flex; justify-content: space-between; gap: 1rem; margin-top: 4rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
.ways a { text-decoration: none; max-width: 48%; line-height: 1.35; } .ways small { display: block; color: var(--muted); }
.ways .next { margin-left: auto; text-align: right; }
footer { margin-top: 2.5rem; color: var(--muted); font-size: .8125rem; line-height: 1.5; }
.chapters { list-style: none; margin: 2rem 0 0; padding: 0; }
.chapters li { margin: 0; border-top: 1px solid var(--line); }
.chapters a { display: block; padding: 1.2rem 0; text-decoration: none; color: var(--ink); }
.chapters b { font-size: 1.15rem; font-weight: 650; letter-spacing: -.01em; color: var(--accent); }
.chapters span { display: block; color: var(--muted); margin-top: .25rem; font-size: .9375rem; line-height: 1.55; }
@media print {
  .bar, .ways, .count { display: none; }
  .chart .live { display: none; } .chart .still[hidden] { display: block; }
  body { font-size: 11pt; background: none; color: #000; } pre { white-space: pre-wrap; } .cell { break-inside: avoid-page; }
}
`;
