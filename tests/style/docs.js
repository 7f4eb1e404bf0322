// docs.js - what stands in the code and a second time in a document, a configuration or a list is the
// same there. Prints a line for each that is not: which file, what of it, and what it should be.
//
// The code is right: its tables are read by tests/http/lib/tables.js. A list that is new gets a function
// here, and a line in CHECKS. With --write the reserved words are set right wherever they are listed.
import { existsSync, writeFileSync } from 'node:fs';
import * as tables from '../http/lib/tables.js';
import { complain, finish, same } from './complaints.js';
import { MARKDOWN, brokenLinks } from './links.js';

const { read, ROUTES, namesIn, pageFiles, pageFolders } = tables;

const README = read('README.md');
const README_LINES_MAX = 200; // for a newcomer; all else is in the document about it
const PAGE = 'src/page/README.md';
const CLIENT = 'src/page/client/README.md';
const MAN = namesIn('src/man').filter((name) => name.endsWith('.in')).map((name) => `src/man/${name}`); // not what a build beside them made
const [MAN_COMMAND, MAN_PROTOCOL, MAN_OPERATIONS, MAN_SIGNAL, MAN_STREAM] = ['drawbridge.1', 'drawbridge.7', 'drawbridge-operations.7',
  'signal.fcgi.8', 'stream.fcgi.8'].map((name) => `src/man/${name}.in`);
const DOCUMENTS = [...MARKDOWN, ...MAN];

const all = (text, pattern) => Array.from(text.matchAll(pattern), (match) => match[1]);

/** The rows of a Markdown file's tables with this head, each a list of cells. */
function table(file, head) {
  const at = read(file).split('\n').flatMap((line, i, lines) => (line.startsWith(head) ? [lines.slice(i + 2)] : []));
  if (!at.length) complain(file, `no table begins with "${head}"; tests/style/docs.js reads it`);
  return at.flatMap((lines) => lines.slice(0, lines.findIndex((line) => !line.startsWith('|'))))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
}

