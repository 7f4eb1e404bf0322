// board.test.js - boards in real browsers: what people see of each other.
import assert from 'node:assert/strict';
import { signal } from '../http/lib/processes.js';
import { alike, wave } from './lib/boards.js';
import { KILLED, suite } from './lib/suite.js';

/** Nothing was connected anew, and nothing was interrupted, since countAnew(). */
async function undisturbed(boards) {
  for (const board of boards) {
    const { connections, fewest } = await board.watched();
    assert.equal(connections, boards.length - 1, 'no new connection');
    assert.ok(fewest >= boards.length - 1, `${fewest} open channels`);
  }
}

// The grace is long: who goes within it was not waited for, but said goodbye.
suite('board', { settings: { GRACE: 10, ROOM_PEERS: 3 }, allowed: KILLED }, (test) => {
  test('three boards over two servers show all strokes, and the same picture', async (room) => {
    const [ann, bob, cat] = await room.people(3);
    await ann.draw(wave(200, 200));
    await bob.draw(wave(240, 260), { colour: 4, width: 16 });
    await cat.draw(wave(300, 230), { colour: 1, width: 7 });
    const { ink } = await alike([ann, bob, cat], 3);
    assert.ok(ink > 5_000, `${ink} pixels`);
    for (const board of [ann, bob, cat]) {
      assert.equal((await board.facts()).points, '60');
      assert.equal(await board.status(), 'Connected');
      assert.equal((await board.others()).length, 2);
      assert.equal((await board.watched()).connections, 2, 'one connection to each other is enough');
    }
  });

  test('points go out while the pen is down', async (room) => {
    const [ann, bob] = await room.people(2);
    await ann.page.mouse.move(200, 200);
    await ann.page.mouse.down();
    await ann.page.mouse.move(300, 250);
    await bob.until({ strokes: 1, points: 2 });
    await ann.page.mouse.move(400, 200);
    await bob.until({ strokes: 1, points: 3 });
    await ann.page.mouse.up();
    await alike([ann, bob], 1);
  });

  test('strokes of two pens at once lie upon each other alike', async (room) => {
    const [ann, bob] = await room.people(2);
    await Promise.all([
      ann.draw(wave(200, 250, 30), { colour: 1, width: 16 }),
      bob.draw(wave(220, 260, 30), { colour: 3, width: 16 }),
    ]);
    await alike([ann, bob], 2);
  });

  test('who comes late gets it all, also on a small screen', async (room) => {
    const [ann] = await room.people(1);
    assert.equal(await ann.status(), 'Connected. Nobody else is here yet.');
    await ann.draw(wave(20, 350)); // to the left of what a phone's width shows of itself
    const phone = await room.board({ viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true });
    const desk = await room.board();
    await phone.until({ strokes: 1, points: 20, peers: 2 });
    await alike([ann, desk], 1);
    const end = Date.now() + 5_000;
    while (!(await phone.picture()).ink) assert.ok(Date.now() < end, 'nothing is seen on the phone');
    await phone.page.touchscreen.tap(20, 700);
    await alike([ann, desk], 2);
  });

  test('who leaves is seen to go at once', async (room) => {
    const [ann, bob, cat] = await room.people(3);
    await cat.draw(wave(200, 200));
    await alike([ann, bob, cat], 1);
    await cat.page.close();
    await Promise.all([ann.meets(1, 5_000), bob.meets(1, 5_000)]);
    assert.equal((await ann.others()).length, 1);
    await alike([ann, bob], 1); // what was drawn stays
  });

  test('who reloads is back, the same, with all strokes', async (room) => {
    const [ann, bob, cat] = await room.people(3);
    await ann.draw(wave(200, 200));
    await cat.draw(wave(300, 300), { colour: 2 });
    await alike([ann, bob, cat], 2);
    const names = (await ann.others()).sort();
    await cat.page.reload();
    for (const board of [ann, bob, cat]) await board.meets(2);
    await alike([ann, bob, cat], 2);
    assert.deepEqual((await ann.others()).sort(), names);
    await cat.draw(wave(200, 400));
    await alike([ann, bob, cat], 3);
  });

  test('all responders are killed, and no channel notices', async (room) => {
    const boards = await room.people(3);
    for (const board of boards) {
      await board.countAnew();
      board.allow(/\/connect /); // a stream that broke off
      board.allow(/\/(access|ice) .*\b50\d\b/); // asked before there is another responder
    }
    for (const name of ['stream.fcgi', 'signal.fcgi']) {
      for (const pid of room.site.processes(name)) signal(pid, 'SIGKILL');
    }
    // Meanwhile it is drawn.
    await Promise.all(boards.map((board) => board.until({ state: 'reconnecting' })));
    await boards[0].draw(wave(200, 200));
    await alike(boards, 1);
    for (const board of boards) await board.meets(2);
    await undisturbed(boards);
    // And signaling works as before.
    await boards[2].page.reload();
    for (const board of boards) await board.meets(2);
    await alike(boards, 1);
  });

  test('Redis forgets everything, and no channel notices', async (room) => {
    const boards = await room.people(3);
    for (const board of boards) await board.countAnew();
    // The streams find out, and the pages join again.
    const joins = boards.map(({ page }) => page.waitForResponse((response) =>
      response.url().endsWith('/join') && response.status() === 200));
    await room.site.redis('FLUSHALL');
    await Promise.all(joins);
    for (const board of boards) await board.meets(2);
    await boards[1].draw(wave(200, 200));
    await alike(boards, 1);
    await undisturbed(boards);
    await boards[2].page.close();
    for (const board of boards.slice(0, 2)) await board.meets(1, 5_000);
  });

  test('two tabs of one browser are two people', async (room) => {
    const [ann] = await room.people(1);
    const tab = room.add(await ann.tab()); // with a copy of the first one's session store
    await Promise.all([ann.meets(1), tab.meets(1)]);
    await tab.draw(wave(200, 200));
    await alike([ann, tab], 1);
    await tab.page.close();
    await ann.meets(0, 5_000);
  });

  test('a full room is waited for', async (room) => {
    const [ann, bob, cat] = await room.people(3);
    const dan = await room.board();
    dan.allow(/\/join .*\b409\b/);
    await dan.until({ state: 'full' });
    assert.equal(await dan.status(), 'The room is full. Waiting for a place…');
    await cat.page.close();
    for (const board of [ann, bob, dan]) await board.meets(2);
    assert.equal(await dan.status(), 'Connected');
  });

  test('names are told, kept over a reload, and never HTML', async (room) => {
    const [ann, bob] = await room.people(2);
    const name = '<img src=x onerror=alert(1)>';
    await ann.page.fill('#name', name);
    await ann.page.press('#name', 'Enter');
    await bob.page.waitForFunction((wanted) =>
      document.querySelector('#people li:not(#me)')?.textContent === wanted, name);
    assert.equal(await bob.page.locator('#people img').count(), 0);
    await ann.page.reload();
    await Promise.all([ann.meets(1), bob.meets(1)]);
    assert.equal(await ann.page.inputValue('#name'), name);
    assert.deepEqual(await bob.others(), [name]);
  });

  test('a name can be typed while people come and go', async (room) => {
    const [ann] = await room.people(1);
    await ann.page.focus('#name');
    await ann.page.keyboard.type('a');
    await room.board();
    await ann.meets(1);
    await ann.page.keyboard.type('nn');
    assert.match(await ann.page.inputValue('#name'), /ann$/);
  });

  test('what a peer may send is bounded', async (room) => {
    const [ann] = await room.people(1);
    const taken = await ann.page.evaluate(async () => {
      const { Strokes, pieces } = await import(new URL('static/strokes.js', document.baseURI).href);
      const good = { id: 'a-1', order: 1, colour: 0, width: 3, at: 0, points: [0, 0, 5, 5] };
      const strange = {
        'the piece as it ought to be': {},
        'no id': { id: undefined },
        'an id that is too long': { id: 'x'.repeat(65) },
        'an order that would stop the clock': { order: 1e300 },
        'a colour that is none': { colour: 6 },
        'a colour in words': { colour: 'red' },
        'a width that is none': { width: 1e6 },
        'a hole before it': { at: 1 },
        'a negative place': { at: -1 },
        'half a point': { points: [1, 2, 3] },
        'no number': { points: [1, '2'] },
        'no list': { points: { length: 2 } },
        'nothing new': { points: [] },
        'too far out': { points: [0, 4001] },
        'too many at once': { points: Array(1002).fill(0) },
      };
      const result = {};
      for (const [why, change] of Object.entries(strange)) {
        result[why] = new Strokes().merge({ ...good, ...change }) !== null;
      }
      const strokes = new Strokes();
      strokes.merge(good);
      result['the same again'] = strokes.merge(good) !== null;
      result['one that reaches further'] = strokes.merge({ ...good, at: 1, points: [5, 5, 9, 9] })?.from === 2 &&
        strokes.list[0].points.join() === '0,0,5,5,9,9';
      for (let i = 0; i < 400; i++) {
        for (let at = 0; at < 5000; at += 500) {
          strokes.merge({ ...good, id: `b-${i}`, at, points: Array(1000).fill(-3999.9) });
        }
      }
      result['more than a board holds'] = strokes.points > 200_000;
      result['a message above 16 KiB'] = strokes.list.some((stroke) =>
        [...pieces(stroke)].some((piece) => JSON.stringify(piece).length > 16_384));
      return Object.keys(result).filter((why) => result[why]);
    });
    assert.deepEqual(taken, ['the piece as it ought to be', 'one that reaches further']);
  });
});
