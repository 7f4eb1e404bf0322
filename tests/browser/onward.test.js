// onward.test.js - a board that is full, or nearly so: what is said, and how people go on in a new room.
import assert from 'node:assert/strict';
import { until } from '../http/lib/wait.js';
import { alike, wave } from './lib/boards.js';
import { keep } from './lib/looks.js';
import { suite } from './lib/suite.js';

const offer = ({ page }) => page.$eval('#offer', (card) => (card.checkVisibility()
  ? [...card.querySelectorAll('p, button:not([aria-label])')].map((one) => one.textContent).join(' · ') : ''));
const reads = (board, wanted) => until(async () => await offer(board) === wanted, () => `“${wanted}” to be read`);
const roomOf = ({ page }) => new URL(page.url()).pathname.split('/').pop();

/** As if so many points had been drawn by another one: strokes of 4,000, outside of what is seen. */
const fill = ({ page }, strokes) => page.evaluate(async (count) => {
  const { Drawing } = await import(new URL('static/board/drawing.js', document.baseURI).href);
  const other = new Drawing(() => {}, () => {});
  const { elements } = globalThis.watched;
  for (let i = 0; i < count; i++) {
    const one = other.add({ kind: 'line', colour: 0, width: 3, x: i % 100, y: Math.floor(i / 100), w: 5, h: 5 });
    for (const piece of other.elements.pieces(one)) elements.merge(piece);
  }
}, strokes);

suite('onward', { servers: [['lighttpd', '/']] }, (test) => {
  test('a board that is nearly full offers a new room, and what lives goes along, and who wants to', async (room) => {
    const [ann, bob] = await room.people(2);
    await ann.draw(wave(200, 200));
    await ann.draw(wave(200, 300), { colour: 3 });
    await alike([ann, bob], 2);
    await fill(ann, 15_990);
    await ann.draw(wave(200, 400));
    await reads(ann, '');
    await fill(ann, 16);
    await ann.draw(wave(200, 440));
    await reads(ann, 'The board is 80 % full · Go on in a new room');
    await keep(ann, 'full-1000');
    await ann.page.keyboard.press('Control+z');
    await ann.page.click('#offer [aria-label=Close]');
    await reads(ann, '');
    await fill(ann, 4_000);
    await ann.page.keyboard.press('Control+Shift+z');
    await reads(ann, 'The board is full · Go on in a new room');
    await ann.tool('p');
    await ann.page.mouse.click(300, 500);
    await ann.says(/^The board is full\. Delete something, or go on in a new room\.$/);
    // What is selected, alone.
    await ann.tool('v');
    const [, , , [x, y]] = wave(200, 300);
    await ann.page.mouse.click(x, y);
    await ann.until({ selected: 1 });
    await reads(ann, 'The board is full · Go on in a new room with what is selected');
    await ann.page.fill('#name', 'Ann');
    await ann.page.press('#name', 'Enter');
    const old = roomOf(ann);
    await ann.page.click('#offer button');
    await until(() => roomOf(ann) !== old, 'another room');
    await ann.until({ state: 'connected', strokes: 1 });
    assert.match(roomOf(ann), /^[0-9a-f]{32}$/);
    assert.equal((await ann.elements())[0].value.colour, 3);
    await reads(bob, 'Ann goes on in a new room · Go there');
    await bob.page.click('#offer button');
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await alike([ann, bob], 1);
  });

  test('a private board goes on in private, whole', async (room) => {
    const ann = await room.board();
    await ann.until({ state: 'connected' });
    await ann.draw(wave(200, 200));
    await ann.page.click('#menu summary');
    await ann.page.click('#make-private');
    await ann.page.waitForURL(/#secret=/);
    await ann.page.waitForSelector('#lock', { state: 'visible' });
    await ann.until({ state: 'connected', strokes: 1 });
    const { hash } = new URL(ann.page.url());
    assert.match(hash, /^#secret=/);
    await ann.draw(wave(200, 300));
    await ann.page.keyboard.press('Control+z');
    const old = roomOf(ann);
    await ann.page.click('#menu summary');
    await ann.page.click('#go-on');
    await until(() => roomOf(ann) !== old, 'another room');
    await ann.until({ state: 'connected', strokes: 1 });
    assert.equal(new URL(ann.page.url()).hash, hash);
    assert.equal(await ann.page.isVisible('#lock'), true);
    // Its open room has nothing of it.
    const open = await ann.page.context().newPage();
    await open.goto(new URL(roomOf(ann), ann.page.url()).href.replace(/#.*/, ''));
    await open.waitForFunction(() => document.documentElement.dataset.state === 'connected');
    assert.equal(await open.evaluate(() => document.documentElement.dataset.strokes), '0');
    await open.close();
  });

  test('an invitation may be anything, and leads to no other page', async (room) => {
    const [ann, bob] = await room.people(2);
    const eve = await room.guest('eve');
    await Promise.all([ann.meets(2), bob.meets(2)]);
    for (const to of [null, 5, '', '..', '//evil.test', 'javascript:alert(1)', 'x'.repeat(32), ['0'.repeat(32)]]) {
      await eve.page.evaluate((text) => globalThis.bridge.send(text), JSON.stringify({ type: 'onward', room: to }));
    }
    await eve.page.evaluate((text) => globalThis.bridge.send(text), JSON.stringify({ type: 'name', name: 'Eve', colour: 1 }));
    await until(async () => (await bob.others()).includes('Eve'), 'what she said last');
    assert.equal(await offer(bob), '');
  });
});