const coded = (cell) => all(cell, /`([^`]+)`/g);

/** A section of a man page, or of README, to the next of its rank. */
const section = (text, head, rank) => text.split(`\n${rank} `).find((part) => part.startsWith(`${head}\n`)) ?? '';

/** mdoc as one reads it. */
const plain = (mdoc) => mdoc.replace(/^\.(?:It|Li|Ev|Cm|Ar|Pa|Xr|Dl|Nm|Fl|Op|Sq) /gm, '').replace(/"([^"\n]*)"/g, '$1').replace(/\s+/g, ' ');

/** .It of a section of a man page: {names, text, words}, of which the words are those that stand literally. */
function items(page, head, macro) {
  return section(read(page), head, '.Sh').split('\n.It ').slice(1).filter((item) => item.startsWith(`${macro} `)).map((item) => {
    const [first, ...rest] = item.split('\n');
    const text = rest.join('\n');
    return { names: first.split(' , ').map((name) => name.replace(`${macro} `, '')), text: plain(text), words: all(text, /^\.Li (\S+)/gm) };
  });
}

/** A range that is told, and others than that of the table. */
function checkRange(file, { name, least, most, above }, text) {
  for (const [told, from, to] of text.matchAll(/(\w+) to (\d+)\b(?! (?:%|percent))/g)) {
    const right = Number(to) === most && (Number(from) === least || (above && from === above));
    if (!right && /^[\d_A-Z]+$/.test(from)) complain(file, `DRAWBRIDGE_${name}: says "${told}", the table in src/conf/settings.c ${least} to ${most}`);
  }
}

function settings() {
  const known = tables.settings();
  const names = known.map(({ name }) => name);
  const source = 'the table in src/conf/settings.c';

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

  const stream = tables.sources().filter((path) => path.startsWith('src/stream/')).map(read).join('\n');
  const pointed = items(MAN_STREAM, 'ENVIRONMENT', 'Ev').flatMap((entry) => entry.names);
  for (const { name, member } of known) {
    if (new RegExp(`\\bconf(?:->|\\.)${member}\\b`).test(stream) && !pointed.includes(`DRAWBRIDGE_${name}`)) {
      complain(MAN_STREAM, `ENVIRONMENT lacks DRAWBRIDGE_${name}, which src/stream reads`);
    }
  }

  const may = ['CONF', 'NAME', ...names].flatMap((name) => [name, `${name}_FILE`]);
  for (const file of new Set(['quickstart', ...DOCUMENTS, ...shipped('lighttpd'), ...shipped('apache'), ...shipped('src/nginx'), ...shipped('src/caddy'), ...shipped('src/container'), ...shipped('src/debian'),
    ...shipped('src/systemd')])) {
    for (const name of new Set(all(read(file), /\bDRAWBRIDGE_([A-Z][A-Z_]*[A-Z])\b/g))) {
      if (!may.includes(name)) complain(file, `names DRAWBRIDGE_${name}, which is not a setting`);
    }
  }
}

const testFolders = () => namesIn('tests').filter((name) => name !== 'node_modules' && existsSync(new URL(`../${name}/`, import.meta.url)))
  .map((name) => `tests/${name}`);
const shipped = (folder) => namesIn(folder).map((name) => `${folder}/${name}`);

function metrics() {
  const known = tables.metrics();
  const documented = items(MAN_OPERATIONS, 'METRICS', 'Li').flatMap(({ names, text, words }) => names.map((head) => {
    const [name, type] = head.split(' No ');
    return { name, type: type?.slice(1, -1), text, words: words.filter((word) => /^[a-z-]+$/.test(word)) };
  }));
  const full = ({ name, label }) => (label ? `${name}{${label}}` : name);
  same(MAN_OPERATIONS, 'METRICS', documented.map(({ name }) => name), known.map(full), 'src/shared/metric.c');
  for (const metric of known) {
    const told = documented.find(({ name }) => name === full(metric));
    if (!told) continue;
    if (told.type !== metric.type) complain(MAN_OPERATIONS, `METRICS has ${told.type} as the type of ${metric.name}, which is a ${metric.type}`);
    if (!metric.words) continue;
    same(MAN_OPERATIONS, `METRICS, ${full(metric)},`, told.words,
      told.text.includes('and others') ? metric.words.filter((word) => told.words.includes(word)) : metric.words, 'src/shared/metric.c');
  }
  const tests = shipped('tests/http').filter((path) => path.endsWith('.test.js')).map(read).join('\n');
  for (const { name } of tests ? known : []) {
    if (!new RegExp(`drawbridge_${name}\\b|'${name.replace(/_total$/, '')}'`).test(tests)) complain('tests/http', `no test looks at the metric ${name}`);
  }
  for (const page of MAN) {
    for (const name of new Set(all(read(page), /\bdrawbridge_(\w+)\b/g))) {
      if (!known.some((metric) => metric.name === name)) complain(page, `names drawbridge_${name}, which is not a metric of src/shared/metric.c`);
    }
  }
}

/** As documents write a path: /ROOM/join for /{room}/join. */
const written = (path, file) => path.replace('{page}', '{room}').replace('{file}', file).replace(/\{(\w+)\}/g, (_, id) => id.toUpperCase());
const request = (file) => ({ method, path }) => `${method} ${written(path, file)}`;

function routes() {
  const heads = (page, head, from) => all(section(read(page), head, from), /(?:^\.It|,) Li ((?:GET|POST|PUT|PATCH|DELETE) \/\S*)/gm);
  same(MAN_PROTOCOL, '"Requests"', heads(MAN_PROTOCOL, 'Requests', '.Ss'), ROUTES.map(request('FILE')), 'a list of the programs, as src/signal/routes.c,');
  // Pages are the web server's: a row is there to refuse other methods.
  same(MAN_SIGNAL, 'DESCRIPTION', heads(MAN_SIGNAL, 'DESCRIPTION', '.Sh'),
    ROUTES.filter(({ program, run }) => program === 'signal.fcgi' && run !== 'run_page').map(request('FILE')), 'src/signal/routes.c');
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
}

/** A request of the fuzzer's corpus for each that signal.fcgi answers, which is what it runs. */
function corpus() {
  const folder = 'tests/fuzz/corpus/request';
  const requests = shipped(folder).map(read);
  for (const { method, path } of ROUTES.filter(({ program }) => program === 'signal.fcgi')) {
    const uri = new RegExp(`^REQUEST_URI=${path.replace(/\{\w+\}/g, '[^/?\n]+')}(?:\\?.*)?$`, 'm');
    if (!requests.some((text) => uri.test(text) && text.includes(`REQUEST_METHOD=${method}\n`))) complain(folder, `no request for ${method} ${path}`);
  }
}

/** What no room is called, or it would hide behind the route; the last is a key in Redis. */
const RESERVED = [...new Set([...ROUTES.map(({ path }) => path.split('/')[1]).filter((word) => word && !word.startsWith('{')), 'channels'])];

/** Where the programs, web servers and people are told them; errors.test.js reads the table itself. */
const RESERVED_IN = ['src/base/id.c', 'src/doc/openapi.yaml', MAN_PROTOCOL, 'apache/drawbridge.conf.in', 'lighttpd/drawbridge.conf.in', 'lighttpd/drawbridge-cgi.conf.in',
  'src/nginx/drawbridge-site.conf.in', 'src/caddy/Caddyfile.in'];

/** A list of them, as it should be: each is put before the last, as it is separated there. */
function rightWords(list) {
  const [, separator] = /([^a-z]+)[a-z]+$/.exec(list);
  const words = list.match(/[a-z]+/g);
  const kept = words.filter((word) => !RESERVED.includes(word)).reduce((text, word) => text.replace(new RegExp(`\\b${word}\\b[^a-z]*`), ''), list);
  return RESERVED.filter((word) => !words.includes(word)).reduce((text, word) => text.replace(/[a-z]+$/, `${word}${separator}$&`), kept);
}

function reservedWords() {
  const folders = ['apache', 'lighttpd', 'src/caddy', 'src/doc', 'src/nginx', 'src/page', ...pageFolders().map((name) => `src/page/${name}`), 'src/systemd', ...testFolders(), 'tests/http/lib'];
  const files = ['quickstart', ...DOCUMENTS, ...tables.sources(), ...folders.flatMap(shipped).filter((path) => /\.(js|c|h|conf\.in|conf|html|yaml)$|\/Caddyfile\.in$/.test(path))];
  for (const file of files) {
    // A list of words, in which most of them are, is this one, wherever it stands.
    const text = read(file);
    const lists = all(text, /\b([a-z]+(?:(?:\||["',\s]{1,5})[a-z]+){3,})\b/g)
      .filter((list) => RESERVED.filter((word) => list.match(/[a-z]+/g).includes(word)).length > RESERVED.length / 2);
    if (process.argv.includes('--write')) {
      const right = lists.reduce((whole, list) => whole.replace(list, rightWords(list)), text);
      if (right !== text) writeFileSync(new URL(`../../${file}`, import.meta.url), right);
      continue;
    }
    for (const words of lists.map((list) => list.match(/[a-z]+/g))) {
      same(file, `the list of reserved words "${words.slice(0, 3).join(' ')} …" (tests/style/docs --write sets it right)`, words, RESERVED, 'a route, or Redis,');
    }
    if (RESERVED_IN.includes(file) && !lists.length) complain(file, `no list of the reserved words: ${RESERVED.join(' ')}`);
  }
}

/** What the board’s page loads by a script. */
const BOARD = 'board/board.js';

const folderOf = (name) => name.split('/').slice(0, -1).join('/');

/** What a module imports, and what those do; not what is loaded on first use, by import(). */
function imported(name, found = new Set()) {
  for (const url of all(read(`src/page/${name}`), /^(?:import |export |\}).*from '([^']+)';$/gm)) {
    const file = new URL(url, `file:///${name}`).pathname.slice(1);
    if (!found.has(file)) imported(file, found.add(file));
  }
  return found;
}

