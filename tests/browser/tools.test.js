// tools.test.js - each tool by mouse, pen, finger and keyboard; what one does is undone by oneself alone.
import assert from 'node:assert/strict';
import { alike, wave } from './lib/boards.js';
import { Hand } from './lib/hand.js';
import { until } from '../http/lib/wait.js';
import { suite } from './lib/suite.js';

/** What each tool makes of being moved from one place to another. */
const MADE = [
  ['p', 'pen'], ['l', 'line'], ['a', 'arrow'], ['r', 'rectangle'], ['o', 'ellipse'],
];

const kinds = async (board) => (await board.elements()).map(({ value }) => value.kind);

suite('tools', { servers: [['lighttpd', '/']] }, (test) => {
  for (const way of /** @type {const} */ (['mouse', 'touch', 'pen'])) {
    test(`every tool by ${way}`, async (room) => {
      const [ann, bob] = await room.people(2);
      const hand = await Hand.of(ann, way);
      for (const [i, [key]] of MADE.entries()) {
        await ann.tool(key);
        await hand.drag([200, 150 + 60 * i], [300, 190 + 60 * i]);
      }
      await alike([ann, bob], 5);
      assert.deepEqual(await kinds(bob), MADE.map(([, kind]) => kind));
      for (const { value, points } of (await bob.elements()).slice(1)) {
        assert.deepEqual([value.w, value.h, points], [100, 40, 0], value.kind);
      }

      await ann.tool('t');
      await hand.tap([500, 200]);
      await ann.page.keyboard.type('<b>tea</b>');
      await bob.until({ strokes: 6 }); // while it is written
      await ann.page.keyboard.press('Enter');
      await ann.page.keyboard.type('at four');
      await ann.page.keyboard.press('Escape');
      await alike([ann, bob], 6);
      assert.equal((await bob.elements()).at(-1).value.text, '<b>tea</b>\nat four');

      // The line is moved, then deleted; the arrow is erased.
      await ann.tool('v');
      await hand.drag([250, 230], [300, 260]);
      await ann.until({ selected: 1 });
      await bob.until({ strokes: 6 });
      await alike([ann, bob], 6);
      const [, line] = await bob.elements();
      assert.deepEqual([line.value.x, line.value.y], [200 - 500 + 50, 210 - 350 + 30]);
      await ann.page.keyboard.press('Delete');
      await ann.tool('e');
      await hand.drag([240, 318], [260, 250]);
      await alike([ann, bob], 4);
      assert.deepEqual(await kinds(bob), ['pen', 'rectangle', 'ellipse', 'text']);

      // What is pulled up around some selects them.
      await ann.tool('v');
      await hand.drag([150, 130], [400, 480]);
      await ann.until({ selected: 3 });
      for (let left = 5; left <= 6; left++) {
        await ann.page.keyboard.press('Control+z');
        await alike([ann, bob], left);
      }
      assert.deepEqual((await bob.elements())[1].value, line.value);
    });
  }

  test('every tool by keyboard', async (room) => {
    const [ann, bob] = await room.people(2);
    const { keyboard } = ann.page;
    const press = async (...keys) => { for (const key of keys) await keyboard.press(key); };
    await ann.page.focus('#board');
    for (const [i, [key]] of MADE.entries()) {
      await press(key, ...Array(i).fill('ArrowDown'), 'Enter', 'Shift+ArrowRight', 'Shift+ArrowRight', 'ArrowDown', 'Enter');
      await press('Escape');
    }
    await alike([ann, bob], 5);
    assert.deepEqual(await kinds(bob), MADE.map(([, kind]) => kind));
    for (const { value } of (await bob.elements()).slice(1)) assert.deepEqual([value.w, value.h], [100, 10], value.kind);
    // A choice by the radio buttons, as a screen reader's user does.
    await ann.page.focus('[name=tool][value=pen]');
    await press('ArrowRight', 'ArrowLeft', 'ArrowLeft');
    assert.equal(await ann.page.inputValue('[name=tool]:checked'), 'hand');

    await ann.page.focus('#board');
    await press('t', 'ArrowLeft', 'Enter', 'Enter');
    await keyboard.type('tea');
    await press('Escape');
    await alike([ann, bob], 6);
    await press('v', 'Control+a');
    await ann.until({ selected: 6 });
    const [before] = await bob.elements();
    await press('ArrowLeft');
    await alike([ann, bob], 6);
    assert.equal((await bob.elements())[0].value.x, before.value.x - 10);
    await press('Control+d');
    await alike([ann, bob], 12);
    await press('5', ']', 'Delete');
    await alike([ann, bob], 6);
    await press('Control+z', 'Control+z', 'Control+z');
    await bob.until({ strokes: 12 });
    await press('Control+Delete', 'Escape');
    await bob.until({ strokes: 12 });
    await press('Control+Delete', 'Enter');
    await bob.until({ strokes: 0 });
    await press('Control+z');
    await alike([ann, bob], 12);
    await press('e', 'Enter', 'Shift+ArrowRight', 'Enter');
    await ann.page.waitForFunction(() => Number(document.documentElement.dataset.strokes) < 12);

    // Half done, it is given up.
    const { strokes } = await ann.facts();
    await press('r', 'Shift+ArrowUp', 'Shift+ArrowUp', 'Shift+ArrowUp', 'Enter', 'Shift+ArrowUp');
    await bob.until({ strokes: Number(strokes) + 1 });
    await press('Escape');
    await bob.until({ strokes });
    await press('?');
    assert.equal(await ann.page.isVisible('#help'), true);
    await press('Escape');
    assert.equal(await ann.page.isVisible('#help'), false);
  });

  test('what is moved is seen on its way, and all of that is one action', async (room) => {
    const [ann, bob] = await room.people(2);
    const { mouse, keyboard } = ann.page;
    const x = async () => (await bob.elements())[0].value.x;
    const at = (wanted) => until(async () => await x() === wanted, `x to be ${wanted}`);
    await ann.tool('r');
    await (await Hand.of(ann, 'mouse')).drag([200, 200], [300, 260]);
    await alike([ann, bob], 1);
    const from = await x();
    await ann.tool('v');
    for (const ends of ['up', 'Escape']) {
      await mouse.move(200, 230);
      await mouse.down();
      await mouse.move(201, 230); // not yet
      await mouse.move(250, 230, { steps: 5 });
      await at(from + 50);
      await mouse.move(230, 230, { steps: 5 });
      await at(from + 30);
      if (ends === 'up') await mouse.up();
      await keyboard.press(ends === 'up' ? 'Control+z' : ends);
      await at(from);
      if (ends !== 'up') await mouse.up();
    }
    await alike([ann, bob], 1);
    assert.equal(await x(), from);
    await mouse.click(200, 230); // no move at all
    await keyboard.press('Control+z'); // of what made it
    await bob.until({ strokes: 0 });
  });

  test('a shape is stretched by its handles, with Shift as it is drawn', async (room) => {
    const [ann, bob] = await room.people(2);
    const { mouse, keyboard } = ann.page;
    const hand = await Hand.of(ann, 'mouse');
    const place = async () => {
      const [{ value: { x, y, w, h } }] = await bob.elements();
      return `${x + 500} ${y + 350} ${w} ${h}`; // in the window
    };
    const is = (wanted) => until(async () => await place() === wanted, `${wanted} to be seen`);
    const make = async (key) => {
      await ann.tool(key);
      await hand.drag([200, 200], [300, 260]);
      await bob.until({ strokes: 1 });
      await ann.tool('v');
      await mouse.click(200, 200);
      await ann.until({ selected: 1 });
    };
    await make('r');
    await hand.drag([302, 263], [342, 283]); // taken beside its middle
    await is('200 200 140 80');
    await hand.drag([200, 280], [180, 300]);
    await is('340 200 -160 100');
    await mouse.move(340, 200);
    assert.equal(await ann.page.evaluate(() => getComputedStyle(document.getElementById('board')).cursor), 'crosshair');
    await mouse.down();
    await mouse.move(300, 220, { steps: 4 });
    await is('300 220 -120 80'); // on its way
    await keyboard.down('Shift');
    await mouse.move(300, 221);
    await is('300 180 -120 120');
    await keyboard.up('Shift');
    await keyboard.press('Escape');
    await is('340 200 -160 100');
    await mouse.up();
    await keyboard.press('Control+z');
    await keyboard.press('Control+z');
    await is('200 200 100 60');
    // Of two that are selected neither has handles; inside, it is moved.
    await hand.drag([250, 230], [260, 240]);
    await is('210 210 100 60');
    await keyboard.press('Control+d');
    await keyboard.press('Control+a');
    await ann.until({ selected: 2 });
    await hand.drag([310, 270], [320, 280]);
    await is('220 220 100 60');
    await keyboard.press('Delete');
    await bob.until({ strokes: 0 });

    await make('a'); // begins at its first handle
    await hand.drag([200, 200], [220, 180]);
    await is('220 180 80 80');
    await hand.drag([300, 260], [300, 200]);
    await is('220 180 80 20');
    await keyboard.press('Control+ArrowRight');
    await is('220 180 90 20');
    await keyboard.press('Control+Shift+ArrowDown');
    await is('220 180 90 70');
    await alike([ann, bob], 1);
  });

  test('a pen presses; with a pen in use fingers are a palm', async (room) => {
    const [ann, bob] = await room.people(2);
    const pen = await Hand.of(ann, 'pen');
    const finger = await Hand.of(ann, 'touch');
    await ann.tool('p');
    // What follows each other here does so at once, however busy the browser is.
    await ann.page.evaluate((now) => { Object.defineProperty(Event.prototype, 'timeStamp', { get: () => now }); }, 1_000);
    await pen.down([200, 200], 0.1);
    await finger.down([300, 400]);
    for (let i = 1; i <= 10; i++) await pen.move([200 + 10 * i, 200], 0.1 + i * 0.08);
    await finger.move([320, 420]);
    await finger.up();
    await pen.up();
    await finger.drag([300, 400], [400, 400]); // just after it, too
    await alike([ann, bob], 1);
    const [{ points }] = await bob.elements({ points: true });
    const pressures = points.filter((_, i) => i % 3 === 2);
    assert.equal(pressures.length, 11);
    assert.ok(pressures[0] <= 11 && pressures.at(-1) >= 85, String(pressures));
    assert.equal((await ann.facts()).scale, '1.000');
  });

  test('two fingers move the board and scale it, and draw nothing', async (room) => {
    const [ann, bob] = await room.people(2);
    const fingers = await Hand.of(ann, 'touch');
    await ann.tool('p');
    await fingers.all('touchStart', [[405, 300], [500, 300]]); // the first one begins a stroke, which is given up
    for (let i = 1; i <= 5; i++) await fingers.all('touchMove', [[405 - 20 * i, 300], [500 + 20 * i, 320]]);
    await fingers.all('touchEnd', []);
    await ann.page.waitForFunction(() => Number(document.documentElement.dataset.scale) > 2);
    assert.equal((await ann.facts()).strokes, '0');
    // And then one draws again, where it is.
    await fingers.drag([400, 300], [500, 300]);
    await bob.until({ strokes: 1 });
    await ann.until({ strokes: 1 });
  });

  test('the wheel, the middle button, the space bar and buttons move and scale', async (room) => {
    const [ann] = await room.people(1);
    const { page } = ann;
    await ann.draw(wave(300, 300));
    await page.mouse.move(500, 350);
    await page.mouse.wheel(0, -120);
    await page.waitForFunction(() => Number(document.documentElement.dataset.scale) > 1.2);
    await page.keyboard.press('0');
    await ann.until({ scale: '1.000' });
    const before = await alike([ann], 1);
    await page.mouse.move(500, 350);
    await page.focus('#board');
    await page.keyboard.down(' ');
    await page.mouse.move(300, 300);
    await page.mouse.down();
    await page.mouse.move(348, 300);
    await page.mouse.up();
    await page.keyboard.up(' ');
    await page.waitForFunction(() => document.documentElement.dataset.rests === 'true');
    assert.notEqual((await ann.picture()).sum, before.sum);
    await page.mouse.move(300, 300);
    await page.mouse.down({ button: 'middle' });
    await page.mouse.move(252, 300);
    await page.mouse.up({ button: 'middle' });
    assert.equal((await ann.facts()).strokes, '1');
    await ann.until({ rests: true });
    assert.deepEqual(await ann.picture(), before, 'it is where it was');
    await page.click('#menu summary');
    await page.click('#zoom-out');
    await ann.until({ scale: '0.800' });
    await page.click('#fit');
    await ann.until({ scale: '1.000' });
    assert.notEqual((await ann.picture()).ink, 0);
    assert.ok(before.ink > 0);
  });

  test('the buttons offer to undo and redo as soon as there is something, and no longer', async (room) => {
    const [ann] = await room.people(1);
    const { page } = ann;
    /** A line; whoever draws it pauses before the end. */
    const draw = async (strokes) => {
      await page.mouse.move(200, 200);
      await page.mouse.down();
      await page.mouse.move(300, 300);
      await ann.until({ strokes });
      await page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); }));
      await page.mouse.up();
    };
    const offers = (undo, redo) => until(async () => await page.isEnabled('#undo') === undo && await page.isEnabled('#redo') === redo,
      `undo ${undo}, redo ${redo}`);
    await ann.tool('l');
    await offers(false, false);
    await draw(1);
    await offers(true, false);
    await page.click('#undo');
    await offers(false, true);
    await draw(1);
    await offers(true, false);
    await page.click('#menu summary');
    await page.click('#clear');
    await offers(true, false);
  });

  test('two undo and redo strokes that they drew by turns, each their own', async (room) => {
    const [ann, bob] = await room.people(2);
    for (let i = 0; i < 3; i++) {
      await ann.draw(wave(200, 150 + 80 * i), { colour: 1 });
      await bob.draw(wave(220, 190 + 80 * i), { colour: 4 });
      await Promise.all([ann, bob].map((board) => board.until({ strokes: 2 * i + 2 })));
    }
    const whole = await alike([ann, bob], 6);
    for (let i = 0; i < 2; i++) await ann.page.keyboard.press('Control+z');
    await alike([ann, bob], 4);
    assert.deepEqual((await bob.elements()).map(({ value }) => value.colour), [1, 4, 4, 4]);
    for (let i = 0; i < 3; i++) await bob.page.click('#undo');
    await alike([ann, bob], 1);
    assert.equal(await bob.page.isDisabled('#undo'), true);
    for (let i = 0; i < 2; i++) await ann.page.keyboard.press('Control+Shift+z');
    for (let i = 0; i < 3; i++) await bob.page.click('#redo');
    assert.deepEqual(await alike([ann, bob], 6), whole, 'as it was');
    // Clear is one more action, and of all.
    await bob.page.click('#menu summary');
    await bob.page.click('#clear');
    await ann.until({ strokes: 0 });
    await bob.says(/Cleared 6 elements/);
    await bob.page.keyboard.press('Control+z');
    assert.deepEqual(await alike([ann, bob], 6), whole);
  });

  test('five people with all tools at once end alike', async (room) => {
    const boards = await room.people(5);
    await Promise.all(boards.map(async (board, n) => {
      const { page } = board;
      /** @param {[number, number][]} points */
      const drag = async (...points) => {
        await page.mouse.move(...points[0]);
        await page.mouse.down();
        for (const point of points.slice(1)) await page.mouse.move(...point);
        await page.mouse.up();
      };
      for (let i = 0; i < 2; i++) {
        const [x, y] = [180 + 70 * n, 120 + 90 * i];
        for (const [k, [key]] of MADE.entries()) {
          await board.tool(key);
          await page.keyboard.press(String((n + k) % 8 + 1));
          await drag([x + 20 * k, y], [x + 60 + 10 * k, y + 30], [x + 150, y + 130 - 20 * k]);
        }
        await board.tool('t');
        await page.mouse.click(x, y + 200);
        await page.keyboard.type(`person ${n}`);
        await page.keyboard.press('Escape');
        await board.tool('v');
        await drag([x + 60, y + 30], [x + 90, y + 60]);
        await board.tool('e');
        await drag([x + 100, y - 20], [x + 110, y + 60]);
        await page.keyboard.press('Control+z');
      }
    }));
    // Whatever came of it: all of it has arrived when all have the same.
    const state = () => Promise.all(boards.map((board) => board.elements({ points: true }).then(JSON.stringify)));
    await until(async () => new Set(await state()).size === 1, 'five boards to be the same');
    const { strokes } = await boards[0].facts();
    assert.ok(Number(strokes) >= 20, strokes);
    await alike(boards, strokes);
  });
});
