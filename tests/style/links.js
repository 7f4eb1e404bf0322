// links.js - the links of our Markdown files to one another, and to headings in them.
import { existsSync, readdirSync } from 'node:fs';
import { read } from '../http/lib/tables.js';

const ROOT = new URL('../../', import.meta.url);
const OURS = /^(?:\.github|[^._].*)$/; // no build folders, no repository

/** The Markdown files of a folder and those in it. */
function markdownIn(folder) {
  return readdirSync(new URL(folder, ROOT), { withFileTypes: true })
    .filter(({ name }) => OURS.test(name) && name !== 'node_modules')
    .flatMap((entry) => (entry.isDirectory() ? markdownIn(`${folder}${entry.name}/`) : [`${folder}${entry.name}`]))
    .filter((path) => path.endsWith('.md'));
}

export const MARKDOWN = markdownIn('').sort();

const withoutCode = (text) => text.replace(/^(```)[^]*?^\1$/gm, '').replace(/^ {4}.*$/gm, '');

/** The anchors of headings, as GitHub and GitLab make them. */
function anchors(path) {
  const seen = new Map();
  return Array.from(withoutCode(read(path)).matchAll(/^#+ (.*)$/gm), ([, heading]) => {
    const anchor = heading.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    return before ? `${anchor}-${before}` : anchor;
  });
}

function leadsSomewhere(file, link) {
  const [path, anchor] = link.split('#');
  const target = new URL(path || `/${file}`, new URL(file, 'file:///')).pathname.slice(1);
  if (!existsSync(new URL(target, ROOT))) return false;
  return anchor === undefined || (MARKDOWN.includes(target) && anchors(target).includes(anchor));
}

/** Those that lead nowhere: {file, link} each. Other hosts are not asked. */
export function brokenLinks() {
  return MARKDOWN.flatMap((file) => Array.from(withoutCode(read(file)).replace(/`[^`\n]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => ({ file, link })))
    .filter(({ link }) => !/^[a-z]+:/.test(link))
    .filter(({ file, link }) => !leadsSomewhere(file, link));
}