function modules() {
  const there = pageFiles().sort();
  const packed = (list) => all(new RegExp(`^${list} = ([^]*?[^\\\\])\n`, 'm').exec(read('Makefile.am'))?.[1] ?? '', /src\/page\/(\S+)/g);
  // Each folder is a list of its own, which is installed into a folder of that name.
  for (const folder of ['', ...pageFolders()]) {
    const list = ['dist_page', folder && `_${folder}`, '_DATA'].join('');
    same('Makefile.am', list, packed(list), there.filter((name) => folderOf(name) === folder), 'src/page');
  }
  const examples = namesIn('src/page/examples').map((name) => `examples/${name}`);
  same('Makefile.am', 'dist_examples_DATA', packed('dist_examples_DATA'), examples, 'src/page');
  const described = table(PAGE, '| file | what it does |').flatMap(([names]) => coded(names));
  const scripts = there.filter((name) => name.endsWith('.js'));
  same(PAGE, 'the tables of files ("The board", "The client module")', described, scripts, 'src/page');
  const preloaded = all(read('src/page/index.html'), /<link rel="modulepreload" href="static\/([^"]+)">/g);
  same('src/page/index.html', 'modulepreload', preloaded, [...imported(BOARD)].sort(), BOARD);
  for (const name of described.filter((one, i) => described.indexOf(one) < i)) complain(PAGE, `${name} is in the tables of files twice`);
}

