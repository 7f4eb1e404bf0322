// The stacks of all threads: what the deepest request that is taken needs of them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { refused, refusedBySome } from './lib/http.js';
import { SERVER, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';

const DEPTH = 128; // JSON_DEPTH_MAX
const MARGIN = 4; // so many times what was needed is there

/** Of each stack: its KiB, and those that were ever used. Below that of a thread lies one page that nobody may touch; that
 *  of the main thread grows up to a limit. */
function stacks(pid) {
  const [, limit] = /^Max stack size +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'));
  const maps = readFileSync(`/proc/${pid}/smaps`, 'latin1').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).map((text) => ({
    main: /^\S+ .*\[stack\]$/m.test(text),
    guard: /^\S+ ---p /.test(text),
    writable: /^\S+ rw-p /.test(text),
    size: Number(/^Size: +(\d+)/m.exec(text)?.[1]),
    used: Number(/^Rss: +(\d+)/m.exec(text)?.[1]),
  }));
  const ofThreads = maps.filter((map, i) => i && map.writable && map.size >= 128 && map.size <= 8192 && maps[i - 1].guard && maps[i - 1].size === 4);
  const { used } = maps.find(({ main }) => main);
  return [{ used, size: Number(limit) / 1024 }, ...ofThreads];
}

suite('stacks', { settings: { RATE: 0 } }, (site, it) => {
  it('the deepest token and body leave three quarters of every stack untouched', { memory: true }, async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const nested = (levels, open, middle, close) => open.repeat(levels) + middle + close.repeat(levels);
    for (const kind of [['[', '', ']'], ['{"a":', '1', '}']]) {
      for (const levels of [DEPTH, DEPTH + 1]) {
        const good = levels === DEPTH;
        const body = nested(levels, ...kind);
        const answer = await ann.ask('POST', `/relay/${bob.id}/x`, body);
        assert.equal(answer.status, good ? 200 : 400, answer.text);
        // A stream's body is read too, before it is known that nobody wants it. lighttpd lets no GET have one.
        const stream = await ann.ask('GET', '/connect', body, { 'Content-Length': body.length, Accept: 'text/html' });
        refusedBySome(stream, good && SERVER !== 'lighttpd' ? [406] : [400], `${levels} levels`);
        const peer = site.peer({ more: JSON.parse(nested(levels - 1, ...kind)) });
        if (good) (await peer.open()).cut();
        else refused(await peer.ask('GET', '/connect'), 401, `${levels} levels`);
      }
    }
    for (const program of ['signal.fcgi', 'stream.fcgi']) {
      for (const pid of site.processes(program)) {
        const all = stacks(pid);
        const figures = `${program}: ${all.map(({ used, size }) => `${used} of ${size} KiB`).join(', ')}`;
        console.log(figures);
        assert.notEqual(all.length, 0, figures);
        for (const { used, size } of all) assert.ok(used * MARGIN <= size, figures);
      }
    }
  });
});
