// people.test.js - who is here, where their pointers are, what is said of trouble, and files of the board.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { until } from '../http/lib/wait.js';
import { alike, WAIT_MS, wave } from './lib/boards.js';
import { suite } from './lib/suite.js';

const cursors = ({ page }) => page.$$eval('#cursors > :not([hidden])', (marks) => marks.map((mark) =>
  ({ name: mark.textContent, colour: mark.dataset.colour, x: mark.getBoundingClientRect().x, y: mark.getBoundingClientRect().y })));

const hows = ({ page }) => page.$$eval('#people li:not(#me) .how', (items) => items.map((item) => item.textContent));

/**
 * What is drawn in a picture, without what is empty around it: a file, or the board itself where there is none.
 * An SVG is drawn at the size of another, and has the same around it. The pixels stay in the page, under that name.
 * @param {import('./lib/boards.js').Board} board
 * @param {string} name
 * @param {{path?: string, type?: string, as?: string}} [file]  as: the name of the other
 */
const drawn = ({ page }, name, { path, type, as } = {}) => page.evaluate(async ([key, bytes, mime, other]) => {
  let source = /** @type {HTMLCanvasElement | HTMLImageElement} */ (document.getElementById('paper'));
  if (bytes) {
    source = new Image();
    source.src = URL.createObjectURL(new Blob([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], { type: mime }));
    await source.decode();
  }
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = globalThis.drawn?.[other]?.size ?? (source instanceof HTMLImageElement
    ? [source.naturalWidth, source.naturalHeight] : [source.width, source.height]);
  const context = canvas.getContext('2d');
  const { width, height } = canvas;
  const image = () => context.getImageData(0, 0, width, height).data;
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--paper');
  context.fillRect(0, 0, width, height);
  const [red, green, blue] = image();
  context.drawImage(source, 0, 0, width, height);
  const data = image();
  let box = { left: width, top: height, right: 0, bottom: 0, ink: 0 };
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] === red && data[i + 1] === green && data[i + 2] === blue) continue;
    const [x, y] = [i / 4 % width, Math.floor(i / 4 / width)];
    box.ink++;
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y);
  }
  if (other) ({ box } = globalThis.drawn[other]);
  const [w, h] = [box.right - box.left + 1, box.bottom - box.top + 1];
  const { data: inside } = context.getImageData(box.left, box.top, w, h);
  globalThis.drawn = { ...globalThis.drawn, [key]: { box, size: [width, height], data: inside } };
  return { size: [w, h], ink: box.ink };
}, [name, path && readFileSync(path).toString('base64'), type, as]);

/** How many pixels of two differ by more than a shade: where they lie on the canvas rounds what is at an edge. */
const different = ({ page }, ...args) => page.evaluate(([one, other, shade]) => {
  const [a, b] = [globalThis.drawn[one].data, globalThis.drawn[other].data];
  let count = 0;
  for (let i = 0; i < a.length; i += 4) {
    if ([0, 1, 2].some((k) => Math.abs(a[i + k] - b[i + k]) > shade)) count++;
  }
  return count;
}, args);

const exported = async ({ page }, id) => {
  await page.click('#menu summary');
  const download = page.waitForEvent('download');
  await page.click(id);
  const file = await download;
  return { name: file.suggestedFilename(), path: await file.path() };
};