/** tests/browser/package.test.js looks in the same document for all else that the client's types have. */
function client() {
  const methods = all(read('src/page/client/drawbridge.js'), /^ {2}(?:async |get )?([a-z]\w*)\(.*\) \{$/gm).filter((name) => name !== 'constructor');
  const described = table(CLIENT, '| method, property |').flatMap(([cell]) => all(cell, /`(\w+)/g)).filter((name) => name !== 'new');
  same(CLIENT, 'the table of methods and properties', described, methods, 'src/page/client/drawbridge.js');
  const [, version] = /AC_INIT\(\[drawbridge\], \[([^\]]+)\]/.exec(read('configure.ac'));
  const { version: packed } = JSON.parse(read('src/page/client/package.json'));
  if (packed !== version) complain('src/page/client/package.json', `version is ${packed}; configure.ac has ${version}`);
}

/** In the page's README, in its help, which the tools add theirs to; what only one of them has. */
function keys() {
  const letters = (names) => names.filter((name) => /^[A-Z]$|^Ctrl\+./.test(name));
  const tools = all(read('src/page/board/tools.js'), /\bkey: '(.)'/g).map((key) => key.toUpperCase());
  const help = all(read('src/page/index.html'), /<kbd>([^<]+)<\/kbd>/g);
  same(PAGE, 'the table of keys', letters(table(PAGE, '| key |').flat().flatMap(coded)), [...tools, ...letters(help)],
    'src/page/board/tools.js and the help in src/page/index.html');
  for (const key of tools.filter((one, i) => [...tools.slice(0, i), ...help].includes(one))) {
    complain('src/page/board/tools.js', `the key ${key} is used twice`);
  }
}

function errors() {
  const statuses = tables.errors().map(({ status }) => String(status));
  const named = (text) => text.match(/\b[45]\d\d\b/g) ?? [];
  same(MAN_PROTOCOL, '"Errors"', all(section(read(MAN_PROTOCOL), 'Errors', '.Ss'), /^\.It (\d.*)$/gm).flatMap(named), statuses, 'errors[] of src/web/http.c');
  const events = ['any other', 'any other name'];
  same(MAN_PROTOCOL, '"The stream"', all(section(read(MAN_PROTOCOL), 'The stream', '.Ss'), /^\.It (?:Li )?(.+)$/gm).filter((name) => !events.includes(name)),
    tables.SERVER_EVENTS, 'server_events[] of src/base/id.c');
}

function logs() {
  const logged = new Set(tables.sources().flatMap((path) => all(read(path), /"([a-z]+\.[a-z_]+)"/g)));
  for (const file of DOCUMENTS) {
    for (const name of new Set(all(read(file), /\bat=([a-z]+\.[a-z_]+)/g))) {
      if (name !== 'module.function' && !logged.has(name)) complain(file, `no source logs at=${name}`);
    }
  }
}

const options = (text) => [...new Set(all(text, /(?<![\w-])--([a-z][a-z-]*)/g))];

function command() {
  const source = tables.sources().filter((path) => path.startsWith('src/cli/'));
  const commands = source.flatMap((path) => all(read(path), /const struct command command_\w+ = \{\s*"(\w+)"/g).map((name) => {
    const code = read(path);
    return { name, path, usage: code.slice(code.indexOf('const struct command ')), options: all(code, /\{ "([a-z-]+)", (?:no|required)_argument/g) };
  }));
  const names = commands.map(({ name }) => name);
  same(MAN_COMMAND, 'DESCRIPTION', all(section(read(MAN_COMMAND), 'DESCRIPTION', '.Sh'), /^\.It Cm (\w+)/gm), names, 'src/cli');
  same(MAN_COMMAND, 'SYNOPSIS', all(section(read(MAN_COMMAND), 'SYNOPSIS', '.Sh'), /^\.Cm (\w+)/gm), names, 'src/cli');
  for (const { name, path, usage, options: known } of commands) {
    const entry = section(read(MAN_COMMAND), 'DESCRIPTION', '.Sh').split(/^\.It Cm /m).find((part) => part.startsWith(`${name}\n`)) ?? '';
    same(MAN_COMMAND, `"${name}"`, all(entry, /^\.It.*\bFl Fl ([a-z-]+)/gm), known, path);
    // Usage has it as -k.
    same(path, 'the usage', options(usage).filter((option) => option !== 'insecure'), known.filter((option) => option !== 'insecure'), 'getopt_long()');
  }
  for (const file of DOCUMENTS) {
    for (const name of new Set(all(read(file), /(?:^(?: {4})?(?:[#$] )?|`|&& |^\.Dl |^\.Nm )drawbridge (?:Cm )?([a-z]+)/gm))) {
      if (!names.includes(name)) complain(file, `names "drawbridge ${name}", which is not a command`);
    }
  }
}

