// "drawbridge doctor" on configurations of each web server that buffer, compress and cut:
// what it finds, and that it names the line to change.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { command } from './lib/command.js';
import { Front, missingFront } from './lib/fronts.js';
import { seconds, steps } from './lib/pace.js';
import { proxyLines } from './lib/documents.js';
import { parse } from './lib/prometheus.js';
import { Server } from './lib/server.js';
import { SERVER } from './lib/suite.js';
import { randomSecret } from './lib/tokens.js';
import { WAIT_MS } from './lib/wait.js';

const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-doctor-'));
after(() => rmSync(folder, { recursive: true, force: true }));

// A ping comes soon, or, where a timeout of 3 s must be shorter, not soon.
const QUICK = { PING: 1, GRACE: seconds(2, 20) };
const SLOW = { PING: 10 };
const WAIT = seconds(5, 10); // for an answer
const HOLD = ['--hold', '5'];
// Longer than it is waited for the end of a connection to arrive: a ping is sent, too.
const LONG_PING = Math.ceil(WAIT / 10) + seconds(1, 10);
const CUT_MS = 4_000 + steps(20); // all but the hold is over by then

let starts = 0;

/**
 * Starts a server with these lines in its configuration, and asks the doctor.
 * @param {{lines?: string, settings?: Record<string, any>, mount?: string, at?: string, args?: string[],
 *     env?: (server: Server) => Record<string, string>, proxy?: (port: string) => Promise<net.Server>, front?: string[]}} how
 *     at: the path that it asks; env: settings of the doctor's own; proxy: starts what stands in between;
 *     front: which of lib/fronts.js does, and lines of its configuration
 */
async function doctor({ lines = '', settings = QUICK, mount = '/', at = mount, args = HOLD, env, proxy, front: [name, more] = [] }) {
  const include = path.join(folder, `${++starts}.conf`);
  writeFileSync(include, `${lines}\n`);
  const server = await Server.start({
    kind: SERVER, mount, include, settings: { SECRET: randomSecret(), ACCESS_RATE: 0, ...settings },
  });
  const url = new URL(at, server.base);
  let front, other;
  try {
    if (name) {
      other = await Front.start(name, server.base, more);
      url.port = other.base.port;
    }
    if (proxy) {
      front = await proxy(url.port);
      url.port = String(/** @type {net.AddressInfo} */ (front.address()).port);
    }
    const answer = await command(server.drawbridge, ['doctor', '--wait', String(WAIT), ...args, url.href], env?.(server));
    return { ...answer, counts: settings.METRICS_TOKEN && await counts(server, settings.METRICS_TOKEN) };
  } finally {
    front?.close();
    await other?.stop();
    await server.stop();
  }
}

/** What the server has counted. */
async function counts(server, token) {
  const answer = await fetch(new URL('metrics', server.base), { headers: { Authorization: `Bearer ${token}` } });
  return parse(await answer.text());
}

/** All is right. */
function well({ status, out, err }) {
  assert.equal(err, '');
  assert.doesNotMatch(out, /^FAIL/m);
  assert.match(out, /\n\d+ passed, 0 failed\n$/);
  assert.equal(status, 0, out);
}

/** It found this, names this line, and found nothing else. */
function found({ status, out, err }, what, line) {
  assert.equal(err, '');
  const wrong = out.split('\n').filter((text) => text.startsWith('FAIL'));
  assert.equal(wrong.length, 1, out);
  assert.match(wrong[0], what, out);
  assert.ok(out.includes(line), `${line}:\n${out}`);
  assert.equal(status, 1);
}

/** Something in between, which cuts whatever is older than that, with the next that comes: so it is not silence. */
function cutter(port) {
  const front = net.createServer((client) => {
    const server = net.connect({ host: '127.0.0.1', port: Number(port) });
    const end = () => { client.destroy(); server.destroy(); };
    const timer = setTimeout(() => server.once('data', end), CUT_MS);
    client.pipe(server).pipe(client);
    for (const one of [client, server]) {
      one.on('error', end);
      one.on('close', () => { clearTimeout(timer); end(); });
    }
  });
  return new Promise((resolve) => { front.listen(0, '127.0.0.1', () => resolve(front)); });
}

