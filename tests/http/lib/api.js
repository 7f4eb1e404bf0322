// api.js - what src/doc/openapi.yaml and asyncapi.yaml say, and whether something is as they say.
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import Ajv2020 from 'ajv/dist/2020.js';
import YAML from 'yaml';
import { read } from './tables.js';

/** A document, whose references all say which file they lead to. */
const load = (name) => YAML.parse(read(`src/doc/${name}`), (key, value) =>
  (key === '$ref' ? String(value).replace(/^#/, `${name}#`).replace(/^\.\//, '') : value));

export const openapi = load('openapi.yaml');
export const asyncapi = load('asyncapi.yaml');

const DOCUMENTS = { 'openapi.yaml': openapi, 'asyncapi.yaml': asyncapi };

// strictTypes: beside a reference there may be properties alone.
const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true });
for (const [file, { components }] of Object.entries(DOCUMENTS)) {
  for (const [name, schema] of Object.entries(components.schemas)) ajv.addSchema(schema, `${file}#/components/schemas/${name}`);
}

/** What a reference leads to; what is none is that itself. */
export function follow(node) {
  if (!node?.$ref) return node;
  const [name, pointer] = node.$ref.split('#');
  const parts = pointer.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return follow(parts.reduce((at, part) => at?.[part], DOCUMENTS[name]) ?? assert.fail(`${node.$ref} leads nowhere`));
}

/** What is wrong with a value, by a schema; undefined: nothing. */
export function wrong(schema, value) {
  const validate = ajv.compile(schema);
  return validate(value) ? undefined : `${ajv.errorsText(validate.errors)}: ${JSON.stringify(value)?.slice(0, 500)}`;
}

/** {path, method, id, program's own but for CORS; more: as the document has it} each. */
export const OPERATIONS = Object.entries(openapi.paths).flatMap(([path, item]) =>
  Object.entries(item).filter(([method]) => method !== 'options').map(([method, operation]) => {
    const alternatives = operation.security ?? openapi.security;
    return {
      path, method: method.toUpperCase(), id: operation.operationId,
      parameters: (operation.parameters ?? []).map(follow),
      body: follow(operation.requestBody),
      /** Nobody needs a token for it. */
      isOpen: alternatives.length === 0 || alternatives.some((one) => Object.keys(one).length === 0),
      /** Names of security schemes: by each alone one may come in. */
      schemes: alternatives.flatMap((one) => Object.keys(one)),
      responses: Object.fromEntries(Object.entries(operation.responses ?? {}).map(([status, one]) => [status, follow(one)])),
    };
  }));

const PROBLEM = 'application/problem+json';

/** The word that the log and /metrics have for an error, of the name of its example. */
export const wordOf = (name) => name.split('.')[0];

/** Names and values of the examples of a response that is an error. */
export const problems = (response) => Object.entries(response.content?.[PROBLEM]?.examples ?? {})
  .map(([name, example]) => /** @type {[string, any]} */ ([name, follow(example).value]));

/** What may be told apart among the answers that are this response: examples of errors, or else media types. */
export const outcomes = (response) => (PROBLEM in (response.content ?? {}) ? problems(response).map(([name]) => name)
  : Object.keys(response.content ?? { '': {} }));

// Those of HTTP itself and of the web server, and the media type, which stands beside its schema.
const NOT_LISTED = ['accept-ranges', 'connection', 'content-length', 'content-type', 'keep-alive', 'server', 'transfer-encoding'];

function checkHeaders(headers, listed, why, isDirect) {
  const names = new Map(Object.entries(listed ?? {}).map(([name, header]) => [name.toLowerCase(), follow(header)]));
  for (const [name, value] of Object.entries(headers).filter(([name]) => !NOT_LISTED.includes(name))) {
    assert.ok(names.has(name), `${why}: the header "${name}: ${value}" is not in the document`);
    assert.equal(wrong(names.get(name).schema, [value].flat().join(', ')), undefined, `${why}: ${name}`);
  }
  for (const [name, { required }] of isDirect ? [] : names) {
    assert.ok(!required || name in headers, `${why}: lacks the header ${name}`);
  }
}

/** The media type of the document that an answer has; '' where it has none. */
function mediaType(answer, content) {
  const type = answer.headers['content-type'];
  return type in content ? type : type?.split(';')[0].trim() ?? '';
}

/** Alike but for numbers: a limit, or where something is wrong. */
const withoutNumbers = (value) => JSON.parse(JSON.stringify(value).replace(/\d+/g, '0'));

/** Holds an answer against what the document has of it, and nothing more. Gives which of outcomes() it is.
 *  @param {import('./http.js').Answer & {isStream?: boolean}} answer  isStream: its body is not read
 *  @param {object} response
 *  @param {string} why
 *  @param {{isHead?: boolean, isDirect?: boolean}} [how]  isHead: it has no body; isDirect: not through a web server,
 *      which adds headers */
export function described(answer, response, why, { isHead, isDirect } = {}) {
  const content = response.content ?? {};
  const type = response.content ? mediaType(answer, content) : '';
  assert.ok(!type || type in content, `${why}: ${type} is not in the document`);
  // A page of the web server's own, with its headers.
  if (answer.status >= 400 && type === 'text/html') return type;
  checkHeaders(answer.headers, response.headers, why, isDirect);
  assert.equal(answer.bytes.length > 0 || answer.isStream === true, Boolean(type) && !isHead, `${why}: whether it has a body`);
  if (isHead || !/[/+]json$/.test(type)) return type;
  assert.equal(wrong(content[type].schema, answer.json), undefined, why);
  if (type !== PROBLEM) return type;
  const [name] = problems(response).find(([, value]) => isDeepStrictEqual(withoutNumbers(value), withoutNumbers(answer.json)))
    ?? assert.fail(`${why}: no example is as ${answer.text}`);
  return name;
}

/** The messages of the stream: {name, headers, payload, …}, the last two as schemas. */
export const MESSAGES = Object.values(asyncapi.channels.stream.messages).map(follow);

/** The name of the message that an event is, given its fields; it is exactly one.
 *  @param {[string, string][]} fields */
export function messageOf(fields) {
  const headers = Object.fromEntries(fields.filter(([field]) => field !== 'data')
    .map(([field, value]) => [field, field === 'retry' ? Number(value) : value]));
  const data = fields.filter(([field]) => field === 'data').map(([, value]) => value);
  const unlike = ({ headers: schema, payload }) => wrong(schema, headers)
    ?? (payload ? wrong(payload, JSON.parse(data.join('\n') || 'null')) : data.length ? 'it has no data' : undefined);
  const all = MESSAGES.map((message) => ({ name: message.name, why: unlike(message) }));
  const found = all.filter(({ why }) => why === undefined);
  assert.equal(found.length, 1, `${JSON.stringify(fields)} is ${found.length} messages:\n${all.map(({ name, why }) => `${name}: ${why}`).join('\n')}`);
  return found[0].name;
}
