// keeping.test.js - what a person has on a board stays theirs: the view of it over a reload, and a way back to it.
import assert from 'node:assert/strict';
import { wave } from './lib/boards.js';
import { until } from '../http/lib/wait.js';
import { Hand } from './lib/hand.js';
import { suite } from './lib/suite.js';

const viewOf = (board) => board.page.evaluate(() => {
  const { watched: { elements }, document: { documentElement: { dataset } } } = /** @type {any} */ (globalThis);
  return { scale: dataset.scale, strokes: elements?.list.length };
});

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, deviceScaleFactor: 2 };

suite('keeping', { servers: [['lighttpd', '/']] }, (test) => {
  test('who reloads sees the part of the board that was seen; in another room, all of it', async (room) => {
    const [ann] = await room.people(1);
    await ann.draw(wave(200, 200));
    await ann.page.mouse.move(300, 300);
    await ann.page.mouse.wheel(0, -200);
    await ann.page.waitForFunction(() => document.documentElement.dataset.scale !== '1.000');
    await ann.until({ rests: true });
    const [{ scale }, picture] = [await viewOf(ann), await ann.picture()];
    assert.notEqual(scale, '1.000');
    await ann.page.reload();
    await ann.until({ strokes: 1, rests: true, scale });
    assert.deepEqual(await ann.picture(), picture);
    await ann.page.goto(`${ann.page.url()}-other`);
    await ann.until({ state: 'connected', scale: '1.000' });
  });

  for (const way of /** @type {const} */ (['mouse', 'touch', 'keyboard'])) {
    test(`where nothing is in sight there is a way back, by ${way}`, async (room) => {
      const [ann] = way === 'touch' ? [await room.board(PHONE)] : await room.people(1);
      await ann.meets(0);
      const { page } = ann;
      await ann.until({ scale: '1.000' }); // on a phone, too
      await page.waitForSelector('#back', { state: 'hidden' });
      const hand = await Hand.of(ann, way === 'touch' ? 'touch' : 'mouse');
      await ann.tool('p');
      await hand.drag([100, 200], [200, 260]);
      await ann.tool('h');
      await page.waitForSelector('#back', { state: 'hidden' });
      for (let i = 0; i < 4; i++) await hand.drag([300, 400], [30, 400]);
      await page.waitForSelector('#back', { state: 'visible' });
      if (way === 'mouse') await page.click('#back');
      else if (way === 'touch') await until(async () => {
        await page.tap('#back').catch(() => {}); // what comes right after a drag may be taken for its end
        return page.isHidden('#back');
      }, 'the way back to be taken');
      else {
        await page.focus('#back');
        await page.keyboard.press('Enter');
      }
      await page.waitForSelector('#back', { state: 'hidden' });
      assert.ok(await page.evaluate(() => document.activeElement?.id === 'board'));
      await ann.until({ rests: true });
      assert.ok((await ann.picture()).ink > 100);
    });
  }
});
