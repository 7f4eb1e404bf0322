// removals.test.js - what others have deleted is told, and comes back, although who did it has left.
import assert from 'node:assert/strict';
import { until } from '../http/lib/wait.js';
import { alike, wave } from './lib/boards.js';
import { findings, keep, misfits } from './lib/looks.js';
import { suite } from './lib/suite.js';

const offer = ({ page }) => page.$eval('#offer', (card) => (card.checkVisibility() ? card.querySelector('p').textContent : ''));
const reads = (board, wanted) => until(async () => await offer(board) === wanted, `“${wanted}” to be read`);
const press = ({ page }) => page.click('#offer button');
/** Whether or not another one is quicker. */
const pressAtOnce = ({ page }) => page.$eval('#offer button', (button) => button.click());

async function called(board, name) {
  await board.page.fill('#name', name);
  await board.page.press('#name', 'Enter');
}

suite('removals', { servers: [['lighttpd', '/']], settings: { GRACE: 2 } }, (test) => {
  test('who cleared the board is told, and anybody brings it back, though that one has left and something was drawn since', async (room) => {
    const [ann, bob, cat] = await room.people(3);
    await called(ann, 'Ann <b>');
    await bob.draw(wave(200, 200));
    await cat.draw(wave(200, 300), { colour: 3 });
    await ann.draw(wave(200, 400), { colour: 4 });
    await alike([ann, bob, cat], 3);
    await ann.page.keyboard.press('Control+Delete');
    await ann.page.keyboard.press('Enter');
    for (const board of [bob, cat]) await reads(board, 'Ann <b> cleared the board');
    assert.equal(await offer(ann), '', 'who did it has undo');
    await ann.page.close();
    await Promise.all([bob.meets(1), cat.meets(1)]);
    await cat.draw(wave(240, 320), { colour: 1 });
    await alike([bob, cat], 1);
    await Promise.all([pressAtOnce(bob), pressAtOnce(cat)]);
    await alike([bob, cat], 4);
    assert.deepEqual((await bob.elements()).map(({ value }) => value.colour), [0, 3, 4, 1], 'below what was drawn since');
    for (const board of [bob, cat]) await reads(board, '');
  });

  test('so is a deletion of many of others; few, and what it is undone, are not', async (room) => {
    const [ann, bob] = await room.people(2);
    await called(ann, 'Ann');
    await bob.draw(wave(200, 200));
    await bob.tool('v');
    await bob.page.keyboard.press('Control+a');
    for (let i = 0; i < 5; i++) { // 32
      await bob.page.keyboard.press('Control+d');
      await bob.page.keyboard.press('Control+a');
    }
    await ann.until({ strokes: 32 });
    await ann.draw(wave(300, 600, 3));
    await bob.until({ strokes: 33 });
    await ann.tool('v');
    await ann.page.keyboard.press('Control+a');
    await ann.until({ selected: 33 });
    await ann.page.keyboard.down('Shift');
    await ann.page.mouse.click(300, 600); // all but that
    await ann.page.keyboard.up('Shift');
    await ann.until({ selected: 32 });
    await ann.page.keyboard.press('Delete');
    await reads(bob, 'Ann deleted 32 elements');
    await ann.page.keyboard.press('Control+z');
    await bob.until({ strokes: 33 });
    await reads(bob, '');
    await ann.page.keyboard.press('Control+Shift+z');
    await reads(bob, 'Ann deleted 32 elements');
    await press(bob);
    await alike([ann, bob], 33);
    await reads(bob, '');
    await bob.page.keyboard.press('Control+z'); // that was an action, of bob's
    await reads(ann, '');
    await ann.until({ strokes: 1 });
  });

  test('it can be closed; and who was away is told, too', async (room) => {
    const [ann, bob] = await room.people(2);
    await bob.draw(wave(200, 200));
    await bob.draw(wave(200, 300));
    await alike([ann, bob], 2);
    const url = bob.page.url();
    await bob.page.goto('about:blank'); // and that writes down what it has
    await ann.meets(0);
    await ann.page.keyboard.press('Control+Delete');
    await ann.page.keyboard.press('Enter');
    await ann.until({ strokes: 0 });
    await bob.page.goto(url);
    await reads(bob, 'The board was cleared while you were away');
    await bob.page.click('#offer [aria-label=Close]');
    await reads(bob, '');
    assert.equal((await bob.facts()).strokes, '0');
  });

  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    test(`it fits and is read in the ${colorScheme}`, async (room) => {
      for (const [width, height] of [[360, 740], [768, 1024], [1440, 900]]) {
        const bob = await room.board({ viewport: { width, height }, colorScheme, hasTouch: width < 400 });
        const ann = await room.board();
        await bob.until({ state: 'connected' });
        await ann.until({ state: 'connected' });
        await called(ann, 'Alexandria the Great of the Long Name');
        await bob.page.waitForFunction(() => document.querySelector('#list').textContent.includes('Alexandria'));
        await ann.draw(wave(300, 300));
        await ann.draw(wave(300, 400));
        await bob.until({ strokes: 2 });
        await ann.page.keyboard.press('Control+Delete');
        await keep(ann, `clear-ask-${width}-${colorScheme}`);
        await ann.page.keyboard.press('Enter');
        await reads(bob, 'Alexandria the Great of the Long Name cleared the board');
        await keep(bob, `offer-${width}-${colorScheme}`);
        assert.deepEqual(await findings(bob), []);
        assert.deepEqual(await misfits(bob, width < 400 ? 44 : 24), []);
        await bob.page.keyboard.press('Control+Delete');
        await bob.page.close();
        await ann.page.close();
      }
    });
  }
});
