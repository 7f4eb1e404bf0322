// The smoke test of a deployment as quickstart makes it, with the preset times: each of its lines is a test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smoke } from './http/lib/command.js';
import { Server } from './http/lib/server.js';
import { WAIT_MS } from './http/lib/wait.js';

const { SERVER: kind = 'lighttpd', MOUNT: mount = '/' } = process.env;

test(`smoke (${kind} ${mount})`, { timeout: 15 * WAIT_MS }, async (t) => {
  const server = await Server.start({ kind, mount, settings: {} });
  try {
    const { status, out } = await smoke(server.base);
    for (const [, word, title] of out.matchAll(/^(ok|FAIL) +(.*)$/gm)) await t.test(title, () => assert.equal(word, 'ok'));
    assert.equal(status, 0, `${out}\n${server.read().map(([name, text]) => `--- ${name}\n${text}`).join('\n')}`);
    await server.stop();
  } finally {
    await server.abandon();
  }
});