suite('people', { servers: [['lighttpd', '/']], settings: { GRACE: 2 } }, (test) => {
  test('pointers are seen where they are on the board, with names and colours of one\'s choice', async (room) => {
    const [ann, bob] = await room.people(2);
    await ann.page.fill('#name', 'Ann <b>');
    await ann.page.press('#name', 'Enter');
    await ann.page.check('[name=own][value="5"]');
    await ann.page.mouse.move(300, 300);
    await until(async () => (await cursors(bob))[0]?.x === 300, 'the pointer');
    assert.deepEqual(await cursors(bob), [{ name: 'Ann <b>', colour: '5', x: 300, y: 300 }]);
    // While one draws, too; and where it is on the board, whatever the window shows.
    await ann.tool('p');
    await ann.page.mouse.down();
    await ann.page.mouse.move(400, 400);
    await until(async () => (await cursors(bob))[0]?.x === 400, 'the pen');
    await ann.page.mouse.up();
    await bob.page.keyboard.press('+');
    await until(async () => Math.abs((await cursors(bob))[0]?.x - 375) < 1, 'the pen in a view that is scaled');
    await ann.page.mouse.move(60, 30); // on the card at the top
    await until(async () => (await cursors(bob)).length === 0, 'it to go');
    await ann.page.mouse.move(300, 300);
    await until(async () => (await cursors(bob)).length === 1, 'it to come back');
    await ann.page.mouse.down(); // a line that ends on the card
    await ann.page.mouse.move(60, 30);
    await ann.page.mouse.up();
    await ann.page.mouse.move(61, 30);
    await until(async () => (await cursors(bob)).length === 0, 'it to go with the end of a line');
    const given = await bob.page.getAttribute('#me', 'data-colour'); // not chosen
    await bob.page.reload();
    await Promise.all([ann.meets(1), bob.meets(1)]);
    assert.equal(await bob.page.getAttribute('#me', 'data-colour'), given);
    await ann.page.reload();
    await Promise.all([ann.meets(1), bob.meets(1)]);
    assert.equal(await ann.page.inputValue('#name'), 'Ann <b>');
    assert.equal(await ann.page.isChecked('[name=own][value="5"]'), true);
    await until(async () => (await bob.page.getAttribute('#people li:not(#me) .avatar', 'data-colour')) === '5', 'the colour');
    await ann.page.close();
    await bob.meets(0);
    assert.equal(await bob.page.locator('#cursors > *').count(), 0);
  });

  test('it is said how each is reached', async (room) => {
    const [ann, bob] = await room.people(2);
    await until(async () => (await hows(ann))[0] === 'direct', 'the path');
    // A peer whose WebRTC finds no way.
    const eve = await room.guest('eve', { options: { rtc: { iceTransportPolicy: 'relay' } } });
    await ann.page.waitForFunction(() => document.documentElement.dataset.relayed === '1', undefined, { timeout: 2 * WAIT_MS });
    assert.deepEqual((await hows(ann)).sort(), ['by server', 'direct']);
    await ann.says(/^eve is reached by the server alone: what you draw arrives slowly\.$/);
    await ann.draw(wave(200, 200));
    await alike([ann, bob], 1);
    await eve.until(() => globalThis.seen.data.some(({ data }) => data.includes('"pieces"')));
  });

  test('a server that is away, and one that wants another name, say so in a sentence', async (room) => {
    const ann = await room.board({ viewport: { width: 1000, height: 700 } });
    await ann.until({ state: 'connected' });
    await ann.page.context().setOffline(true);
    ann.allow(/ERR_|Failed to load/);
    await ann.until({ state: 'reconnecting' });
    await until(async () => /^Reconnecting… The server cannot be reached/.test(await ann.status()), 'why it is', WAIT_MS); // once it was tried
    await ann.draw(wave(200, 200)); // one draws on
    await ann.page.context().setOffline(false);
    await ann.until({ state: 'connected', strokes: 1 });

    // A page that has forgotten the token that it had.
    const bob = await room.board({ viewport: { width: 360, height: 740 }, prepare: () => sessionStorage.clear() });
    await bob.until({ state: 'connected' });
    const refuse = (route) => route.fulfill({ status: 400, contentType: 'application/problem+json',
      body: JSON.stringify({ title: 'Bad Request', status: 400, detail: 'That name is not allowed here.' }) });
    bob.allow(/400/);
    await bob.page.route('**/access', refuse);
    await bob.page.reload();
    await bob.until({ state: 'refused' });
    assert.equal(await bob.status(), 'No way in: That name is not allowed here. Change your name, or reload the page, to try again.');
    await bob.page.unroute('**/access');
    await bob.page.fill('#name', 'bob');
    await bob.page.press('#name', 'Enter');
    await bob.until({ state: 'connected', strokes: 1 });
  });

  test('many who join at once, and something that holds the stream back, are told of in a sentence', async (room) => {
    const says = ({ page }, sentence) => page.waitForFunction((wanted) => document.getElementById('status').textContent === wanted, sentence);
    const ann = await room.board({ viewport: { width: 360, height: 740 }, prepare: () => sessionStorage.clear() });
    await ann.until({ state: 'connected' });
    await ann.page.route('**/access', (route) => route.fulfill({ status: 429, headers: { 'Retry-After': '2' }, body: '{}' }));
    const held = []; // of which nothing comes
    await ann.page.route('**/connect?*', (route) => held.push(route));
    ann.allow(/429/);
    await ann.page.reload();
    await says(ann, 'Connecting… Many are joining at once; trying again in 2 s.');
    await ann.page.unroute('**/access');
    await says(ann, 'Connecting… The server answers, but something in between holds the stream back.');
    await ann.page.unroute('**/connect?*');
    for (const route of held) await route.continue().catch(() => {}); // the page has given some up
    await ann.until({ state: 'connected' }, 2 * WAIT_MS);
  });

  test('the link is there to be shared', async (room) => {
    const ann = await room.board({ viewport: { width: 1000, height: 700 }, permissions: ['clipboard-read', 'clipboard-write'] });
    await ann.until({ state: 'connected' });
    await ann.page.click('#copy');
    await ann.says(/copied/);
    assert.equal(await ann.page.evaluate(() => navigator.clipboard.readText()), ann.page.url());
  });

  test('where a file of the page did not arrive, the page says what to do', async (room) => {
    const ann = await room.board();
    await ann.until({ state: 'connected' });
    const advice = (page) => page.evaluate(() => {
      const { content, visibility } = getComputedStyle(document.getElementById('status'), '::after');
      return content !== 'none' && visibility === 'visible';
    });
    assert.equal(await advice(ann.page), false);
    ann.allow(/tools\.js .*ERR_INTERNET_DISCONNECTED/);
    await ann.page.route('**/tools.js', (route) => route.abort('internetdisconnected'));
    await ann.page.reload();
    assert.equal(await ann.status(), 'Starting…');
    await until(() => advice(ann.page), 'the advice', 2 * WAIT_MS);
    await ann.page.unroute('**/tools.js');
    await ann.page.reload();
    await ann.until({ state: 'connected' });
    assert.equal(await advice(ann.page), false);
  });

  test('a page that is no secure context is a whole board, and its link is copied too', async (room) => {
    const [server] = room.site.servers;
    const insecure = new URL(server.base);
    insecure.hostname = 'board.test';
    const [ann, bob] = [await room.board(undefined, insecure), await room.board(undefined, insecure)];
    await Promise.all([ann.meets(1), bob.meets(1)]);
    assert.equal(await ann.page.evaluate(() => isSecureContext), false);
    await ann.draw(wave(200, 200));
    await alike([ann, bob], 1);
    await ann.page.click('#copy');
    await ann.says(/copied/);
    await ann.page.focus('#name');
    await ann.page.keyboard.press('Control+a');
    await ann.page.keyboard.press('Control+v');
    assert.equal(await ann.page.inputValue('#name'), ann.page.url().slice(0, 64));
  });

  test('a PNG and an SVG of the board, opened again, show the same as it', async (room) => {
    // As many pixels a unit as an export has.
    const ann = await room.board({ viewport: { width: 1000, height: 700 }, deviceScaleFactor: 2 });
    await ann.until({ state: 'connected' });
    await ann.draw(wave(200, 200), { colour: 1, width: 7 });
    for (const [i, key] of ['l', 'a', 'r', 'o'].entries()) {
      await ann.tool(key);
      await ann.page.keyboard.press(String(i + 3));
      await ann.page.mouse.move(250 + 100 * i, 300);
      await ann.page.mouse.down();
      await ann.page.mouse.move(330 + 100 * i, 380);
      await ann.page.mouse.up();
    }
    await ann.tool('t');
    await ann.page.mouse.click(300, 480);
    await ann.page.keyboard.type('a < b & "c"\n</text><script>alert(1)</script>');
    await ann.page.keyboard.press('Escape');
    await ann.until({ strokes: 6, rests: true });
    const files = { png: await exported(ann, '#save-png'), svg: await exported(ann, '#save-svg') };
    for (const [ending, { name }] of Object.entries(files)) assert.equal(name, `${room.name}.${ending}`);
    const board = await drawn(ann, 'board');
    const png = await drawn(ann, 'png', { path: files.png.path, type: 'image/png' });
    const svg = await drawn(ann, 'svg', { path: files.svg.path, type: 'image/svg+xml', as: 'png' });
    assert.ok(board.ink > 10_000, `${board.ink} pixels`);
    assert.deepEqual(png.size, board.size);
    assert.equal(await different(ann, 'png', 'board', 16), 0, 'the PNG is what was seen');
    assert.deepEqual(svg.size, board.size);
    const apart = await different(ann, 'svg', 'board', 48);
    // Browsers smooth letters in a picture in another way.
    assert.ok(apart < board.ink / 25, `${apart} of ${board.ink} pixels of the SVG are others`);
  });

  test('an empty board says that there is nothing to export', async (room) => {
    const [ann] = await room.people(1);
    await ann.page.click('#menu summary');
    await ann.page.click('#save-png');
    await ann.says(/nothing to export/);
  });
});
