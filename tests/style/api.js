// api.js - src/doc/openapi.yaml and asyncapi.yaml are documents of their kinds, and hold what the code does, as far
// as it is seen without running it. Prints a line for each fault. tests/http/api.test.js asks a running server.
import specs from '@asyncapi/specs';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv';
import { asyncapi, follow, MESSAGES, openapi, OPERATIONS, problems, wordOf, wrong } from '../http/lib/api.js';
import { errors, read, RESERVED, ROUTES, SERVER_EVENTS, sources } from '../http/lib/tables.js';
import { complain, finish, same } from './complaints.js';

const OPENAPI = 'src/doc/openapi.yaml';
const ASYNCAPI = 'src/doc/asyncapi.yaml';
const PROTOCOL = 'src/man/drawbridge.7.in';

/** Whose client has ended the request, and hears no answer. */
const UNHEARD = ['gone'];

async function kinds() {
  const { valid, errors: faults } = await new Validator({ strict: false }).validate(read(OPENAPI));
  if (!valid) complain(OPENAPI, `is not valid OpenAPI: ${JSON.stringify(faults)}`);
  // meta: the schema of AsyncAPI brings that of JSON Schema itself.
  const ajv = new Ajv({ strict: false, validateFormats: false, meta: false, validateSchema: false });
  if (!ajv.validate(specs.schemas[asyncapi.asyncapi], asyncapi)) complain(ASYNCAPI, `is not valid AsyncAPI: ${ajv.errorsText(ajv.errors)}`);
}

function versions() {
  const [, version] = /AC_INIT\(\[drawbridge\], \[([^\]]+)\]/.exec(read('configure.ac'));
  for (const [file, { info }] of /** @type {[string, any][]} */ ([[OPENAPI, openapi], [ASYNCAPI, asyncapi]])) {
    if (info.version !== version) complain(file, `info.version is ${info.version}; configure.ac has ${version}`);
  }
}

function routes() {
  const request = ({ method, path }) => `${method} ${path}`;
  same(OPENAPI, 'paths', OPERATIONS.map(request), ROUTES.map(request), 'a list of the programs, as src/signal/routes.c,');
  for (const [path, { options }] of Object.entries(openapi.paths)) if (!options) complain(OPENAPI, `${path} lacks options`);
}

/** In the code an error has one text, but for those that say more. */
function words() {
  const known = errors().filter(({ word }) => !UNHEARD.includes(word));
  const { examples } = openapi.components;
  same(OPENAPI, 'components/examples', Object.keys(examples).map(wordOf), known.map(({ word }) => word), 'err_words[] of src/base/err.c');
  for (const [name, { value }] of Object.entries(examples)) {
    const { status, title, detail } = known.find(({ word }) => word === wordOf(name)) ?? {};
    const own = sources().some((path) => read(path).replace(/"\s*(?:PRI\w+ )?"/g, '').includes(JSON.stringify(value.detail)));
    if (status && (value.status !== status || value.title !== title || (value.detail !== detail && !own && !/\d/.test(value.detail)))) {
      complain(OPENAPI, `the example ${name} is ${JSON.stringify(value)}; src/web/http.c has ${status}, ${title}, ${detail}`);
    }
  }
}

function names() {
  const { Name, EventName } = openapi.components.schemas;
  same(OPENAPI, 'the schema Name', Name.not.enum, RESERVED, 'reserved[] of src/base/id.c');
  same(OPENAPI, 'the schema EventName', EventName.not.enum, SERVER_EVENTS, 'server_events[] of src/base/id.c');
  same(ASYNCAPI, 'messages', MESSAGES.map(({ headers }) => headers.properties.event?.const).filter(Boolean), SERVER_EVENTS,
    'server_events[] of src/base/id.c');
}

/** Headers that OpenAPI has other places for, and that of every request. */
const ELSEWHERE = ['Accept', 'Authorization', 'Content-Type', 'Cookie', 'Host', 'Transfer-Encoding'];
/** Those that the programs do not read. */
const UNREAD = ['Access-Control-Request-Headers', 'If-None-Match'];

function parameters() {
  const code = sources().filter((path) => /^src\/(web|signal|stream)\//.test(path)).map(read).join('\n');
  const asked = Array.from(code.matchAll(/"HTTP_([A-Z_]+)"/g), ([, name]) => name.toLowerCase().replaceAll('_', '-'));
  const operations = Object.values(openapi.paths).flatMap((item) => Object.values(item));
  const all = [...operations.flatMap(({ parameters = [] }) => parameters.map(follow)), ...Object.values(openapi.components.securitySchemes)];
  const listed = (place) => all.filter((one) => one.in === place).map(({ name }) => name);
  const lower = (list) => list.map((name) => name.toLowerCase());
  const source = 'a source in src/web, src/signal, src/stream';
  same(OPENAPI, 'parameters', lower([...listed('header').filter((name) => !UNREAD.includes(name)), ...ELSEWHERE]), asked, source);
  same(OPENAPI, 'parameters', listed('query'), Array.from(code.matchAll(/query_(?:get|number)\([^";]*"(\w+)"/g), ([, name]) => name), source);
}

function examples() {
  for (const { id, responses } of OPERATIONS) {
    for (const [status, response] of Object.entries(responses)) {
      for (const [name, value] of problems(response)) {
        const fault = wrong(response.content['application/problem+json'].schema, value);
        if (fault) complain(OPENAPI, `${id}, ${status}, the example ${name}: ${fault}`);
      }
    }
  }
  for (const { name, headers, payload, examples: given } of MESSAGES) {
    for (const example of given) {
      const fault = wrong(headers, example.headers) ?? (payload && wrong(payload, example.payload));
      if (fault) complain(ASYNCAPI, `an example of ${name}: ${fault}`);
    }
  }
}

/** The page for people has the members of the events, too. */
function members() {
  const stream = read(PROTOCOL).split('\n.Ss ').find((part) => part.startsWith('The stream\n')) ?? '';
  for (const { name, payload } of MESSAGES) {
    for (const member of Object.keys(payload?.properties ?? {})) {
      if (!new RegExp(`\\b${member}\\b`).test(stream)) complain(PROTOCOL, `"The stream" lacks ${member}, a member of ${name} in ${ASYNCAPI}`);
    }
  }
}

/** What we send has no members but these. What clients send may have more, where the server does not look. */
function closed(file, node, at, isOurs = true) {
  if (!node || typeof node !== 'object') return;
  if (isOurs && node.type === 'object' && node.additionalProperties !== false) complain(file, `${at} lacks additionalProperties: false`);
  for (const [key, value] of Object.entries(node)) closed(file, value, `${at}/${key}`, isOurs && key !== 'AccessRequest');
}

/** Nothing is there that nobody needs. */
function components(file, document, text) {
  for (const [kind, all] of Object.entries(document.components).filter(([kind]) => kind !== 'securitySchemes')) {
    for (const name of Object.keys(all)) {
      if (!text.includes(`/components/${kind}/${name}'`) && !text.includes(`components/${kind}/${name}\``)) complain(file, `components/${kind}/${name} is not used`);
    }
  }
}

await kinds();
versions();
routes();
words();
names();
parameters();
examples();
members();
const text = read(OPENAPI) + read(ASYNCAPI);
closed(OPENAPI, openapi, '');
closed(ASYNCAPI, asyncapi, '');
components(OPENAPI, openapi, text);
components(ASYNCAPI, asyncapi, text);
finish();