/** All is right, and a stream that is not read is ended. */
async function shipped() {
  const answer = await doctor({ settings: { ...QUICK, SEND_TIMEOUT: 2 }, args: [...HOLD, '--unread', '6'] });
  well(answer);
  assert.match(answer.out, /^ok +unread: .* was ended, after \d+ KiB$/m);
}

const STREAM_ENV = 'InitialEnv DRAWBRIDGE_CONF=${drawbridge_conf} InitialEnv DRAWBRIDGE_MOUNT=${drawbridge_mount}';
// A way of its own to stream.fcgi: what the shipped configuration says of its name is decided.
const streamProxy = (parameters) => `<Proxy "unix:\${drawbridge_sockets}/stream.sock|fcgi://other/">
    ProxySet enablereuse=off ${parameters}
  </Proxy>
  <Directory "\${drawbridge_programs}">
    <Files "stream.fcgi">
      SetHandler "proxy:unix:\${drawbridge_sockets}/stream.sock|fcgi://other/"
    </Files>
  </Directory>`;

// The site's own location comes first.
const nginxStream = (lines, mount = '/') => `location ~ "^${mount}connect$" {
  include nginx/drawbridge-common.conf;
  location ~ "connect$" { fastcgi_pass drawbridge_stream; ${lines} }
}`;

// No ping tells what the doctor is to tell.
const QUIET = { settings: { ...QUICK, PING: LONG_PING }, args: ['--hold', String(2 * LONG_PING + 1)] };

/** A case that wants this proxy. */
const behind = (name, run) => Object.assign(run, { skip: missingFront(name) });

