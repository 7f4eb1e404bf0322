// docs.js - what stands in the code and a second time in a document, a configuration or a list is the
// same there. Prints a line for each that is not: which file, what of it, and what it should be.
//
// The code is right: its tables are read by tests/http/lib/tables.js. A list that is new gets a function
// here, and a line in CHECKS.
import { existsSync } from 'node:fs';
import * as tables from '../http/lib/tables.js';

const { read, ROUTES, RESERVED, namesIn } = tables;

const README = read('README.md');
const MAN = ['drawbridge.1', 'drawbridge.7', 'signal.fcgi.8', 'stream.fcgi.8'].map((name) => `src/man/${name}`);
const [MAN_COMMAND, MAN_PROTOCOL, MAN_SIGNAL, MAN_STREAM] = MAN;

const found = [];
const complain = (file, text) => found.push(`${file}: ${text}`);

/** Each of one is in the other. where: what of the file. */
function same(file, where, has, wanted, source) {
  for (const one of new Set(wanted)) if (!has.includes(one)) complain(file, `${where} lacks ${one}, which ${source} has`);
  for (const one of new Set(has)) if (!wanted.includes(one)) complain(file, `${where} has ${one}, which ${source} has not`);
}

const all = (text, pattern) => Array.from(text.matchAll(pattern), (match) => match[1]);

/** The rows of README's tables with this head, each a list of cells. */
function table(head) {
  const at = README.split('\n').flatMap((line, i, lines) => (line.startsWith(head) ? [lines.slice(i + 2)] : []));
  if (!at.length) complain('README.md', `no table begins with "${head}"; tests/style/docs.js reads it`);
  return at.flatMap((lines) => lines.slice(0, lines.findIndex((line) => !line.startsWith('|'))))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
}

const coded = (cell) => all(cell, /`([^`]+)`/g);

/** A section of a man page, or of README, to the next of its rank. */
const section = (text, head, rank) => text.split(`\n${rank} `).find((part) => part.startsWith(`${head}\n`)) ?? '';

/** mdoc as one reads it. */
const plain = (mdoc) => mdoc.replace(/^\.(?:It|Li|Ev|Cm|Ar|Pa|Xr|Dl|Nm|Fl|Op|Sq) /gm, '').replace(/"([^"\n]*)"/g, '$1').replace(/\s+/g, ' ');

/** .It of a section of a man page: {names, text}. */
function items(page, head, macro) {
  return section(read(page), head, '.Sh').split('\n.It ').slice(1).filter((item) => item.startsWith(`${macro} `)).map((item) => {
    const [first, ...rest] = item.split('\n');
    return { names: first.split(' , ').map((name) => name.replace(`${macro} `, '')), text: plain(rest.join('\n')) };
  });
}

/** A range that is told, and others than that of the table. */
function checkRange(file, { name, least, most, above }, text) {
  for (const [told, from, to] of text.matchAll(/(\w+) to (\d+)\b(?! (?:%|percent))/g)) {
    const right = Number(to) === most && (Number(from) === least || (above && from === above));
    if (!right && /^[\d_A-Z]+$/.test(from)) complain(file, `DRAWBRIDGE_${name}: says "${told}", the table in src/base/conf.c ${least} to ${most}`);
  }
}

function settings() {
  const known = tables.settings();
  const names = known.map(({ name }) => name);
  const source = 'the table in src/base/conf.c';

  const documented = table('| `DRAWBRIDGE_…` |');
  same('README.md', 'the table of settings', documented.flatMap(([name]) => coded(name)), ['CONF', ...names], source);
  for (const setting of known) {
    const [, preset = '', text = ''] = documented.find(([name]) => coded(name)[0] === setting.name) ?? [];
    const told = preset.replaceAll('`', '');
    if (setting.preset === null ? !/^(none|empty|by )/.test(preset) : told !== setting.preset) {
      complain('README.md', `the table of settings has "${preset}" as the default of ${setting.name}, which is ${setting.preset ?? 'none'}`);
    }
    if (setting.number) checkRange('README.md', setting, text);
  }

  for (const page of [MAN_SIGNAL, MAN_STREAM]) {
    const entries = items(page, 'ENVIRONMENT', 'Ev');
    const listed = entries.flatMap((entry) => entry.names.map((name) => name.replace('DRAWBRIDGE_', '')));
    // That of stream.fcgi points to the other for what is not its own.
    same(page, 'ENVIRONMENT', listed, page === MAN_SIGNAL ? ['CONF', ...names] : ['CONF', ...names.filter((name) => listed.includes(name))], source);
    for (const setting of known.filter(({ name }) => listed.includes(name))) {
      const { text } = entries.find((entry) => entry.names.includes(`DRAWBRIDGE_${setting.name}`));
      const value = setting.preset?.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      if (value ? !new RegExp(`(by default|default is) ${value}(?![\\w/])|\\b${value}\\b[^.]*\\(the default\\)`).test(text)
        : !/(Empty|None) by default|^Required|Required where|The default is/.test(text)) {
        complain(page, `DRAWBRIDGE_${setting.name}: does not say its default, "by default ${setting.preset ?? 'none'}"`);
      }
      if (!setting.number) continue;
      checkRange(page, setting, text);
      const range = setting.above ? new RegExp(`at least[^.]*DRAWBRIDGE_${setting.above}\\b.*at most ${setting.most}\\b`)
        : new RegExp(`\\b${setting.least} to ${setting.most}\\b`);
      if (!range.test(text)) {
        complain(page, `DRAWBRIDGE_${setting.name}: does not say its range, "${setting.above
          ? `at least … DRAWBRIDGE_${setting.above}, at most ${setting.most}` : `${setting.least} to ${setting.most}`}"`);
      }
    }
  }

  const may = ['CONF', 'NAME', ...names].flatMap((name) => [name, `${name}_FILE`]);
  for (const file of ['README.md', 'quickstart', ...MAN, ...shipped('lighttpd'), ...shipped('apache'), ...shipped('src/systemd')]) {
    for (const name of new Set(all(read(file), /\bDRAWBRIDGE_([A-Z][A-Z_]*[A-Z])\b/g))) {
      if (!may.includes(name)) complain(file, `names DRAWBRIDGE_${name}, which is no setting`);
    }
  }
}

