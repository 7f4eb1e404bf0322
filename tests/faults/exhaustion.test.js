// What a host runs out of: the disk under the logs, and descriptors.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { refused } from '../http/lib/http.js';
import { unprivileged } from '../http/lib/netns.js';
import { steps } from '../http/lib/pace.js';
import { isRelayed } from '../http/lib/peer.js';
import { missing } from '../http/lib/programs.js';
import { OUTSIDE, SERVER, suite } from '../http/lib/suite.js';
import { randomId } from '../http/lib/tokens.js';
import { timed, until } from '../http/lib/wait.js';
import { WebServer } from '../http/lib/web-server.js';

const IN_TIME_MS = 3_000 + steps(4);

if (SERVER !== 'spread') {
  const units = OUTSIDE;
  const allowed = [
    // The web server's, and lines of which the disk took a part, perhaps with the next behind it.
    /No space left on device/, /^\S+( \S*){0,2}( \[[^"]*("POST [^"]*)?)?$/, /^[ -~]*info at=http\.refuse status=401 /,
    /^\[[^\]]*(\] \[[^\]]*)*(\] ?(\(28\).*)?)?$/,
  ];
  suite('disk', {
    allowed, skip: unprivileged ?? (units ? missing('systemd-socket-activate') : undefined),
    through: (site) => WebServer.instead(site, { units, disk: true }),
  }, (site, it) => {
    const count = (line) => site.servers[0].read().map(([, text]) => text).join('\n').split(line).length;
    const accesses = () => count(/"POST [^ ]*\/join HTTP[^"]*" 401/);
    const refusals = () => count('at=http.refuse status=401'); // one a second at most

    it('full under the logs: everything works on, and lines are written again when there is room', async () => {
      const server = /** @type {WebServer} */ (site.servers[0]);
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      server.fillDisk();
      const before = accesses();
      const inTime = async (asked) => {
        const { value, ms } = await timed(() => asked);
        assert.ok(ms < IN_TIME_MS, `${ms} ms`);
        return value;
      };
      for (let i = 0; i < 100; i++) refused(await inTime(site.request('POST', `/${room}/join`)), 401); // each a line of the web server's
      assert.equal(await inTime(ann.relay(bob, 'x', 'y'.repeat(60_000))), true);
      isRelayed(await inTime(bob.stream.next()), ann, 'x', 'y'.repeat(60_000));
      const cat = site.peer();
      const stream = await inTime(cat.open());
      assert.equal((await inTime(cat.join(room))).length, 2);
      stream.cut();
      assert.ok(accesses() - before < 100, 'the disk was full');
      server.emptyDisk();
      const now = [accesses(), refusals()];
      await until(async () => {
        refused(await site.request('POST', `/${room}/join`), 401);
        return accesses() > now[0] && refusals() > now[1];
      }, 'lines in the logs');
    });
  });
}

// mod_fcgid gives each stream a process of its own.
if (SERVER === 'lighttpd' || OUTSIDE) {
  const STREAMS = 30, OTHERS = 56, AT_ONCE = 300;
  suite('descriptors', { allowed: [/^warn at=(stream\.open .*RLIMIT_NOFILE|fcgi\.accept why=Too many open files$)/] }, (site, it) => {
    it('used up: one more stream is refused at once, with a line; who has one keeps it', async () => {
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      const [pid] = site.processes('stream.fcgi');
      // As the user whose process it is, which not even root may do otherwise in a container.
      const { uid, gid } = statSync(`/proc/${pid}`);
      const as = process.getuid() === 0 ? ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'] : [];
      const [command, ...args] = [...as, 'prlimit', '--pid', String(pid), `--nofile=${2 * STREAMS + OTHERS}:`];
      execFileSync(command, args);
      const streams = [];
      for (let i = 2; i < STREAMS; i++) streams.push(await site.peer().open());

      const many = (path) => timed(() => Promise.all(Array.from({ length: AT_ONCE },
        () => site.peer().ask('GET', path, undefined, {}, false)))); // each has a connection of its own
      const { ms: usual } = await many('/health/live');
      const { value, ms } = await many('/connect');
      for (const answer of value) refused(answer, 503);
      assert.ok(ms < IN_TIME_MS + usual, `the last of ${AT_ONCE} after ${ms} ms, of answers ${usual} ms`);
      const log = site.servers[0].read().map(([, text]) => text).join('\n');
      assert.match(log, new RegExp(`^warn at=stream\\.open streams=\\d+ why=RLIMIT_NOFILE is ${2 * STREAMS + OTHERS}$`, 'm'));

      assert.equal(await ann.relay(bob, 'x', 1), true);
      isRelayed(await bob.stream.next(), ann, 'x', 1);
      await Promise.all([ann.stream, ...streams].map((stream) => stream.ping(1)));
      streams[0].cut();
      const late = site.peer();
      await until(async () => {
        const stream = await late.try();
        if (stream.status !== 200) stream.cut();
        return stream.status === 200;
      }, 'room for one more');
    });
  });
}
