// documents.js - what our documents tell people to write, as tests do it.
import { isIP } from 'node:net';
import { read } from './tables.js';

const OPERATIONS = 'src/man/drawbridge-operations.7.in';

function told(file, pattern) {
  const found = pattern.exec(read(file));
  if (!found) throw new Error(`${file} has no ${pattern}`);
  return found.slice(1);
}

const codeIn = (text) => Array.from(text.matchAll(/`([^`]+)`/g), ([, code]) => code);

/** The lines for a proxy in front. */
export const proxyLines = (name) => told(OPERATIONS, new RegExp(`^\\.It ${name}, .*\n\\.Bd .*\n([^]*?)\n\\.Ed$`, 'm'))[0];

/** The lines for a web server's own module that replaces the address. */
export const addressLines = (server, module) =>
  codeIn(told(`${server}/README.md`, new RegExp(`\`${module}\`\\s+\\(([^]*?\`)\\)`))[0]).join('\n');

/** Caddy's whole configuration, with FastCGI, for a server whose programs are started outside of it.
 *  @param {{page: string, sockets: string}} server */
export const caddyfile = ({ page, sockets }) => read('src/caddy/Caddyfile.in').replaceAll('@pkgdatadir@/page', page)
  .replaceAll('/run/drawbridge/', `${sockets}/`);

/** What is put in place of what in it, behind another proxy: [from, to]. */
export const caddyBehind = () => told('src/caddy/README.md', /in place of\s+`([^`]+)`, put `([^`]+)`/);

/** Redis' user for Drawbridge: its name, and its rights where DRAWBRIDGE_PREFIX is this. */
export function redisUser(prefix = '') {
  const [name, rights] = told(OPERATIONS, /^user (\S+) on >PASSWORD (~\* &messages:\* .+)$/m);
  told(OPERATIONS, /^\.Ev DRAWBRIDGE_PREFIX Ns Li =draw:\\&\nits patterns are\n\.Li ~draw:\*\nand\n\.Li &draw:messages:\* \.$/m);
  return { name, rights: rights.replace('~', `~${prefix}`).replace('&', `&${prefix}`).split(' ') };
}

/** What it needs besides where Sentinels name the Redis. */
export const sentinelRights = () => told(OPERATIONS, /An account as above needs\n\.Li (\+\w+)$/m);

/** Redis' lines for TLS. */
export const tlsLines = () => told(OPERATIONS, /^\.Bd .*\n(port 0\ntls-port [^]*?)\n\.Ed$/m)[0];

/** stunnel's configuration for Redis. */
export const stunnelLines = () => told(OPERATIONS, /^\.Bd .*\n(foreground = yes\n[^]*?)\n\.Ed$/m)[0];

/** The blocks of examples in drawbridge(7), as one reads them. */
export function examples() {
  const [text] = told('src/man/drawbridge.7.in', /^\.Sh EXAMPLES\n([^]*?)^\.Sh /m);
  return Array.from(text.matchAll(/^\.Bd -literal.*\n([^]*?)\n\.Ed$/gm), ([, block]) => block.replaceAll('\\e', '\\'));
}

/** Whether a value is like the one that a document has, in which "...", a time and an address of RFC 5737 are any. */
export function alike(value, told) {
  if (typeof told === 'string' && told.startsWith('192.0.2.')) return isIP(value) !== 0;
  if (typeof told === 'string' && told.includes('...')) return typeof value === 'string' && value !== '';
  if (typeof told === 'number' && told > 1e9) return typeof value === 'number';
  if (typeof told !== 'object' || told === null) return value === told;
  return typeof value === 'object' && value !== null && Object.keys(value).join() === Object.keys(told).join() &&
    Object.keys(told).every((key) => alike(value[key], told[key]));
}

/** "From your server": {heading: examples}, each {code: {sh, python, php, js}, says}: by language, and what it prints, which
 *  the first examples do not. */
export function serverExamples() {
  const [, ...sections] = read('src/doc/from-your-server.md').split(/^## /m);
  return Object.fromEntries(sections.map((section) => {
    /** @type {{code: Record<string, string>, says?: string}[]} */
    const examples = [{ code: {} }];
    for (const [, language, text] of section.matchAll(/^```(\w+)\n([^]*?)^```$/gm)) {
      if (language === 'json' || language === 'text') {
        examples[examples.length - 1].says = text.trim();
        examples.push({ code: {} });
      } else {
        examples[examples.length - 1].code[language] = text;
      }
    }
    return [section.split('\n')[0], examples.filter(({ code, says }) => says ?? Object.keys(code).length)];
  }));
}

/** What the page of such a site has, as a module: with `bridge`, which asks it for tokens. */
export const sitePage = () => told('src/doc/from-your-server.md', /^((?: {4}import \{ Drawbridge, Refusal )(?:.*\n(?: {4}|(?=\n)))+.*)$/m)[0].replace(/^ {4}/gm, '');

/** The blocks of the client module's README, by heading. */
export function clientExamples() {
  const [, ...sections] = read('src/page/client/README.md').split(/^## /m);
  return Object.fromEntries(sections.map((section) => [section.split('\n')[0], Array.from(section.matchAll(/^```js\n([^]*?)^```$/gm), ([, code]) => code)])
    .filter(([, blocks]) => blocks.length));
}
