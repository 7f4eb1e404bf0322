// suites.js - which suites there are, what each consists of, and what may not run beside others.
//
// A suite is NAME[:SERVER[:MOUNT]]. It consists of jobs, which run side by side; one of them alone is
// SUITE/FILE, as http:lighttpd/rooms. Each job has servers, a Redis, a folder, ports and shared memory of its own.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const TESTS = fileURLToPath(new URL('..', import.meta.url));
export const TOP = path.dirname(path.resolve(TESTS));

/**
 * Jobs that run while nothing else does, and why. Whatever else measures time allows for a machine that
 * is busy (http/lib/pace.js); what it kills, fills up or cuts off is its own.
 */
const ALONE = {
  'browser/frames': 'how long a frame takes in the page itself, to the millisecond: with other jobs it is their time, too',
};

/** Jobs of which one runs at a time: each keeps all processors busy by itself, so that together they only take longer.
 *  (lint does, too. It takes longer than any, so it is at work besides, from the beginning.) */
const BUSY = ['distcheck', 'unit', 'asan/build', 'tsan/build', 'asan/unit',
  'faults:lighttpd/malformed', 'faults:apache/malformed', 'faults:apache-proxy/malformed', 'faults:nginx/malformed'];

/** Files whose tests add networks and addresses. Each of their jobs does so in a network of its own: a browser that sees a
 *  change of its network abandons what it was loading. */
const NETWORKS = ['far', 'network', 'return'];

const MOUNTS = { apache: '/draw/' };

// The suites that say most on programs with a sanitizer.
const SANITIZERS = {
  asan: { list: 'address,undefined', files: ['relay', 'rooms', 'resume', 'presence', 'stream', 'stop', 'errors', 'access', 'limits',
    'metrics', 'redis', 'redis-tls', 'fastcgi', 'server'], unit: true },
  tsan: { list: 'thread', files: ['relay', 'rooms', 'resume', 'presence', 'stream', 'stop', 'fastcgi'] },
};
for (const name of Object.keys(SANITIZERS)) SANITIZERS[`${name}-all`] = { list: SANITIZERS[name].list };

export const WHOLE = ['unit', 'page', 'model', 'bench', 'lint', 'distcheck', 'install',
  'smoke:lighttpd:/', 'smoke:lighttpd:/draw', 'smoke:apache:/', 'smoke:apache-proxy:/', 'smoke:nginx:/', 'smoke:nginx:/draw', 'smoke:caddy:/',
  'smoke:lighttpd-cgi:/', 'smoke:apache-cgi:/',
  'http:lighttpd', 'http:apache', 'http:apache-proxy', 'http:nginx', 'asan', 'tsan',
  'faults:lighttpd', 'faults:apache', 'faults:apache-proxy', 'browser', 'interop'];

/** What somebody runs after each change: less than a minute on two processors that are idle, of whose time it takes a minute. */
export const QUICK = ['unit', 'page', 'smoke:lighttpd:/', ...['rooms', 'relay', 'stream', 'resume'].map((file) => `http:lighttpd/${file}`)];

const files = (folder) => readdirSync(path.join(TESTS, folder))
  .filter((name) => name.endsWith('.test.js')).map((name) => name.slice(0, -'.test.js'.length));

// A job is a file of tests (file), a target of make (make), or another command (command).
const fileJob = (suite, folder, name, env = {}, more = {}) =>
  ({ name: `${suite}/${name}`, suite, file: path.join(TESTS, folder, `${name}.test.js`), env, ownNetwork: NETWORKS.includes(name), ...more });

function ofFolder(suite, folder, env) {
  return files(folder).map((name) => fileJob(suite, folder, name, env));
}

