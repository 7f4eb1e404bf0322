// look.test.js - what the board looks like, in light and in dark, on windows of three sizes: axe-core finds
// nothing, everything fits and can be hit with a finger. PICTURES=DIR keeps what was seen; PICTURE=FILE
// makes the picture of the README anew.
import assert from 'node:assert/strict';
import { until } from '../http/lib/wait.js';
import { findings, keep, misfits, resize } from './lib/looks.js';
import { suite } from './lib/suite.js';
import { sketch } from './lib/sketch.js';

const SIZES = [[360, 740], [768, 1024], [1440, 900]];
const TARGET = 44; // pixels
const { PICTURE } = process.env;

suite('look', { servers: [['lighttpd', '/']] }, (test) => {
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    test(`in the ${colorScheme}`, async (room) => {
      const people = [];
      for (const [width, height] of SIZES) {
        const phone = width < 400;
        people.push(await room.board({ viewport: { width, height }, colorScheme, hasTouch: phone, deviceScaleFactor: phone ? 2 : 1 }));
      }
      const [phone, , desk] = people;
      for (const [i, name] of ['Cleo', 'Ben', 'Ada'].entries()) {
        await people[i].meets(2);
        const list = people[i].page.locator('#people');
        await list.evaluate((/** @type {HTMLDetailsElement} */ details) => { details.open = true; });
        await people[i].page.fill('#name', name);
        await people[i].page.check(`[name=own][value="${[5, 3, 2][i]}"]`);
        await list.evaluate((/** @type {HTMLDetailsElement} */ details) => { details.open = matchMedia('(min-width: 60rem)').matches; });
      }
      await sketch(desk);
      const { strokes } = await desk.facts();
      for (const board of people) {
        await board.until({ strokes, rests: true });
        await until(async () => (await board.others()).every((name) => /^(Ada|Ben|Cleo)$/.test(name)), 'the names');
      }
      // Where they point to is seen, too.
      const [, pad] = people;
      await pad.page.mouse.move(560, 480);
      await phone.page.mouse.move(110, 260);
      await desk.page.waitForFunction(() => document.querySelectorAll('#cursors > *').length === 2);
      await desk.page.mouse.move(900, 700);
      await desk.page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur()); // it was focused as by a keyboard
      if (PICTURE && colorScheme === 'light') await desk.page.screenshot({ path: PICTURE });

      const checkOf = async (board, what) => {
        const { width } = board.page.viewportSize();
        const seen = `${width}-${colorScheme}`;
        await keep(board, `${seen}${what ? `-${what}` : ''}`);
        assert.deepEqual(await findings(board), [], `${seen} ${what}`);
        assert.deepEqual(await misfits(board, width < 400 ? TARGET : 24), [], `${seen} ${what}`);
      };
      for (const board of people) {
        const { width } = board.page.viewportSize();
        const check = (what) => checkOf(board, what);
        await board.page.keyboard.press('f');
        await check('');
        if (await board.page.isVisible('#style-open')) {
          await board.page.click('#style-open');
          await check('style');
          await board.page.keyboard.press('Escape');
        }
        if (width < 960) await board.page.click('#people summary');
        await check('people');
        if (width < 960) await board.page.click('#people summary');
        await board.page.click('#menu summary');
        await check('menu');
        await board.page.keyboard.press('?');
        await check('help');
        await board.page.keyboard.press('Escape');
      }
      // In private, with who has stayed as a stranger.
      await desk.page.click('#menu summary');
      await desk.page.click('#make-private');
      await desk.until({ state: 'connected', strangers: 2 });
      await phone.page.evaluate((hash) => { location.hash = hash; }, new URL(await desk.page.inputValue('#link')).hash);
      for (const board of [desk, phone]) {
        await board.until({ state: 'connected', peers: 1, strangers: 1, strokes, rests: true });
        await board.page.keyboard.press('f');
        if (board === phone) await board.page.click('#people summary');
        await board.page.mouse.move(300, 300);
        await checkOf(board, 'private');
        await board.page.click('#menu summary');
        await checkOf(board, 'private-menu');
        await board.page.keyboard.press('Escape');
      }
      await resize(phone, 740, 360);
      assert.deepEqual(await misfits(phone, TARGET), [], 'on its side');
      await keep(phone, `sideways-${colorScheme}`);
    });
  }

  test('Tab goes through everything in the order in which it is seen, and each is seen to have the focus', async (room) => {
    const [ann] = await room.people(1);
    const order = [];
    for (let i = 0; i < 40; i++) {
      await ann.page.keyboard.press('Tab');
      const at = await ann.page.evaluate(() => {
        const element = /** @type {HTMLInputElement} */ (document.activeElement);
        if (element === document.body) return '';
        const shown = element.matches('label input') ? element.parentElement : element;
        const { outlineStyle, outlineWidth } = getComputedStyle(shown);
        return `${element.id || element.name || element.tagName.toLowerCase()}${outlineStyle === 'none' || outlineWidth === '0px' ? ' unseen' : ''}`;
      });
      if (!at || order.includes(at)) break;
      order.push(at);
    }
    assert.deepEqual(order, ['copy', 'summary', 'name', 'own', 'menu-open', 'board', 'colour', 'width', 'fill', 'dash', 'size',
      'opacity', 'tool', 'scale']);
  });

  test('who wants less motion gets none', async (room) => {
    const ann = await room.board({ viewport: { width: 1000, height: 700 }, reducedMotion: 'reduce' });
    const bob = await room.board();
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await bob.page.mouse.move(300, 300);
    await ann.page.waitForSelector('#cursors > *', { state: 'attached' });
    assert.deepEqual(await ann.page.evaluate(() => document.getAnimations().length), 0);
    assert.equal(await ann.page.$eval('#cursors > *', (mark) => getComputedStyle(mark).transitionProperty), 'none');
  });
});
