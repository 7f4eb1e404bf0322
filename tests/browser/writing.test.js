// writing.test.js - two who write in one text, and others who move it meanwhile.
import assert from 'node:assert/strict';
import { until } from '../http/lib/wait.js';
import { suite } from './lib/suite.js';

const texts = async (board) => (await board.elements()).map(({ value }) => value.text);
const shows = (boards, text) => until(async () => {
  for (const board of boards) {
    const all = await texts(board);
    if (all.length !== 1 || all[0] !== text) return false;
  }
  return true;
}, `“${text}” on all boards`);
const field = ({ page }) => page.$eval('#text', (/** @type {HTMLTextAreaElement} */ { value, hidden, selectionStart, selectionEnd }) =>
  ({ value, hidden, selection: [selectionStart, selectionEnd] }));

/** What a page sends reaches nobody until it may: as on a slow line. */
const hold = ({ page }) => page.evaluate(() => {
  const { send } = RTCDataChannel.prototype;
  const held = [];
  RTCDataChannel.prototype.send = function (data) { held.push([this, data]); };
  globalThis.letGo = () => {
    RTCDataChannel.prototype.send = send;
    for (const [channel, data] of held) send.call(channel, data);
  };
});
const letGo = ({ page }) => page.evaluate(() => globalThis.letGo());

/** A text that all have, at (300, 300) in the window. */
async function written(room, count) {
  const boards = await room.people(count);
  const [ann] = boards;
  await ann.tool('t');
  await ann.page.mouse.click(300, 300);
  await ann.page.keyboard.type('tea');
  await ann.page.keyboard.press('Escape');
  await shows(boards, 'tea');
  return boards;
}

async function write(board, x = 310, y = 300) {
  await board.tool('t');
  await board.page.mouse.click(x, y);
  await until(async () => !(await field(board)).hidden, 'the field');
}

suite('writing', { servers: [['lighttpd', '/']] }, (test) => {
  test('two write in one text, at once and by turns, and see it while they do', async (room) => {
    const [ann, bob] = await written(room, 2);
    await write(ann);
    await write(bob);
    await ann.page.keyboard.press('Home');
    await bob.page.keyboard.press('End');
    await ann.page.keyboard.type('green ');
    await until(async () => (await field(bob)).value === 'green tea', 'it in the other field');
    await bob.page.keyboard.type(' time'); // where the caret was, at the end
    await shows([ann, bob], 'green tea time');
    assert.deepEqual(await field(ann), { value: 'green tea time', hidden: false, selection: [6, 6] });
    // At once.
    await ann.page.keyboard.press('Control+Home');
    for (let i = 0; i < 10; i++) await Promise.all([ann.page.keyboard.type('a'), bob.page.keyboard.type('b')]);
    await shows([ann, bob], `${'a'.repeat(10)}green tea time${'b'.repeat(10)}`);
    for (const board of [ann, bob]) assert.equal((await field(board)).value, (await texts(board))[0]);
    // What is selected stays selected.
    await bob.page.keyboard.press('Shift+Home');
    await ann.page.keyboard.type('!');
    await until(async () => (await field(bob)).value.startsWith('aaaaaaaaaa!'), 'it');
    assert.deepEqual((await field(bob)).selection, [0, (await texts(bob))[0].length]);
    await bob.page.keyboard.press('Escape');
    await ann.page.keyboard.press('Escape');
    // Each takes back but its own.
    await bob.page.keyboard.press('Control+z');
    await shows([ann, bob], `${'a'.repeat(10)}!green tea`);
  });

  test('what is written is kept, though the other one\'s came later and the field has been closed', async (room) => {
    const [ann, bob] = await written(room, 2);
    await hold(ann);
    await hold(bob);
    await write(ann);
    await write(bob);
    await ann.page.keyboard.press('Home');
    await ann.page.keyboard.type('green ');
    await ann.page.keyboard.press('Escape');
    await bob.page.keyboard.press('End');
    await bob.page.keyboard.type(' at four');
    await bob.page.keyboard.press('Escape');
    await letGo(ann);
    await letGo(bob);
    await shows([ann, bob], 'green tea at four');
  });

  test('a text that is moved and coloured while it is written in is there, with what is written', async (room) => {
    const [ann, bob, cat] = await written(room, 3);
    await write(ann);
    await ann.page.keyboard.press('End');
    await ann.page.keyboard.type('!');
    await shows([ann, bob, cat], 'tea!');
    const from = await ann.page.$eval('#text', (element) => element.getBoundingClientRect().x);
    await bob.tool('v');
    await bob.page.mouse.move(310, 300);
    await bob.page.mouse.down();
    for (let i = 1; i <= 5; i++) {
      await bob.page.mouse.move(310 + 10 * i, 300);
      await ann.page.keyboard.type(String(i));
    }
    await bob.page.mouse.up();
    await cat.tool('v');
    await until(async () => (await cat.elements())[0].value.x === -150, 'it to be moved');
    await cat.page.mouse.click(360, 300);
    await cat.page.keyboard.press('4');
    await until(async () => await ann.page.getAttribute('#text', 'data-colour') === '3', 'the colour of the field');
    assert.equal(await ann.page.$eval('#text', (element) => element.getBoundingClientRect().x), from + 50);
    await ann.page.keyboard.type('.');
    await shows([ann, bob, cat], 'tea!12345.');
    for (const board of [ann, bob, cat]) {
      const [{ value }] = await board.elements();
      assert.deepEqual([value.x, value.colour], [-150, 3]);
    }
  });

  test('what an input method composes is not touched by what another one writes', async (room) => {
    const [ann, bob] = await written(room, 2);
    await write(ann);
    await ann.page.keyboard.press('End');
    const input = await ann.page.context().newCDPSession(ann.page);
    await input.send('Input.imeSetComposition', { text: 'ち', selectionStart: 1, selectionEnd: 1 });
    await write(bob);
    await bob.page.keyboard.press('Home');
    await bob.page.keyboard.type('green ');
    await shows([ann, bob], 'green teaち');
    assert.equal((await field(ann)).value, 'teaち');
    await input.send('Input.imeSetComposition', { text: 'ちゃ', selectionStart: 2, selectionEnd: 2 });
    await shows([ann, bob], 'green teaちゃ');
    await input.send('Input.insertText', { text: '茶' });
    await shows([ann, bob], 'green tea茶');
    await until(async () => (await field(ann)).value === 'green tea茶', 'the field');
    await ann.page.keyboard.type('!');
    await shows([ann, bob], 'green tea茶!');
  });
});
