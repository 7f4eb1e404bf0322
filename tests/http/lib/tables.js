// tables.js - what the programs are made of, read from the tables in their own source, so that
// no test and no document misses what is new there.
import { readFileSync, readdirSync } from 'node:fs';

const ROOT = new URL('../../../', import.meta.url);

export const read = (path) => readFileSync(new URL(path, ROOT), 'utf8');
export const namesIn = (folder) => readdirSync(new URL(folder, ROOT));
const foldersIn = (folder) => readdirSync(new URL(folder, ROOT), { withFileTypes: true })
  .filter((entry) => entry.isDirectory()).map(({ name }) => name);
/** Which no deployment serves. */
const EXAMPLES = 'examples';
/** The folders of the page. */
export const pageFolders = () => foldersIn('src/page').filter((name) => name !== EXAMPLES);
/** The files that a browser gets, by their names below static/; others are documents, and what npm is told. */
export const pageFiles = () => [
  ...namesIn('src/page').filter((name) => ![...pageFolders(), EXAMPLES].includes(name)),
  ...pageFolders().flatMap((folder) => namesIn(`src/page/${folder}`).map((name) => `${folder}/${name}`)),
].filter((name) => !/\.(md|json)$/.test(name));

/** The rows of an array in C, as text without comments: what stands between its braces. */
function rows(path, name) {
  const code = read(path).replace(/\/\*[^]*?\*\//g, '');
  const body = new RegExp(`\\b${name}\\[\\w*\\] = \\{([^]*?)\\n\\};`).exec(code)?.[1];
  if (!body?.trim()) throw new Error(`${path} has no table ${name}[]: tests/http/lib/tables.js reads it`);
  return body;
}

/** The words of an array of strings. */
export const words = (path, name) => Array.from(rows(path, name).matchAll(/"([^"]*)"/g), ([, word]) => word);

/** What matches its rows; each must, or one that is written otherwise would go unnoticed. */
function every(path, name, pattern) {
  const body = rows(path, name);
  const found = [...body.matchAll(pattern)];
  const count = body.match(/^\t(?:\{|\[)(?! NULL, NULL)/gm)?.length ?? 0;
  if (found.length !== count) {
    throw new Error(`${path}, ${name}[]: of ${count} rows ${found.length} look like ${pattern}: tests/http/lib/tables.js reads them`);
  }
  return found;
}

/** Sources in C: their paths. */
export const sources = () => foldersIn('src').flatMap((folder) =>
  namesIn(`src/${folder}`).filter((name) => name.endsWith('.c')).map((name) => `src/${folder}/${name}`));

/** {name: {method, path, run}}: each `struct route` of a source. */
function routesIn(text) {
  const member = (body, pattern) => new RegExp(`^\\t\\.${pattern},$`, 'm').exec(body)?.[1];
  return Object.fromEntries(Array.from(text.matchAll(/\bstruct route route_(\w+) = \{\n([^]*?)\n\};/g), ([, name, body]) => [name, {
    method: member(body, 'method = "([A-Z]+)"'), path: member(body, 'path = "([^"]+)"'), run: member(body, 'run = (\\w+)'),
    isServers: member(body, 'token = (\\w+)') === 'TOKEN_SERVER',
  }]));
}

/** What a program answers, in the order of its list. */
function routes(program) {
  const code = sources().filter((path) => path.startsWith(`src/${program}/`)).map(read);
  const list = code.find((text) => /_routes\[\] =/.test(text)) ?? '';
  const names = Array.from(list.matchAll(/&route_(\w+),|^\t_\((\w+)\)/gm), ([, one, other]) => one ?? other);
  const defined = Object.assign({}, ...code.map(routesIn));
  const lost = [...new Set([...names, ...Object.keys(defined)])].filter((name) => !names.includes(name) || !defined[name]?.path);
  if (lost.length || !names.length) {
    throw new Error(`src/${program}: not in its list of routes, or not written as others are: ${lost.join(' ')}: tests/http/lib/tables.js reads them`);
  }
  return names.map((name) => ({ program: `${program}.fcgi`, ...defined[name] }));
}

/** {program, method, path, run, isServers} each; the last: it is for the site's own server. */
export const ROUTES = ['signal', 'stream'].flatMap(routes);

/** What no room and no peer may be called. */
export const RESERVED = words('src/base/id.c', 'reserved');

/** Names of events that only the server sends. */
export const SERVER_EVENTS = words('src/base/id.c', 'server_events');

/** {name, member, preset, number, least, most, above}; member: of struct conf; above: another that is its lower bound, times some. */
export function settings() {
  const row = [/\{ \.name = "(\w+)", \.kind = &kind_(\w+),\s+\.member = AT\((\w+)\)/, /(?:,\s+\.preset = "([^"]*)")?/,
    /(?:, \.min = (\d+), \.max = (\d+))?/, /(?:, \.at_least = \{ \d+, AT\((\w+)\) \})? \}/];
  const found = every('src/conf/settings.c', 'settings', new RegExp(row.map(({ source }) => source).join(''), 'g'));
  const nameOf = Object.fromEntries(found.map(([, name, , member]) => [member, name]));
  return found.map(([, name, kind, member, preset, least, most, above]) => ({
    name, member, preset: preset ?? null, number: kind === 'number', least: Number(least), most: Number(most), above: nameOf[above],
  }));
}

/** {name, type, label, words}, the name without drawbridge_; words: the values of the label. */
export function metrics() {
  const path = 'src/shared/metric.c';
  const rowless = Array.from(/^enum metric \{([^]*?)\n\};/m.exec(read('src/shared/metric.h'))?.[1].matchAll(/^\tMETRIC_(\w+),/gm) ?? [], ([, name]) => name)
    .filter((name) => !read(path).includes(`[METRIC_${name}] = ROW(`));
  if (rowless.length) throw new Error(`${path}, metrics[]: no row of ${rowless.join(' ')}, which metric.h names`);
  return every(path, 'metrics', /ROW\("(\w+)", (\w+),([^]*?)\)(?=,\n\t\[|,\s*$)/g).map(([, name, type, rest]) => {
    const array = /\.words = (\w+)/.exec(rest)?.[1];
    return {
      name, type, label: /\.label = "(\w+)"/.exec(rest)?.[1],
      words: array && words(array === 'err_words' ? 'src/base/err.c' : path, array),
    };
  });
}

/** {word, status, title, detail} each: detail as it is where the code says no other. */
export function errors() {
  const wordOf = Object.fromEntries(every('src/base/err.c', 'err_words', /\[(ERR_\w+)\] = "([^"]+)"/g).map(([, name, word]) => [name, word]));
  return every('src/web/http.c', 'errors', /\[(\w+)\] = \{ (\d+), "([^"]*)", ([^\n]*) \}/g).filter(([, name]) => name !== 'OK')
    .map(([, name, status, title, detail]) => ({ word: wordOf[name], status: Number(status), title,
      detail: detail.replace('REDIS_VERSION_MIN', `"${/REDIS_VERSION_MIN "([^"]+)"/.exec(read('src/store/script.h'))[1]}"`).replace(/" "/g, '').slice(1, -1) }));
}
