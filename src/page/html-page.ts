/**
 * A closure as one HTML file that stands alone: opened from a disk it shows a treemap, a graph and a list of the paths.
 * It asks no network for anything, and its policy forbids that it could. Names of paths are nobody's word to trust:
 * they stand in it as data, and are put on the page as text.
 */
import { createHash } from 'node:crypto';
import type { GraphDocument } from '../format/graph/document.ts';
import { loadPageCode } from './page-code.ts';
import { formatPageData, pageDataOf } from './page-data.ts';

/** @throws FerryError `unavailable` where the page's script can't be had; `internal` for a document that is none. */
export async function htmlGraphPage(document: GraphDocument): Promise<string> {
  const data = formatPageData(pageDataOf(document));
  const { script, style } = await loadPageCode();
  // What isn't named here is forbidden: nothing is fetched, nothing sent, no other script runs.
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="ferry">
<meta name="referrer" content="no-referrer">
<title>${escapeText(document.title)} · closure</title>
<link rel="icon" href="${ICON}">
<style>${style}</style>
</head>
<body>
<noscript><p class="nothing">This page draws the closure of ${escapeText(document.title)} with a script, which is switched off.</p></noscript>
<script type="application/json" id="closure">${data}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** Four tiles. */
const ICON =
  'data:image/svg+xml,' +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="9" height="16" rx="2" fill="#4a7ba6"/>' +
      '<rect x="10" width="6" height="9" rx="2" fill="#e0a468"/><rect x="10" y="10" width="6" height="6" rx="2" fill="#9abf9a"/></svg>',
  );

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
