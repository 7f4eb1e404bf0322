// hands.test.js - what a hand does on its way to something else draws nothing, and takes nothing away.
import assert from 'node:assert/strict';
import { until } from '../http/lib/wait.js';
import { alike, wave } from './lib/boards.js';
import { Hand } from './lib/hand.js';
import { suite } from './lib/suite.js';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true };

const texts = async (board) => (await board.elements()).map(({ value }) => value.text);
const focused = ({ page }) => page.evaluate(() => document.activeElement.id);
const hasFocus = (board, id) => until(async () => await focused(board) === id, `the focus on #${id}`);

/** As Hand.all(), some time after the finger before. */
const longAfter = ({ page }) => page.evaluate((ms) => new Promise((resolve) => { setTimeout(resolve, ms); }), 300);

/** Where the text that is written is, in the window. */
const place = ({ page }) => page.evaluate(() => document.getElementById('text').style.translate);

suite('hands', { servers: [['lighttpd', '/']] }, (test) => {
  for (const way of /** @type {const} */ (['mouse', 'touch', 'keyboard'])) {
    test(`Esc while erasing by ${way} gives back what was under the eraser`, async (room) => {
      const [ann, bob] = await room.people(2);
      const { page } = ann;
      for (let i = 0; i < 3; i++) await ann.draw([[440, 320 + 30 * i], [560, 320 + 30 * i]]);
      const whole = await alike([ann, bob], 3);
      await ann.tool('e');
      const hand = way === 'keyboard' ? null : await Hand.of(ann, way);
      if (!hand) {
        await page.keyboard.press('Enter');
        await page.keyboard.press('Shift+ArrowDown');
      } else {
        await hand.down([500, 310]);
        for (let y = 320; y <= 390; y += 10) await hand.move([500, y]);
      }
      await page.waitForFunction(() => Number(document.documentElement.dataset.strokes) < 2);
      await page.keyboard.press('Escape');
      assert.deepEqual(await alike([ann, bob], 3), whole);
      await hand?.up();
      await page.keyboard.press('Control+z'); // of what was drawn before it
      await bob.until({ strokes: 2 });
    });
  }

  test('a first finger that rested before a pinch leaves no stroke, one that has drawn does', async (room) => {
    const [ann, bob] = await room.people(2);
    const fingers = await Hand.of(ann, 'touch');
    for (const key of ['p', 'r', 'e']) {
      await ann.draw([[600, 200], [600, 600]]);
      await bob.until({ strokes: 1 });
      await ann.tool(key);
      const x = key === 'e' ? 600 : 405;
      await fingers.down([x, 300]);
      await fingers.move([x + 5, 310]);
      await longAfter(ann);
      await fingers.all('touchStart', [[x + 5, 310], [500, 300]]);
      for (let i = 1; i <= 5; i++) await fingers.all('touchMove', [[x - i, 310], [500 + i, 300]]);
      await fingers.all('touchEnd', []);
      await ann.until({ strokes: 1 });
      await bob.until({ strokes: 1 });
      await ann.page.keyboard.press('0');
      await ann.page.keyboard.press('f');
      await ann.page.keyboard.press('Control+z');
      await bob.until({ strokes: 0 });
    }
    await ann.tool('p');
    await fingers.down([300, 300]);
    await fingers.move([450, 300]);
    await longAfter(ann);
    await fingers.all('touchStart', [[450, 300], [500, 400]]);
    await fingers.all('touchEnd', []);
    await bob.until({ strokes: 1 });
  });

  test('a click that closes a menu draws no dot, and a drag there draws', async (room) => {
    const ann = await room.board(PHONE);
    const bob = await room.board();
    await Promise.all([ann.meets(1), bob.meets(1)]);
    const { page } = ann;
    const hand = await Hand.of(ann, 'touch');
    /** @type {[string, number][]} with where beside it there is board */
    const ways = [['#menu summary', 420], ['#people summary', 420], ['#style-open', 150]];
    for (const [i, [opener, y]] of ways.entries()) {
      for (const key of ['p', 't', 'r']) {
        await ann.tool(key);
        await page.click(opener);
        await hand.tap([50, y]);
        await until(() => page.evaluate(() => !document.querySelector('details[open], #tools.styling')), `${opener} to close`);
      }
      assert.equal(await page.isVisible('#text'), false);
      assert.equal((await ann.facts()).strokes, String(i));
      await ann.tool('p');
      await page.click(opener);
      await hand.drag([40, y], [90, y + 20]);
      await bob.until({ strokes: i + 1 });
      const [{ points }] = (await bob.elements()).slice(-1);
      assert.ok(points > 1, `${points} points`);
    }
    await hand.tap([60, 460]); // now it is a dot
    await bob.until({ strokes: ways.length + 1 });
    // With a mouse, too.
    await bob.page.click('#menu summary');
    await bob.page.mouse.click(500, 350);
    assert.equal(await bob.page.isVisible('#clear'), false);
    assert.equal((await bob.facts()).strokes, String(ways.length + 1));
  });

  test('with the space bar down the board is moved, whatever has the focus', async (room) => {
    const [ann] = await room.people(1);
    const { page } = ann;
    await ann.draw(wave(300, 300));
    await ann.until({ strokes: 1, rests: true });
    let { sum } = await ann.picture();
    const dragBySpace = async () => {
      await page.keyboard.down(' ');
      await page.mouse.move(400, 500);
      await page.mouse.down();
      await page.mouse.move(430, 500, { steps: 3 });
      await page.mouse.up();
      await page.keyboard.up(' ');
    };
    const drag = async () => {
      await dragBySpace();
      await until(async () => {
        const now = await ann.facts().then(({ rests }) => (rests === 'true' ? ann.picture() : null));
        if (!now || now.sum === sum) return false;
        sum = now.sum;
        return true;
      }, 'the board to move');
      assert.equal((await ann.facts()).strokes, '1');
    };
    for (const focus of ['#board', '#undo', '#menu-open', '[name=tool][value=pen]', '[name=colour][value="0"]', '#name']) {
      await page.focus(focus);
      await drag();
      assert.equal(await page.isVisible('#clear'), false, 'and the button is not pressed');
      assert.equal(await page.evaluate((selector) => document.activeElement.matches(selector), focus), true, focus);
    }
    assert.equal(await page.isEnabled('#undo'), true);
    await page.keyboard.press('Enter');
    // A text that is written goes on.
    await ann.tool('t');
    await page.mouse.click(300, 250);
    await page.keyboard.type('tea');
    await ann.until({ strokes: 2, rests: true });
    const before = await place(ann);
    await dragBySpace();
    assert.notEqual(await place(ann), before);
    await page.keyboard.type('time');
    await page.keyboard.press('Escape');
    assert.equal((await texts(ann)).at(-1), 'tea time');
    // And without a drag, the space bar presses a button.
    await page.focus('#menu-open');
    await page.keyboard.press(' ');
    assert.equal(await page.isVisible('#clear'), true);
  });

  test('renaming ends with Enter on the board, and with Esc as if it had not been', async (room) => {
    const [ann, bob] = await room.people(2);
    const { page } = ann;
    await page.click('#name', { clickCount: 3 });
    await page.keyboard.type('Ann');
    await page.keyboard.press('Enter');
    await hasFocus(ann, 'board');
    await until(async () => (await bob.others())[0] === 'Ann', 'the name');
    await page.keyboard.press('r'); // is a key of the board
    assert.equal(await page.isChecked('[value=rectangle]'), true);
    assert.equal(await page.inputValue('#name'), 'Ann');
    await page.click('#name', { clickCount: 3 });
    await page.keyboard.type('Zoe');
    await page.keyboard.press('Escape');
    await hasFocus(ann, 'board');
    assert.equal(await page.inputValue('#name'), 'Ann');
    assert.deepEqual(await bob.others(), ['Ann']);
    // On a phone the list closes, too.
    const cat = await room.board(PHONE);
    await cat.meets(2);
    await cat.page.click('#people summary');
    await cat.page.tap('#name');
    await cat.page.keyboard.press('Enter');
    await hasFocus(cat, 'board');
    assert.equal(await cat.page.isVisible('#name'), false);
  });

  for (const way of /** @type {const} */ (['mouse', 'touch'])) {
    test(`by ${way}: what is beside a text ends it, and opens no other`, async (room) => {
      const [ann] = await room.people(1);
      const { page } = ann;
      const hand = await Hand.of(ann, way);
      await ann.tool('t');
      await hand.tap([300, 300]);
      await page.keyboard.type('tea');
      await hand.tap([500, 450]);
      assert.equal(await page.isVisible('#text'), false);
      await hasFocus(ann, 'board');
      await hand.tap([500, 450]);
      await page.keyboard.type('time');
      await page.keyboard.press('Escape');
      assert.deepEqual(await texts(ann), ['tea', 'time']);
    });

    test(`by ${way}: a swatch while one writes colours the text, which keeps the focus`, async (room) => {
      const ann = await room.board(way === 'touch' ? PHONE : undefined);
      const bob = await room.board();
      await Promise.all([ann.meets(1), bob.meets(1)]);
      const { page } = ann;
      await ann.tool('t');
      await (await Hand.of(ann, way)).tap([300, 300]);
      const press = async (selector) => (way === 'touch' ? page.tap(selector) : page.click(selector));
      if (way === 'touch') await press('#style-open');
      await press('[name=colour][value="3"]'); // before anything is written
      await page.keyboard.type('tea');
      await until(async () => (await bob.elements())[0]?.value.colour === 3, 'the colour');
      await press('[name=colour][value="5"]');
      await press('[name=size][value="32"]');
      await hasFocus(ann, 'text');
      await page.keyboard.type('time');
      await until(async () => {
        const [{ value } = { value: null }] = await bob.elements();
        return value?.text === 'teatime' && value.colour === 5 && value.size === 32;
      }, 'all of it');
      assert.equal(await page.getAttribute('#text', 'data-colour'), '5');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+z'); // it was one action
      await bob.until({ strokes: 0 });
    });
  }

  test('Enter on a selected text writes on it', async (room) => {
    const [ann, bob] = await room.people(2);
    const { page } = ann;
    await ann.tool('t');
    await page.mouse.click(300, 300);
    await page.keyboard.type('tea');
    await page.keyboard.press('Escape');
    await page.keyboard.press('v');
    await page.mouse.click(310, 300);
    await ann.until({ selected: 1 });
    await page.keyboard.press('Enter');
    await hasFocus(ann, 'text');
    await page.keyboard.press('End');
    await page.keyboard.type(' time');
    await page.keyboard.press('Escape');
    await until(async () => (await texts(bob))[0] === 'tea time', 'the text');
    // Of anything else, or of two, Enter takes the tool.
    await page.keyboard.press('Control+d');
    await page.keyboard.press('Control+a');
    await ann.until({ selected: 2 });
    await page.keyboard.press('Enter');
    assert.equal(await page.isVisible('#text'), false);
  });
});
