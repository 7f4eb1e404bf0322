// Web servers that are reloaded and restarted, and programs that are, while relays go on.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach } from 'node:test';
import { command } from '../http/lib/command.js';
import { AT_STOP } from '../http/lib/logs.js';
import { seconds } from '../http/lib/pace.js';
import { missing } from '../http/lib/programs.js';
import { OUTSIDE, SERVER, suite } from '../http/lib/suite.js';
import { Talk } from '../http/lib/talk.js';
import { randomId } from '../http/lib/tokens.js';
import { until, WAIT_MS } from '../http/lib/wait.js';
import { WebServer } from '../http/lib/web-server.js';
import { ROUNDS } from './lib/rounds.js';

const ROOM = 50, STREAMS = ROOM * (SERVER === 'apache' ? Math.min(ROUNDS, 2) : 2 * Math.min(ROUNDS, 5));
const settings = { PING: 2, GRACE: seconds(10, 10), RATE: 0, RATE_BYTES: 0, ROOM_PEERS: 64 };
const allowed = [
  ...AT_STOP, // it is, or its children are
  // lighttpd goes on with what was under way, and tells of programs that have ended.
  /\(server\.c\.\d+\) \[note\] (graceful shutdown started|pid \d+ continuing to handle \d+ connection)/,
  /gw_backend\.c\.\d+\) (child exited: 0|connect(\(\))? \S+: Connection refused)/,
  // Apache.
  /AH00493: SIGUSR1 received|AH00492: caught SIGWINCH/,
  // It ends in order only when all streams have, of which it was told not to wait.
  /AH0004[56]: child process \d+ still did not exit/,
  // nginx likewise.
  /\[alert\] \d+#\d+: (\*\d+ open socket #\d+ left in connection \d+|aborting)$/,
];

/** Relays in rooms of 50 while something is done to the server. Gives what requests got
 *  instead of an answer, and how many streams ended. */
async function during(site, what) {
  const talks = [];
  while (talks.length < STREAMS / ROOM) talks.push(await Talk.start(site, randomId('r'), ROOM, 1_000));
  const followers = talks.flatMap((talk) => talk.followers);
  const enough = (count) => Promise.all(talks.map((talk) => talk.enough(count)));
  await enough(2);
  await what(site.servers[0], {
    enough,
    /** Until each stream has ended and is back. */
    back: () => until(() => followers.every((one) => one.isBack), () =>
      `all to be back: ${followers.filter((one) => one.isBack).length} are`, 3 * WAIT_MS),
  });
  await enough(2);
  const ended = followers.filter((one) => one.breaks).length;
  for (const talk of talks) await talk.verdict();
  return { failures: talks.flatMap((talk) => talk.failures), ended };
}

const units = OUTSIDE;
const noUnits = missing('systemd-socket-activate');
if (SERVER !== 'spread') {
  suite('web server', {
    settings, allowed, skip: units ? noUnits : undefined, through: (site) => WebServer.instead(site, { units }),
  }, (site, it) => {
    afterEach(() => Talk.end());

    // With programs of its own they end, too.
    if (!units) {
      it(`is reloaded with ${STREAMS} streams: they return, and nothing is lost`, () => during(site, async (server, { back }) => {
        server.reload();
        await back();
      }));
    }

    it(`is restarted with ${STREAMS} streams: they return, and nothing is lost`, () => during(site, async (server, { back }) => {
      await server.end();
      await server.begin();
      await back();
    }));
  });
}

if (SERVER === 'lighttpd' || OUTSIDE) {
  suite('socket units', {
    settings, allowed, skip: noUnits, through: (site) => WebServer.instead(site, { units: true }),
  }, (site, it) => {
    afterEach(() => Talk.end());

    it('a program that has ended is started by the next request, and by nothing else', async () => {
      const server = /** @type {WebServer} */ (site.servers[0]);
      for (const name of ['signal', 'stream']) {
        await server.restartUnit(name);
        await server.waits(name);
        assert.deepEqual(server.processes(`${name}.fcgi`), []);
      }
      const ann = site.peer();
      const stream = await ann.open();
      assert.equal(server.processes('stream.fcgi').length, 1);
      assert.deepEqual(server.processes('signal.fcgi'), []);
      await ann.join(randomId('r'));
      assert.equal(server.processes('signal.fcgi').length, 1);
      stream.cut();
    });

    it('systemd finds no fault in the units', async () => {
      const { logs, origin } = /** @type {WebServer} */ (site.servers[0]);
      const folder = path.join(path.dirname(logs), 'install/usr/local/lib/systemd/system');
      for (const name of readdirSync(folder).filter((one) => one.endsWith('.service'))) {
        const file = path.join(folder, name);
        writeFileSync(file, readFileSync(file, 'utf8')
          .replace(/^ExecStart=\S*\/(\S+)/m, (_, program) => `ExecStart=${program === 'drawbridge' ? origin.drawbridge : `${origin.programs}/${program}`}`));
      }
      const { status, out, err } = await command('systemd-analyze', ['verify', '--man=no',
        ...readdirSync(folder).map((name) => path.join(folder, name))]);
      assert.deepEqual({ status, out, err }, { status: 0, out: '', err: '' });
    });

    it(`programs are restarted with ${STREAMS} streams: no request fails, nothing is lost`, async () => {
      const { failures } = await during(site, async (server, { back }) => {
        await Promise.all(['signal', 'stream'].map((name) => server.restartUnit(name)));
        await back();
      });
      assert.deepEqual(failures, []);
    });

    it(`the web server is reloaded with ${STREAMS} streams: no gap, nothing is lost`, async () => {
      const { failures, ended } = await during(site, async (server, { back, enough }) => {
        server.reload();
        await (SERVER === 'lighttpd' ? back() : enough(10));
      });
      if (SERVER === 'lighttpd') {
        // In the moment of the signal, some 10 ms, it may close connections that it has accepted
        // and of which it has read nothing: a browser tries again by itself. Nobody is turned away.
        assert.deepEqual(failures.filter((what) => what !== 'ECONNRESET'), []);
        assert.ok(failures.length <= STREAMS / 25, `${failures.length} connections were reset`);
        assert.equal(ended, STREAMS);
      } else {
        assert.deepEqual(failures, []);
        assert.equal(ended, 0);
      }
    });
  });
}