/** Not all of them are packed. */
const testFolders = () => namesIn('tests').filter((name) => name !== 'node_modules' && existsSync(new URL(`../${name}/`, import.meta.url)))
  .map((name) => `tests/${name}`);
const shipped = (folder) => namesIn(folder).map((name) => `${folder}/${name}`);

function metrics() {
  const known = tables.metrics();
  const documented = table('| `drawbridge_…` |').flatMap(([names, type, text]) => coded(names).map((name) => ({ name, type, text })));
  const full = ({ name, label }) => (label ? `${name}{${label}}` : name);
  same('README.md', 'the table of metrics', documented.map(({ name }) => name), known.map(full), 'src/base/metric.c');
  for (const metric of known) {
    const { type, text } = documented.find(({ name }) => name === full(metric)) ?? {};
    if (type !== undefined && type !== metric.type) {
      complain('README.md', `the table of metrics has ${type} as the type of ${metric.name}, which is a ${metric.type}`);
    }
    if (!metric.words || !text) continue;
    const told = coded(text).filter((word) => /^[a-z-]+$/.test(word));
    // "…": not all of them.
    same('README.md', `the table of metrics, ${full(metric)},`, told,
      text.includes('…') ? metric.words.filter((word) => told.includes(word)) : metric.words, 'src/base/metric.c');
  }
  for (const page of MAN) {
    for (const name of new Set(all(read(page), /\bdrawbridge_(\w+)\b/g))) {
      if (!known.some((metric) => metric.name === name)) complain(page, `names drawbridge_${name}, which is no metric of src/base/metric.c`);
    }
  }
}

/** As documents write a path: /ROOM/join for /{room}/join. */
const written = (path, file) => path.replace('{page}', '{room}').replace('{file}', file).replace(/\{(\w+)\}/g, (_, id) => id.toUpperCase());
const request = (file) => ({ method, path }) => `${method} ${written(path, file)}`;