const CASES = {
  lighttpd: {
    'behind nginx, as drawbridge-operations(7) has it': behind('nginx', async () => well(await doctor({ ...QUIET, front: ['nginx', proxyLines('nginx')] }))),

    'behind nginx that passes on the host without its port': behind('nginx', async () => found(await doctor({
      front: ['nginx', 'proxy_set_header Host $host;'],
    }), /host: a page of http:\/\/127\.0\.0\.1:\d+ is refused its own cookie/, 'nginx: proxy_set_header Host $http_host;')),

    'behind nginx that does not say who asks, with /metrics for this host': behind('nginx', async () => found(await doctor({
      front: ['nginx', 'proxy_set_header Host $http_host;'], settings: { ...QUICK, METRICS_FROM: '127.0.0.1 ::1' },
    }), /metrics: anyone can read them from here/, 'DRAWBRIDGE_METRICS_FROM: without')),

    'behind HAProxy, as it comes': behind('haproxy', async () => {
      const answer = await doctor({ ...QUIET, front: ['haproxy'] });
      found(answer, /end of bob's stream is only noticed when something is sent/, 'HAProxy: option abortonclose');
      assert.doesNotMatch(answer.out, /^ +lighttpd:/m, 'which is right');
    }),

    'behind HAProxy, as drawbridge-operations(7) has it': behind('haproxy', async () => well(await doctor({ ...QUIET, front: ['haproxy', proxyLines('HAProxy')] }))),

    'behind HAProxy what a client does not read is in the connection between': behind('haproxy', async () => {
      const answer = await doctor({ settings: { ...QUICK, SEND_TIMEOUT: 2 }, args: [...HOLD, '--unread', '6'], front: ['haproxy', proxyLines('HAProxy')] });
      well(answer);
      assert.match(answer.out, /^(note +unread: .* between a proxy and the web server|ok +unread: .* was ended, after \d+ KiB)$/m);
    }),

    'behind Caddy, as it comes': behind('caddy', async () => well(await doctor({ ...QUIET, front: ['caddy'] }))),

    'behind mod_proxy, which tells the end of a client late: a note': behind('mod_proxy', async () => {
      const answer = await doctor({ ...QUIET, front: ['mod_proxy', proxyLines('Apache')] });
      well(answer);
      assert.match(answer.out, /^note +return: .*: mod_proxy reports it no sooner$/m);
    }),

    'stream-response-body = 0 buffers': async () => found(await doctor({
      lines: '$HTTP["url"] =~ "connect$" { server.stream-response-body = 0 }',
    }), /stream: it is buffered/, 'server.stream-response-body = 2'),

    'stream-response-body = 1 takes any amount for a client that does not read': async () => found(await doctor({
      lines: '$HTTP["url"] =~ "connect$" { server.stream-response-body = 1 }',
      settings: { ...QUICK, SEND_TIMEOUT: 2 }, args: [...HOLD, '--unread', '6'],
    }), /unread: .* was kept, with all of 1406 KiB/, 'server.stream-response-body = 2   (not 1'),

    'as it is shipped': shipped,

    'of its many streams none ends the incarnation of another': async () => {
      const answer = await doctor({ settings: { ...QUICK, METRICS_TOKEN: 'a-token-for-metrics' } });
      well(answer);
      assert.equal(answer.counts['drawbridge_connects_total{outcome="new"}'], 2, 'those of ann and bob');
    },

    'max-write-idle shorter than the ping cuts': async () => found(await doctor({
      lines: '$HTTP["url"] =~ "connect$" { server.max-write-idle = 3 }', settings: SLOW, args: ['--hold', '12'],
    }), /the stream was cut .* s of silence/, 'server.max-write-idle = 360'),

    'what cuts by age is told from what cuts by silence': async () => found(await doctor({ proxy: cutter, args: ['--hold', String(Math.ceil(CUT_MS / 1000) + 2 * LONG_PING)] }),
      /the stream was cut \d+\.\d s after it began/, 'DRAWBRIDGE_STREAM_AGE below what cuts the stream'),

    'mod_deflate leaves streams alone': async () => well(await doctor({
      lines: 'server.modules += ( "mod_deflate" )\ndeflate.mimetypes = ( "text/" )\n'
        + 'deflate.allowed-encodings = ( "gzip" )',
    })),

    'too few connections': async () => {
      const { status, out } = await doctor({ lines: 'server.max-connections := 12' });
      assert.match(out, /^FAIL +processes: only \d+ of 20 streams are open/m);
      assert.match(out, /^FAIL +processes: no other request is answered meanwhile/m);
      assert.ok(out.includes('lighttpd: server.max-connections = '), out);
      assert.equal(status, 1);
    },

    'without tcp-fin-propagate': async () => found(await doctor({
      lines: `$HTTP["url"] =~ "connect$" { fastcgi.server = ( "" => ((
        "socket" => var.drawbridge_sockets + "/other.sock", "bin-path" => var.drawbridge_stream,
        "bin-environment" => ( "DRAWBRIDGE_CONF" => var.drawbridge_conf ),
        "max-procs" => 1, "check-local" => "disable" ))) }`,
      settings: { ...QUICK, PING: LONG_PING }, args: ['--hold', String(2 * LONG_PING + 1)],
    }), /end of bob's stream is only noticed when something is sent/, '"tcp-fin-propagate" => "enable"'),

    'a page that answers POST': async () => found(await doctor({
      lines: `$HTTP["request-method"] == "POST" {
        url.rewrite-once = ( "^/[A-Za-z0-9_-]{20}$" => "/static/index.html" )
        $HTTP["url"] == "/static/index.html" { fastcgi.server := () alias.url = ( "/static/" => var.drawbridge_page + "/" ) } }`,
    }), /page: status 200 for a POST on it, not 405/, '$HTTP["request-method"] =~ "^(GET|HEAD)$"'),

    'another mount': async () => found(await doctor({ mount: '/draw/', at: '/sketch/' }),
      /answers: health\/live: status 404, from what stands before the program/, 'var.drawbridge_mount := "/sketch/"'),

    'tokens that it signs itself, where /access is off': async () => {
      const off = { ...QUICK, ACCESS: 'off' };
      found(await doctor({ settings: off }), /access .*--sign.*: status 404/, 'DRAWBRIDGE_MOUNT=/');
      well(await doctor({ settings: off, args: ['--sign', ...HOLD], env: ({ conf }) => ({ CONF: conf }) }));
    },
  },

  apache: {
    'behind HAProxy, as it comes': behind('haproxy', async () => well(await doctor({ front: ['haproxy'] }))),

    'as it is shipped': shipped,

    'mod_deflate compresses, and all else is right': async () => found(await doctor({
      mount: '/draw/', lines: 'SetOutputFilter DEFLATE\nSetEnvIf Request_URI "connect$" !no-gzip',
    }), /stream: it is compressed \(gzip\)/, 'SetEnvIf Request_URI "^/draw/connect$" no-gzip=1 no-brotli=1'),

    'FcgidOutputBufferSize as it comes buffers': async () => found(await doctor({
      lines: 'FcgidOutputBufferSize 65536',
    }), /stream: it is buffered/, 'FcgidOutputBufferSize 0'),

    'IOTimeout shorter than the ping cuts': async () => found(await doctor({
      lines: `FcgidCmdOptions \${drawbridge_programs}/stream.fcgi MaxProcesses 100 IOTimeout 3 ${STREAM_ENV}`,
      settings: SLOW, args: ['--hold', '12'],
    }), /the stream was cut .*\(with a page of the web server in it\)/, 'FcgidIOTimeout 180'),

    'MaxProcesses 1': async () => found(await doctor({
      lines: `FcgidCmdOptions \${drawbridge_programs}/stream.fcgi MaxProcesses 1 IOTimeout 180 ${STREAM_ENV}`,
    }), new RegExp(`stream: no answer in ${WAIT} s, nor to HEAD`), 'FcgidMaxProcesses 1000'),

    'MaxProcesses 6': async () => found(await doctor({
      lines: `FcgidCmdOptions \${drawbridge_programs}/stream.fcgi MaxProcesses 6 IOTimeout 180 ${STREAM_ENV}`,
    }), /processes: only \d of 20 streams are open/, 'FcgidMaxProcesses 1000'),

    'without CGIPassAuth': async () => found(await doctor({
      lines: '<Directory "${drawbridge_programs}">\nCGIPassAuth Off\n</Directory>',
    }), /join: status 401/, 'CGIPassAuth On'),

    'a page that answers POST': async () => found(await doctor({
      lines: 'SetEnvIf Request_Method "^POST$" drawbridge_files=${drawbridge_share}/page',
    }), /page: status 200 for a POST on it, not 405/, 'SetEnvIf Request_Method "^(GET|HEAD)$"'),
  },

  'apache-proxy': {
    'as it is shipped': shipped,

    'flushpackets=off buffers': async () => found(await doctor({
      lines: streamProxy('flushpackets=off timeout=180'),
    }), /it is buffered/, 'ProxySet flushpackets=on'),

    'timeout shorter than the ping cuts': async () => found(await doctor({
      lines: streamProxy('flushpackets=on timeout=3'),
      settings: SLOW, args: ['--hold', '12'],
    }), /the stream was cut .* s of silence/, 'ProxySet timeout=180'),
  },

  nginx: {
    'as it is shipped': shipped,

    'gzip compresses, and all else is right': async () => found(await doctor({
      mount: '/draw/', lines: nginxStream('fastcgi_buffering off; gzip on; gzip_types text/event-stream;', '/draw/'),
    }), /stream: it is compressed \(gzip\)/, 'nginx: gzip off;   (where "/draw/connect" is handled)'),

    'fastcgi_read_timeout shorter than the ping cuts': async () => found(await doctor({
      lines: nginxStream('fastcgi_buffering off; fastcgi_read_timeout 3s;'), settings: SLOW, args: ['--hold', '12'],
    }), /the stream was cut .* s of silence/, 'nginx: fastcgi_read_timeout 180s;'),

    'a page that answers POST': async () => found(await doctor({
      lines: `location ~ "^/[A-Za-z0-9_-]{20}$" { 
        alias install/usr/local/share/drawbridge/page/index.html; default_type text/html; error_page 405 =200 $uri; }`,
    }), /page: status 200 for a POST on it, not 405/, 'nginx: error_page 404 405 = '),

    'another mount': async () => found(await doctor({ mount: '/draw/', at: '/sketch/' }),
      /answers: health\/live: status 404, from what stands before the program/, 'nginx: location ~ "^/sketch/..."'),
  },
};

// They wait more than they work.
describe(`doctor (${SERVER})`, { concurrency: 3, timeout: 30 * WAIT_MS }, () => {
  for (const [name, run] of Object.entries(CASES[SERVER] ?? {})) it(name, { timeout: 12 * WAIT_MS, skip: run.skip }, run);
});
