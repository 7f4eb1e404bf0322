// keeping.test.js - what a person has on a board stays theirs: the view of it over a reload, and a way back to it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { SOON_MS, WAIT_MS, alike, wave } from './lib/boards.js';
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
      await hand.drag([220, 200], [320, 260]); // beside the panel
      await ann.tool('h');
      await page.waitForSelector('#back', { state: 'hidden' });
      for (let i = 0; i < 4; i++) await hand.drag([300, 400], [30, 400]);
      await page.waitForSelector('#back', { state: 'visible' });
      if (way === 'mouse') await page.click('#back');
      else if (way === 'touch') await until(async () => {
        // What comes right after a drag may be taken for its end; and what was taken is gone in a frame, not at once.
        await page.tap('#back', { timeout: SOON_MS }).catch(() => {});
        return page.isHidden('#back');
      }, 'the way back to be taken', WAIT_MS);
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

  test('a board is saved as a file and opened beside what is there; a bad file is refused', async (room) => {
    const [ann, bob] = await room.people(2);
    const { page } = ann;
    await ann.draw(wave(200, 200));
    await ann.tool('r');
    await page.keyboard.press('g');
    await (await Hand.of(ann, 'mouse')).drag([300, 300], [400, 360]);
    await alike([ann, bob], 2); // what is opened goes beside what is there
    const downloads = page.waitForEvent('download');
    await page.keyboard.press('Control+s');
    const download = await downloads;
    assert.match(download.suggestedFilename(), /^room-\d+\.drawbridge\.json$/);
    const buffer = readFileSync(await download.path());
    const name = 'plan.drawbridge.json';

    // Bob opens it by the menu.
    const chosen = bob.page.waitForEvent('filechooser');
    await bob.page.click('#menu summary');
    await bob.page.click('#open-file');
    await (await chosen).setFiles({ name, mimeType: 'application/json', buffer });
    await bob.until({ strokes: 4, selected: 2 });
    await ann.until({ strokes: 4 });
    const all = await ann.elements();
    assert.equal(new Set(all.map(({ id }) => id)).size, 4);
    assert.deepEqual(all.map(({ value: { kind, fill } }) => [kind, fill]), [['pen', undefined], ['rectangle', 0], ['pen', undefined], ['rectangle', 0]]);
    assert.ok(all[3].value.x > all[1].value.x + 100, 'beside it');
    await bob.says(/^2 elements were opened\.$/);
    await bob.page.keyboard.press('Control+z');
    await ann.until({ strokes: 2 });

    const open = (/** @type {string} */ file, /** @type {string} */ text) =>
      page.setInputFiles('#file', { name: file, mimeType: 'application/json', buffer: Buffer.from(text) });
    await open('tea.json', '{"type":"drawbridge","version":7,"elements":[]}');
    await ann.says(/^“tea\.json” could not be opened\. It was saved by a newer/);
    assert.equal((await ann.facts()).strokes, '2');
    const shape = { type: 'ellipse', x: 0, y: 0, width: 50, height: 50, strokeColor: '#e03131', backgroundColor: '#ffec99' };
    await open('a.excalidraw', JSON.stringify({ type: 'excalidraw', version: 2, elements: [shape, { ...shape, type: 'image' }] }));
    await bob.until({ strokes: 3 });
    await ann.says(/^One element was opened\. Left out: image × 1\.$/);
  });

  for (const way of /** @type {const} */ (['mouse', 'touch', 'keyboard'])) {
    test(`fill, dashes, opacity and size, by ${way}, in both exports`, async (room) => {
      const [ann, bob] = [await room.board(way === 'touch' ? PHONE : {}), await room.board()]; // a browser that remembers no style
      await Promise.all([ann.meets(1), bob.meets(1)]);
      const { page } = ann;
      const hand = await Hand.of(ann, way === 'touch' ? 'touch' : 'mouse');
      const pick = async (/** @type {string} */ name, /** @type {string} */ value, /** @type {string} */ key, times = 1) => {
        if (way === 'keyboard') for (let i = 0; i < times; i++) await page.keyboard.press(key);
        else {
          if (!await page.isVisible('#style')) await page.click('#style-open');
          await page[way === 'touch' ? 'tap' : 'click'](`[name=${name}][value="${value}"]`);
          if (await page.isVisible('#style-open')) await page.click('#style-open'); // it lies over the board
        }
      };
      await ann.tool('r');
      await pick('fill', '0', 'g');
      await pick('dash', '1', 'd');
      await pick('opacity', '50', 'u', 2);
      const left = way === 'touch' ? 60 : 300;
      await hand.drag([left, 200], [left + 100, 300]);
      await bob.until({ strokes: 1 });
      const only = async () => (({ fill, dash, opacity, format }) => ({ fill, dash, opacity, format }))((await bob.elements())[0].value);
      assert.deepEqual(await only(), { fill: 0, dash: 1, opacity: 50, format: 2 });
      // It is taken by its inside, and restyled.
      await ann.tool('v');
      await hand.tap([left + 50, 250]);
      await ann.until({ selected: 1 });
      await pick('fill', '-1', 'g');
      await pick('dash', '2', 'd');
      await until(async () => (await only()).dash === 2, 'another style');
      assert.deepEqual(await only(), { fill: undefined, dash: 2, opacity: 50, format: 2 });
      await pick('fill', '0', 'g');
      await ann.tool('t');
      await pick('size', '56', 's', 2);
      await hand.tap([left, 400]);
      await page.keyboard.type('tea');
      await page.keyboard.press('Escape');
      await until(async () => (await bob.elements())[1]?.value.text === 'tea', 'a text');
      assert.deepEqual((({ size, width }) => [size, width])((await bob.elements())[1].value), [56, 3]);

      const exported = page.waitForEvent('download');
      await page.click('#menu summary');
      await page.click('#save-svg');
      const svg = readFileSync(await (await exported).path(), 'utf8');
      assert.match(svg, /<g opacity="0.5"><path [^>]*stroke-dasharray="0 9" fill="#[\da-f]{6}"/);
      assert.match(svg, /font-size="56"/);
      const painted = await page.evaluate(async (text) => {
        const image = new Image();
        image.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
        await image.decode();
        return image.width;
      }, svg);
      assert.ok(painted > 100);
    });
  }

  test('cut, copied and pasted within a board and to another; a text becomes one', async (room) => {
    const [ann] = await room.people(1);
    const { page } = ann;
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await ann.draw(wave(300, 200));
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Control+c');
    await page.keyboard.press('Control+v');
    await ann.until({ strokes: 2, selected: 1 });
    const [one, two] = await ann.elements({ points: true });
    assert.deepEqual([two.value.x - one.value.x, two.points], [16, one.points]);
    await page.keyboard.press('Control+x');
    await ann.until({ strokes: 1 });
    await page.keyboard.press('Control+z');
    await ann.until({ strokes: 2 });
    await page.goto(`${page.url()}-copies`);
    await ann.until({ state: 'connected', strokes: 0 });
    await page.focus('#board');
    await page.keyboard.press('Control+v');
    await ann.until({ strokes: 1 });
    // By the menu, as a finger does.
    await page.click('#menu summary');
    await page.click('#clip-cut');
    await ann.until({ strokes: 0 });
    await page.click('#menu summary');
    await page.click('#clip-paste');
    await ann.until({ strokes: 1, selected: 1 });
    await page.evaluate(() => navigator.clipboard.writeText('tea\r\nat four'));
    await page.keyboard.press('Control+v');
    await ann.until({ strokes: 2 });
    assert.equal((await ann.elements())[1].value.text, 'tea\nat four');
    await page.evaluate(() => navigator.clipboard.writeText('{"type":"drawbridge","version":1,"elements":[5]}'));
    await page.keyboard.press('Control+v');
    await ann.says(/^It could not be pasted\. It is broken/);
    assert.equal((await ann.facts()).strokes, '2');
  });
});
