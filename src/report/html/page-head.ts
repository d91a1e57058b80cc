import { html, nothing, trusted } from '../markup.js';
import type { Html } from '../markup.js';

/** The head of a page that needs nothing beside it. A page that is opened as a file says its own policy; a server sends one. */
export function pageHead(title: string, style: string, policy?: string): Html {
  return html`<head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    ${policy === undefined ? nothing : html`<meta http-equiv="Content-Security-Policy" content="${policy}" />`}
    <meta name="generator" content="trainbook" />
    <title>${title}</title>
    <link rel="icon" href="data:," />
    <style>
      ${trusted(style)}
    </style>
  </head>`;
}

/** A choice of the page's language, which its script listens to. */
export function languageChoice(label: Html): Html {
  return html`<label
    >${label}
    <select id="language">
      <option value="en">English</option>
      <option value="zh">中文</option>
    </select></label
  >`;
}