function routes() {
  const heads = (page, head, from) => all(section(read(page), head, from), /(?:^\.It|,) Li ((?:GET|POST|PUT|PATCH|DELETE) \/\S*)/gm);
  same('README.md', 'the table of requests', table('| request |').flatMap(([cell]) => coded(cell)).filter((one) => /^[A-Z]+ \//.test(one)),
    ROUTES.map(request('…')), 'a table routes[] of the programs');
  same(MAN_PROTOCOL, '"Requests"', heads(MAN_PROTOCOL, 'Requests', '.Ss'), ROUTES.map(request('FILE')), 'a table routes[] of the programs');
  // Pages are the web server's: a row is there to refuse other methods.
  same(MAN_SIGNAL, 'DESCRIPTION', heads(MAN_SIGNAL, 'DESCRIPTION', '.Sh'),
    ROUTES.filter(({ program, run }) => program === 'signal.fcgi' && run !== 'run_page').map(request('FILE')), 'src/signal/main.c');
  const stream = plain(read(MAN_STREAM));
  for (const route of ROUTES.filter(({ program }) => program === 'stream.fcgi')) {
    if (!stream.includes(request('FILE')(route))) complain(MAN_STREAM, `DESCRIPTION lacks ${request('FILE')(route)}, which src/stream has`);
  }

  const files = [...shipped('tests/http'), ...shipped('tests/http/lib')].filter((path) => path.endsWith('.js') && !path.endsWith('/errors.test.js'));
  if (files.some((path) => path.endsWith('.test.js'))) {
    const text = files.map(read).join('\n');
    for (const { method, path } of ROUTES) {
      const asked = new RegExp(`['"\`]${path.replaceAll('/', '\\/').replace(/\{\w+\}/g, '[^/\'"`\\s]+')}(?![\\w/-])`);
      if (!asked.test(text)) complain('tests/http', `no test but errors.test.js asks for ${method} ${path}`);
    }
  }

  const first = new Set(ROUTES.map(({ path }) => path.split('/')[1]).filter((word) => word && !word.startsWith('{')));
  for (const word of first) {
    if (!RESERVED.includes(word)) complain('src/base/id.c', `reserved[] lacks ${word}: a room of that name would hide behind the route /${word}`);
  }
}

/** Where web servers and people are told them; errors.test.js reads the table itself. */
const RESERVED_IN = ['README.md', MAN_PROTOCOL, 'apache/drawbridge.conf', 'lighttpd/drawbridge.conf', 'lighttpd/drawbridge-cgi.conf'];

function reservedWords() {
  const folders = ['apache', 'lighttpd', 'src/man', 'src/page', 'src/systemd', ...testFolders(), 'tests/http/lib'];
  const files = ['README.md', 'quickstart', ...tables.sources(), ...folders.flatMap(shipped).filter((path) => /\.(js|c|h|conf|html|\d)$/.test(path))];
  for (const file of files) {
    // A list of words, in which most of them are, is this one, wherever it stands.
    const lists = all(read(file), /\b([a-z]+(?:(?:\||["',\s]{1,5})[a-z]+){3,})\b/g).map((text) => text.match(/[a-z]+/g))
      .filter((words) => RESERVED.filter((word) => words.includes(word)).length > RESERVED.length / 2);
    for (const words of lists) {
      same(file, `the list of reserved words "${words.slice(0, 3).join(' ')} …"`, words, RESERVED, 'reserved[] of src/base/id.c');
    }
    if (RESERVED_IN.includes(file) && !lists.length) complain(file, `no list of the reserved words of src/base/id.c: ${RESERVED.join(' ')}`);
  }
}

function modules() {
  const there = namesIn('src/page').sort();
  const packed = all(/^dist_page_DATA = ([^]*?[^\\])\n/m.exec(read('Makefile.am'))?.[1] ?? '', /src\/page\/(\S+)/g);
  same('Makefile.am', 'dist_page_DATA', packed, there, 'src/page');
  const described = table('| file | what it does |').flatMap(([names]) => coded(names));
  same('README.md', 'the tables of files ("The board", "The client module")', described, there.filter((name) => name.endsWith('.js')), 'src/page');
  for (const name of described.filter((one, i) => described.indexOf(one) < i)) complain('README.md', `${name} is in the tables of files twice`);
}

function client() {
  const methods = ['on', ...all(read('src/page/drawbridge.js'), /^ {2}(?:async |get )?([a-z]\w*)\(.*\) \{$/gm).filter((name) => name !== 'constructor')];
  const described = table('| method, property |').flatMap(([cell]) => all(cell, /`(\w+)[(`]/g));
  same('README.md', 'the table of methods and properties', described, methods, 'src/page/drawbridge.js');
}

/** In README, in the help of the page; what only one of them has. */
function keys() {
  const letters = (names) => names.filter((name) => /^[A-Z]$|^Ctrl\+./.test(name));
  same('README.md', 'the table of keys', letters(table('| key |').flat().flatMap(coded)), letters(all(read('src/page/index.html'), /<kbd>([^<]+)<\/kbd>/g)),
    'the help in src/page/index.html');
}

function errors() {
  const statuses = tables.errorStatuses().map(String);
  const named = (text) => text.match(/\b[45]\d\d\b/g) ?? [];
  same('README.md', 'the table of statuses', table('| status |').flatMap(([cell]) => named(cell)), statuses, 'errors[] of src/web/http.c');
  same(MAN_PROTOCOL, '"Errors"', all(section(read(MAN_PROTOCOL), 'Errors', '.Ss'), /^\.It (\d.*)$/gm).flatMap(named), statuses, 'errors[] of src/web/http.c');
  const events = ['any other', 'any other name'];
  same('README.md', 'the table of events', table('| event | data |').map(([cell]) => coded(cell)[0]).filter(Boolean), tables.SERVER_EVENTS,
    'server_events[] of src/web/http.c');
  same(MAN_PROTOCOL, '"The stream"', all(section(read(MAN_PROTOCOL), 'The stream', '.Ss'), /^\.It (?:Li )?(.+)$/gm).filter((name) => !events.includes(name)),
    tables.SERVER_EVENTS, 'server_events[] of src/web/http.c');
}

function logs() {
  const logged = new Set(tables.sources().flatMap((path) => all(read(path), /"([a-z]+\.[a-z_]+)"/g)));
  for (const file of ['README.md', ...MAN]) {
    for (const name of new Set(all(read(file), /\bat=([a-z]+\.[a-z_]+)/g))) {
      if (name !== 'module.function' && !logged.has(name)) complain(file, `at=${name} is logged by no source`);
    }
  }
}

const options = (text) => [...new Set(all(text, /(?<![\w-])--([a-z][a-z-]*)/g))];

function command() {
  const common = ['help', 'version'];
  const source = tables.sources().filter((path) => path.startsWith('src/cli/'));
  const commands = source.flatMap((path) => all(read(path), /const struct command command_\w+ = \{\s*"(\w+)"/g).map((name) => {
    const code = read(path);
    return { name, path, usage: code.slice(code.indexOf('const struct command ')), options: all(code, /\{ "([a-z-]+)", (?:no|required)_argument/g) };
  }));
  const names = commands.map(({ name }) => name);
  same(MAN_COMMAND, 'DESCRIPTION', all(section(read(MAN_COMMAND), 'DESCRIPTION', '.Sh'), /^\.It Cm (\w+)/gm), names, 'src/cli');
  same(MAN_COMMAND, 'SYNOPSIS', all(section(read(MAN_COMMAND), 'SYNOPSIS', '.Sh'), /^\.Cm (\w+)/gm), names, 'src/cli');
  const [main] = source.filter((path) => path.endsWith('/main.c'));
  const allowed = /allowed is ([^"]*)/.exec(read(main))?.[1] ?? '';
  same(main, `"allowed is ${allowed}"`, allowed.match(/(?<![\w-])[a-z]+/g).filter((word) => word !== 'or'), names, 'src/cli');
  for (const { name, path, usage, options: known } of commands) {
    const entry = section(read(MAN_COMMAND), 'DESCRIPTION', '.Sh').split(/^\.It Cm /m).find((part) => part.startsWith(`${name}\n`)) ?? '';
    same(MAN_COMMAND, `"${name}"`, all(entry, /^\.It.*\bFl Fl ([a-z-]+)/gm), known, path);
    // Usage has it as -k.
    same(path, 'the usage', options(usage).filter((option) => option !== 'insecure'), known.filter((option) => option !== 'insecure'), 'getopt_long()');
  }
  const told = options(section(README, 'The command line', '##'));
  for (const option of told.filter((one) => ![...common, ...commands.flatMap((one) => one.options)].includes(one))) {
    complain('README.md', `"The command line" has --${option}, which is no option of drawbridge`);
  }
  for (const name of new Set(all(README, /^(?: {4}[#$] |.*`)drawbridge ([a-z]+)/gm))) {
    if (!names.includes(name)) complain('README.md', `names "drawbridge ${name}", which is no command`);
  }
}

function quickstart() {
  const code = read('quickstart');
  const usage = /\nusage\(\) \{[^]*?\nEOF\n/.exec(code)[0];
  const taken = all(code, /^\t+--([a-z]+)\)/gm);
  same('quickstart', '--help', options(usage), taken, 'what it takes');
  same('README.md', '"Try it"', options(section(README, 'Try it', '##')).filter((option) => option !== 'help'), taken, 'quickstart');
  const words = (text) => text.replaceAll('\\\n', '').trim().split(/\s+/);
  same('README.md', '"Build and install"', words(/apt install --no-install-recommends ((?:.*\\\n)*.*)/.exec(README)?.[1] ?? ''),
    words(/build_packages='([^']*)'/.exec(code)[1]), 'build_packages of quickstart');
}

function tests() {
  if (!namesIn('tests').includes('README.md')) return;
  const described = all(read('tests/README.md'), /^\| `([\w.]+)` \|/gm);
  for (const folder of testFolders()) {
    if (!described.includes(folder.replace('tests/', ''))) complain('tests/README.md', `the table of folders lacks ${folder}`);
  }
}

const CHECKS = [settings, metrics, routes, reservedWords, modules, client, keys, errors, logs, command, quickstart, tests];

for (const check of CHECKS) check();
for (const line of found) console.log(line);
process.exit(found.length ? 1 : 0);
