// The smoke test of a deployment as quickstart makes it, with the preset times: each of its lines is a test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smoke } from './http/lib/command.js';
import { Front, missingFront } from './http/lib/fronts.js';
import { caddyfile } from './http/lib/documents.js';
import { Server } from './http/lib/server.js';
import { WAIT_MS } from './http/lib/wait.js';

const { SERVER: kind = 'lighttpd', MOUNT: mount = '/' } = process.env;

const isCaddy = kind === 'caddy';
const skip = isCaddy ? missingFront('caddy_fastcgi') : undefined;
test(`smoke (${kind} ${mount})`, { timeout: 15 * WAIT_MS, skip }, async (t) => {
  const server = await Server.start({ kind: isCaddy ? 'nginx' : kind, mount, settings: {} });
  let front;
  try {
    // Beside a server whose programs it asks.
    if (isCaddy) front = await Front.start('caddy_fastcgi', server.base, caddyfile(server));
    const { status, out } = await smoke((front ?? server).base);
    for (const [, word, title] of out.matchAll(/^(ok|FAIL) +(.*)$/gm)) await t.test(title, () => assert.equal(word, 'ok'));
    assert.equal(status, 0, `${out}\n${server.read().map(([name, text]) => `--- ${name}\n${text}`).join('\n')}`);
    assert.doesNotMatch(front?.said ?? '', /token=/);
    await server.stop();
  } finally {
    await front?.stop();
    await server.abandon();
  }
});