function quickstart() {
  const code = read('quickstart');
  const usage = /\nusage\(\) \{[^]*?\nEOF\n/.exec(code)[0];
  const taken = all(code, /^\t+--([a-z-]+)\)/gm);
  same('quickstart', '--help', options(usage), taken, 'what it takes');
  same('README.md', '"Try it"', options(section(README, 'Try it', '##')).filter((option) => option !== 'help'), taken, 'quickstart');
  const words = (text) => text.replaceAll('\\\n', '').trim().split(/\s+/);
  same('README.md', '"Install on a server", 1,', words(/apt install --no-install-recommends ((?:.*\\\n)*.*)/.exec(README)?.[1] ?? ''),
    words(/build_packages='([^']*)'/.exec(code)[1]), 'build_packages of quickstart');
}

function tests() {
  const described = all(read('tests/README.md'), /^\| `([\w.]+)` \|/gm);
  for (const folder of testFolders()) {
    if (!described.includes(folder.replace('tests/', ''))) complain('tests/README.md', `the table of folders lacks ${folder}`);
  }
}

/** All of them are packed and found from README, which is short; each link leads somewhere. */
function documents() {
  const packed = read('Makefile.am');
  for (const file of DOCUMENTS) {
    // automake packs that of the top folder by itself.
    if (file === 'README.md') continue;
    if (!new RegExp(`\\s${file.replace(/\.in$/, '')}\\s`).test(packed)) complain('Makefile.am', `does not pack ${file}: EXTRA_DIST, or a list of what is installed`);
    if (!README.includes(`](${file})`)) complain('README.md', `does not link to ${file}`);
  }
  const lines = README.split('\n').length - 1;
  if (lines > README_LINES_MAX) complain('README.md', `has ${lines} lines, more than ${README_LINES_MAX}`);
  const pages = MAN.map((page) => page.slice('src/man/'.length, -'.in'.length));
  for (const page of MAN) {
    for (const [, name, part] of read(page).matchAll(/^\.Xr (\S+) (\d)/gm)) {
      const ours = pages.some((one) => one.replace(/\.\d$/, '') === name);
      if (ours && !pages.includes(`${name}.${part}`)) complain(page, `refers to ${name}(${part}), which is not in src/man`);
    }
    for (const head of all(read(page), /(?:^\.| )Sx (\w+)/gm)) {
      if (!section(read(page), head, '.Sh')) complain(page, `refers to a section ${head}, which it does not have`);
    }
  }
  for (const { file, link } of brokenLinks()) complain(file, `links to ${link}, which does not exist`);
}

const CHECKS = [settings, metrics, routes, corpus, reservedWords, modules, client, keys, errors, logs, command, quickstart, tests, documents];

for (const check of CHECKS) check();
finish();
