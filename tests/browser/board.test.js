// board.test.js - boards in real browsers: what people see of each other.
import assert from 'node:assert/strict';
import { seconds } from '../http/lib/pace.js';
import { signal } from '../http/lib/processes.js';
import { until } from '../http/lib/wait.js';
import { alike, SOON_MS, wave } from './lib/boards.js';
import { KILLED } from '../http/lib/logs.js';
import { suite } from './lib/suite.js';

/** Nothing was connected anew, and nothing was interrupted, since countAnew(). */
async function undisturbed(boards) {
  for (const board of boards) {
    const { connections, fewest } = await board.watched();
    assert.equal(connections, boards.length - 1, 'no new connection');
    assert.ok(fewest >= boards.length - 1, `${fewest} open channels`);
  }
}

// The grace is long: who goes within it was not waited for, but said goodbye.
suite('board', { settings: { GRACE: seconds(10, 20), ROOM_PEERS: 3 }, allowed: KILLED }, (test) => {
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
    await ann.draw(wave(210, 350)); // to the left of what a phone's width shows of itself
    const phone = await room.board({ viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true });
    const desk = await room.board();
    await phone.until({ strokes: 1, points: 20, peers: 2 });
    await alike([ann, desk], 1);
    await until(async () => (await phone.picture()).ink, 'something to be seen on the phone');
    await phone.page.touchscreen.tap(20, 500);
    await alike([ann, desk], 2);
  });

  test('who leaves is seen to go at once', async (room) => {
    const [ann, bob, cat] = await room.people(3);
    await cat.draw(wave(200, 200));
    await alike([ann, bob, cat], 1);
    await cat.page.close();
    await Promise.all([ann.meets(1, SOON_MS), bob.meets(1, SOON_MS)]);
    await until(async () => (await ann.others()).length === 1, 'the list to show it');
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
      board.allow(/\/(access|ice|join|peers|relay\/.*) .*\b50\d\b/); // asked before there is another responder; of a candidate, too
    }
    for (const name of ['stream.fcgi', 'signal.fcgi']) {
      for (const pid of room.site.processes(name)) signal(pid, 'SIGKILL');
    }
    // Meanwhile it is drawn.
    await Promise.all(boards.map((board) => board.was('reconnecting')));
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
    // A candidate may be on its way, or a question: of a peer and a room of which Redis knows nothing then.
    for (const board of boards) board.allow(/\/(relay\/.*|peers) .*\b404\b/);
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
    for (const board of boards.slice(0, 2)) await board.meets(1, SOON_MS);
  });

  test('a name that no room can have: a page offers one that is close to it', async (room) => {
    const { base } = room.site.servers[0];
    const page = await (await room.context()).newPage();
    const isBoard = () => page.waitForFunction(() => document.documentElement.dataset.state === 'connected');
    for (const [asked, offered] of [['Crème brûlée & Tee', 'Creme-brulee-Tee'], ['relay', 'relay-1'], ['日本', ''], ['%', ''], [`${'x'.repeat(64)}y`, 'x'.repeat(64)]]) {
      await page.goto(new URL(encodeURIComponent(asked), base).href);
      assert.equal(await page.textContent('h1'), 'No room can be called that');
      assert.equal(await page.textContent('#offer a'), offered);
      assert.equal(await page.isVisible('#offer'), Boolean(offered));
    }
    await page.goto(new URL('tea%20room', base).href);
    await page.click('#offer a');
    await page.waitForURL(new URL('tea-room', base).href);
    await isBoard();
    await page.goto(new URL('tea%20room', base).href);
    await page.click('text=Begin a new room');
    await isBoard();
  });

  test('two tabs of one browser are two people', async (room) => {
    const [ann] = await room.people(1);
    const tab = room.add(await ann.tab()); // with a copy of the first one's session store
    await Promise.all([ann.meets(1), tab.meets(1)]);
    await tab.draw(wave(200, 200));
    await alike([ann, tab], 1);
    await tab.page.close();
    await ann.meets(0, SOON_MS);
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
      document.querySelector('#people li:not(#me) .name')?.textContent === wanted, name);
    assert.equal(await bob.page.locator('#people img').count(), 0);
    await ann.page.reload();
    await Promise.all([ann.meets(1), bob.meets(1)]);
    assert.equal(await ann.page.inputValue('#name'), name);
    await until(async () => (await bob.others()).join() === name, 'the name of who is back');
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

  test('the last stroke of one\'s own is taken back, everywhere', async (room) => {
    const [ann, bob] = await room.people(2);
    await ann.draw(wave(200, 200));
    await bob.draw(wave(240, 260), { colour: 4 });
    await ann.draw(wave(280, 320), { colour: 1 });
    await alike([ann, bob], 3);
    await ann.page.keyboard.press('Control+z');
    await alike([ann, bob], 2);
    await ann.page.click('#undo');
    await alike([ann, bob], 1);
    assert.equal(await ann.page.isDisabled('#undo'), true); // bob's is bob's
    await bob.page.reload();
    await alike([ann, bob], 1); // and stays away
  });
});