function sanitized(suite, kind, build) {
  const { list, unit, files: names = files('http') } = SANITIZERS[kind];
  const folder = path.join(build, `sanitize-${list}`);
  const needs = `${suite}/build`;
  return [
    { name: needs, suite, command: [path.join(TOP, 'quickstart'), 'build'], env: { SANITIZE: list } },
    ...names.map((name) => fileJob(suite, 'http', name, { SANITIZE: list, SERVER: 'lighttpd', MOUNT: '/' }, { needs })),
    ...(unit ? [{ name: `${suite}/unit`, suite, make: 'check', build: folder, needs }] : []),
  ];
}

const KINDS = {
  unit: (suite, at, build) => [{ name: suite, suite, make: 'check', build }],
  lint: (suite, at, build) => [{ name: suite, suite, make: 'lint', build }],
  distcheck: (suite, at, build) => [{ name: suite, suite, make: 'distcheck', build }],
  install: (suite) => ofFolder(suite, 'install'),
  page: (suite) => ofFolder(suite, 'page'),
  model: (suite) => ofFolder(suite, 'model'),
  bench: (suite) => ofFolder(suite, 'bench'),
  browser: (suite) => ofFolder(suite, 'browser'),
  interop: (suite) => ofFolder(suite, 'interop'),
  smoke: (suite, at) => [{ name: suite, suite, file: path.join(TESTS, 'smoke.test.js'), env: { SERVER: at.server, MOUNT: at.mount } }],
  http: (suite, at) => ofFolder(suite, 'http', { SERVER: at.server, MOUNT: at.mount }),
  faults: (suite, at) => ofFolder(suite, 'faults', { SERVER: at.server, MOUNT: at.mount }),
};

/** Which suites want a web server's name. */
const SERVED = { smoke: ['lighttpd', 'apache', 'apache-proxy', 'nginx', 'caddy', 'lighttpd-cgi', 'apache-cgi'],
  http: ['lighttpd', 'apache', 'apache-proxy', 'nginx'], faults: ['lighttpd', 'apache', 'apache-proxy', 'nginx'] };

/** @returns {object[]}  the jobs that this word means */
function jobsOf(word, build) {
  const [, kind, server, mount, file] = /^([a-z-]+)(?::([a-z-]+))?(?::(\/.*)|\/([\w-]+))?$/.exec(word) ?? [];
  const make = KINDS[kind] ?? (SANITIZERS[kind] && ((suite) => sanitized(suite, kind, build)));
  if (!make) throw new Error(`there is no suite ${word}; there are ${[...Object.keys(KINDS), ...Object.keys(SANITIZERS)].join(', ')}`);
  if (SERVED[kind] && !SERVED[kind].includes(server)) {
    throw new Error(`${word}: it wants a web server: ${SERVED[kind].map((name) => `${kind}:${name}`).join(', ')}`);
  }
  if (!SERVED[kind] && server) throw new Error(`${word}: ${kind} has no servers to choose from`);
  const suite = [kind, server, mount].filter(Boolean).join(':');
  const all = make(suite, { server, mount: mount ?? MOUNTS[server] ?? '/' }, build);
  if (!file) return all;
  const chosen = all.filter(({ name }) => name === `${suite}/${file}`);
  if (chosen.length === 0) throw new Error(`${word}: ${suite} has no ${file}; it has ${all.map(({ name }) => name.split('/').pop()).join(', ')}`);
  return [...all.filter(({ name }) => name === chosen[0].needs), ...chosen];
}

/** How long it is likely to take where no run has told. What keeps processors busy and what waits for browsers is long. */
function likelySeconds({ name, suite }) {
  return suite === 'lint' ? 300 : ['browser', 'interop'].includes(suite) || BUSY.includes(name) ? 120 : 30;
}

/** The jobs that these words mean, each once. */
export function jobs(words, build) {
  const all = new Map(words.flatMap((word) => jobsOf(word, build)).map((job) => [job.name, job]));
  return [...all.values()].map((job) => ({ ...job, alone: ALONE[job.name], busy: BUSY.includes(job.name), likely: likelySeconds(job) }));
}
