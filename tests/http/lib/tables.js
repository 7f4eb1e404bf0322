// tables.js - what the programs are made of, read from the tables in their own source, so that
// no test and no document misses what is new there.
import { readFileSync, readdirSync } from 'node:fs';

const ROOT = new URL('../../../', import.meta.url);

export const read = (path) => readFileSync(new URL(path, ROOT), 'utf8');
export const namesIn = (folder) => readdirSync(new URL(folder, ROOT));
const foldersIn = (folder) => readdirSync(new URL(folder, ROOT), { withFileTypes: true })
  .filter((entry) => entry.isDirectory()).map(({ name }) => name);

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

/** {program, method, path, run} each. */
export const ROUTES = sources().filter((path) => /\bstruct route routes\[\] =/.test(read(path))).flatMap((path) =>
  every(path, 'routes', /\{ "([A-Z]+)", "([^"]+)", \w+, \w+, (\w+) \}/g)
    .map(([, method, route, run]) => ({ program: `${path.split('/')[1]}.fcgi`, method, path: route, run })));

/** What no room and no peer may be called. */
export const RESERVED = words('src/base/id.c', 'reserved');

/** Names of events that only the server sends. */
export const SERVER_EVENTS = words('src/web/http.c', 'server_events');

/** {name, preset, number, least, most, above}; above: another that is its lower bound, times some. */
export function settings() {
  const path = 'src/base/conf.c';
  const found = every(path, 'rows', /\{ "(\w+)", (NULL|"[^"]*"), (\w+), AT\((\w+)\), (\d+), (\d+), \w+ \}/g);
  const names = Object.fromEntries(found.map(([, name, , , member]) => [member, name]));
  const above = Object.fromEntries(every(path, 'bounds', /\{ AT\((\w+)\), \d+, AT\((\w+)\) \}/g)
    .map(([, member, of]) => [names[member], names[of]]));
  return found.map(([, name, preset, reader, , least, most]) => ({
    name, preset: preset === 'NULL' ? null : preset.slice(1, -1), number: reader === 'read_number',
    least: Number(least), most: Number(most), above: above[name],
  }));
}

/** {name, type, label, words}, the name without drawbridge_; words: the values of the label. */
export function metrics() {
  const path = 'src/base/metric.c';
  return every(path, 'rows', /ROW\("(\w+)", (\w+),([^]*?)\)(?=,\n\t\[|,\s*$)/g).map(([, name, type, rest]) => {
    const array = /\.words = (\w+)/.exec(rest)?.[1];
    return {
      name, type, label: /\.label = "(\w+)"/.exec(rest)?.[1],
      words: array && words(array === 'err_words' ? 'src/base/err.c' : path, array),
    };
  });
}

/** The statuses that an error is answered with. */
export const errorStatuses = () => every('src/web/http.c', 'errors', /= \{ (\d+), "/g)
  .map(([, status]) => Number(status)).filter((status) => status !== 200);
