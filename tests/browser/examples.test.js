// examples.test.js - the pages of src/page/examples do what they say, each with its own people; axe-core finds nothing in
// them, and everything fits, on a phone and on a desk, in light and dark. PICTURES=DIR keeps what was seen.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { until as waitFor } from '../http/lib/wait.js';
import { SOON_MS, WAIT_MS } from './lib/boards.js';
import { Guest } from './lib/guests.js';
import { findings, keep, misfits, recolour, resize } from './lib/looks.js';
import { suite } from './lib/suite.js';

const EXAMPLES = new URL('../../src/page/examples/', import.meta.url);
const SIZES = [[360, 740, 44], [1280, 800, 24]]; // and what can be hit: pixels
const BUNDLED = { 'yjs.html': 'yjs.js', 'react.html': 'react.jsx' };
const TEXT = new Map([['html', 'text/html; charset=utf-8'], ['css', 'text/css'], ['js', 'text/javascript'], ['jsx', 'text/javascript']]);

/** What a bundler makes of a module, for a deployment. */
async function bundle(entry, base) {
  const { outputFiles: [{ text }] } = await build({
    ...entry, bundle: true, format: 'esm', target: 'es2022', write: false, logLevel: 'warning',
    define: { 'process.env.NODE_ENV': '"development"' }, // React is strict
    nodePaths: [fileURLToPath(new URL('../node_modules', import.meta.url))],
    alias: { 'drawbridge-client': fileURLToPath(new URL('../../src/page/client/drawbridge.js', import.meta.url)) },
  });
  return text.replaceAll('https://draw.example/', base);
}

/** A candidate may be on its way to who goes. */
const FOR_WHO_WENT = /\/relay\/.*\b404\b/;

let opened = 0;
const example = (name) => ({ entryPoints: [fileURLToPath(new URL(name, EXAMPLES))] });

/**
 * What a page finds: a name, and a camera. Ann alone has the one that Chromium makes up, with sound: six of them, each
 * encoded five times, are more than two processors can do. The others' have a few pixels, a few times a second.
 */
function prepare(who) {
  sessionStorage.setItem('name', who);
  if (who === 'Ann' || !navigator.mediaDevices) return;
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 96, height: 54 });
    const pen = canvas.getContext('2d');
    let hue = who.charCodeAt(0) * 25;
    setInterval(() => {
      pen.fillStyle = `hsl(${++hue} 60% 45%)`;
      pen.fillRect(0, 0, canvas.width, canvas.height);
    }, 200);
    return canvas.captureStream(5);
  };
}

/** Somebody's page of an example: as quickstart serves it, from one server after the other; or bundled, on another origin. */
async function open(room, name, who) {
  const number = ++opened;
  const { base } = room.site.servers[number % room.site.servers.length];
  const page = await (await room.context()).newPage();
  const guest = new Guest(page);
  page.on('pageerror', (error) => guest.told.push(String(error)));
  page.on('console', (message) => {
    const line = `${message.location().url} ${message.text()}`;
    if (message.type() === 'error' && !FOR_WHO_WENT.test(line)) guest.told.push(line);
  });
  room.guests.push(guest);
  await page.addInitScript(prepare, who);
  let at = new URL(`static/examples/${name}`, base);
  if (name in BUNDLED) {
    const { files, origins: [origin] } = room.pages;
    const script = BUNDLED[name];
    at = new URL(`/${number}/${name}`, origin);
    const put = (file, body) => files.set(`/${number}/${file}`, { type: TEXT.get(file.split('.').at(-1)), body });
    for (const file of [name, 'examples.css']) put(file, readFileSync(new URL(file, EXAMPLES), 'utf8'));
    put(script, await bundle(example(script), base.href));
  }
  at.searchParams.set('room', room.name);
  await page.goto(at.href);
  return guest;
}

/** So many people's, who all have met. */
async function people(room, name, ...names) {
  const all = await Promise.all(names.map((who) => open(room, name, who)));
  for (const { page } of all) await page.waitForSelector(`#people li.open >> nth=${names.length - 2}`);
  return all;
}

/** A page that has the provider, and names for what it makes. */
async function desk(room, who) {
  const { base } = room.site.servers[++opened % room.site.servers.length];
  const path = `/${opened}/desk`;
  room.pages.files.set(`${path}.js`, { type: 'text/javascript', body: await bundle({ stdin: { contents: DESK, resolveDir: fileURLToPath(EXAMPLES) } }, base.href) });
  room.pages.files.set(path, { type: 'text/html', body: `<!doctype html><script type="module" src="${path}.js"></script>` });
  const guest = new Guest(await (await room.context()).newPage());
  guest.page.on('pageerror', (error) => guest.told.push(String(error)));
  room.guests.push(guest);
  await guest.page.goto(`${room.pages.origins[0]}${path}?name=${who}`);
  await guest.page.waitForFunction(() => globalThis.provide);
  return guest;
}

const DESK = `
  import { Drawbridge } from 'drawbridge-client';
  import { StrictMode, createElement } from 'react';
  import { createRoot } from 'react-dom/client';
  import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness';
  import * as Y from 'yjs';
  import { Bridge, useRoom } from './use-room.js';
  import { DrawbridgeProvider } from './yjs-provider.js';
  const connections = [];
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options) {
      super(...options);
      connections.push(this);
    }
  };
  const user = new URLSearchParams(location.search).get('name');
  const bridge = new Drawbridge({ base: 'https://draw.example/', username: user });
  const docs = {}, providers = {};
  const provide = (name, doc = new Y.Doc()) => {
    docs[name] = doc;
    providers[name] = new DrawbridgeProvider(name, doc, { bridge });
    providers[name].awareness.setLocalStateField('user', user);
  };
  const Count = ({ name }) => createElement('p', {}, name + ' ' + useRoom(name).peers.length);
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  const show = (...names) => root.render(createElement(StrictMode, {}, createElement(Bridge, { value: bridge },
    names.map((name, key) => createElement(Count, { key, name })))));
  Object.assign(globalThis, { Awareness, Y, bridge, connections, docs, encodeAwarenessUpdate, provide, providers, show });
`;

const textOf = (guest, selector) => guest.page.$$eval(selector, (found) => found.map(({ textContent }) => textContent));

/** Waits until a function in the page is true. */
const until = (guest, what, argument) => guest.page.waitForFunction(what, argument, { timeout: WAIT_MS, polling: 50 });

/** What a page looks like, as it is now. */
async function looks(guest, name) {
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    await recolour(guest, colorScheme);
    for (const [width, height, target] of SIZES) {
      await resize(guest, width, height);
      const seen = `${name}-${width}-${colorScheme}`;
      await keep(guest, seen);
      assert.deepEqual([await findings(guest), await misfits(guest, target)], [[], []], seen);
    }
  }
}

suite('examples', {}, (test) => {
  test('the list of them leads to those that need no bundler', async (room) => {
    const ann = await open(room, 'index.html', 'Ann');
    await looks(ann, 'index');
    const links = await ann.page.$$eval('main li a', (all) => all.map((link) => new URL(link.getAttribute('href'), location.href).href));
    assert.equal(links.length, 4);
    for (const link of links) {
      await ann.page.goto(link);
      await ann.page.waitForSelector('header');
      assert.match(new URL(ann.page.url()).searchParams.get('room'), /^\w{10,}$/, 'each begins a room that nobody can guess');
    }
  });

  test('chat: a line is with everybody, and says so; who joins and leaves is seen', async (room) => {
    const [ann, bob] = await people(room, 'chat.html', 'Ann', 'Bob');
    await ann.page.fill('#text', '<b>hello</b>');
    await ann.page.keyboard.press('Enter');
    await bob.page.waitForSelector('#log p:has-text("Ann <b>hello</b>")');
    await ann.page.waitForSelector('#log .mine:not(.waiting)');
    await bob.page.fill('#text', 'Hello, Ann. What a long line this is, and so it goes on, for as long as it takes to see where it ends.');
    await bob.page.click('text=Send');
    await ann.page.waitForSelector('#log p:has-text("What a long line")');
    await bob.page.evaluate(() => globalThis.scrollTo(0, 0));
    await looks(ann, 'chat');
    await ann.page.fill('#name', 'Anna');
    await ann.page.press('#name', 'Enter');
    await bob.page.waitForSelector('#people li:has-text("Anna")');
    await ann.page.close();
    await bob.page.waitForSelector('#log p:has-text("Anna has gone")', { timeout: SOON_MS });
    assert.deepEqual(await textOf(bob, '#people li'), []);
  });

  test('files: one of some MB is offered, saved, and is the same; progress on both sides; either may cancel', async (room) => {
    const [ann, bob, cat] = await people(room, 'files.html', 'Ann', 'Bob', 'Cat');
    for (const { page } of [bob, cat]) await page.evaluate(() => { delete globalThis.showSaveFilePicker; }); // it asks a person
    const buffer = randomBytes(6_000_000);
    const sum = (bytes) => createHash('sha256').update(bytes).digest('hex');
    const values = (guest, name) => guest.page.evaluate((label) => {
      const bar = [...document.querySelectorAll('progress')].find((one) => one.parentElement.textContent.includes(label));
      globalThis.values = [];
      new MutationObserver(() => globalThis.values.push(bar.value)).observe(bar.parentElement, { subtree: true, childList: true, characterData: true, attributes: true });
    }, name);
    await ann.page.setInputFiles('#choose', { name: 'tea.bin', mimeType: 'application/octet-stream', buffer });
    for (const guest of [bob, cat]) await guest.page.waitForSelector('.offer:has-text("tea.bin"):has-text("6 MB")');
    await values(ann, 'to Bob');
    await values(bob, 'Ann');
    await looks(bob, 'files-offer');
    const downloaded = bob.page.waitForEvent('download');
    await bob.page.click('text=Save');
    await cat.page.click('text=No, thanks');
    const file = await downloaded;
    assert.equal(file.suggestedFilename(), 'tea.bin');
    assert.equal(sum(readFileSync(await file.path())), sum(buffer));
    await ann.page.waitForSelector('p:has-text("to Bob"):has-text("has it")');
    await ann.page.waitForSelector('p:has-text("to Cat"):has-text("does not want it")');
    await looks(ann, 'files');
    for (const guest of [ann, bob]) {
      const seen = await guest.page.evaluate(() => globalThis.values);
      assert.ok(seen.some((value) => value > 0 && value < buffer.length), `a value between: ${seen}`);
      assert.deepEqual(seen, [...seen].sort((a, b) => a - b));
      assert.equal(seen.at(-1), buffer.length);
    }

    // A drop; and who sends it cancels.
    await ann.page.evaluate(() => {
      const dropped = new DataTransfer();
      dropped.items.add(new File(['tea'], 'leaf.txt', { type: 'text/plain' }));
      document.getElementById('drop').dispatchEvent(new DragEvent('drop', { dataTransfer: dropped, bubbles: true, cancelable: true }));
    });
    await bob.page.waitForSelector('.offer:has-text("leaf.txt")');
    await ann.page.click('li:has-text("leaf.txt") >> text=Cancel');
    await ann.page.waitForSelector('li:has-text("leaf.txt") p:has-text("to Bob"):has-text("aborted")');
    await bob.page.click('text=Save');
    await bob.page.waitForSelector('li:has-text("leaf.txt") p:has-text("The peer has stopped sending it")');
  });

  test('cursors: a pointer is where it was moved to, by mouse or keys, and a ring is seen; who leaves takes it along', async (room) => {
    const [ann, bob] = await people(room, 'cursors.html', 'Ann', 'Bob');
    const place = (guest) => guest.page.$eval('.pointer.person', ({ style }) => [style.left, style.top]);
    const { x, y, width, height } = await ann.page.locator('#field').boundingBox();
    // The last of some moves may get lost, as any may, and those before the channel is open do: so it goes on until one has arrived.
    const at = (left, top, again) => waitFor(async () => {
      const seen = await bob.page.$('.pointer.person') ? await place(bob) : [];
      if ([left, top].every((wanted, i) => Math.abs(parseFloat(seen[i]) - wanted) < 1)) return true;
      await again();
    }, () => `a pointer at ${left}, ${top}`, WAIT_MS);
    const moves = async () => {
      await ann.page.mouse.move(x + width / 4 + 1, y + height / 2);
      await ann.page.mouse.move(x + width / 4, y + height / 2);
    };
    await moves();
    await at(25, 50, moves);
    await bob.run(() => { // it does not last
      new MutationObserver((records) => {
        globalThis.ringed ||= records.some(({ addedNodes: [node] }) => node instanceof HTMLElement && node.className.includes('ring'));
      }).observe(document.getElementById('field'), { childList: true });
    });
    await ann.page.mouse.down();
    await ann.page.mouse.up();
    await until(bob, () => globalThis.ringed);
    await ann.page.focus('#field');
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown']) await ann.page.keyboard.press(key);
    await at(29, 52, async () => { for (const key of ['ArrowRight', 'ArrowLeft']) await ann.page.keyboard.press(key); });
    await ann.page.waitForSelector('.pointer:not(.person):visible'); // where no mouse is, one sees one's own
    await bob.page.mouse.move(x + width / 2, y + height / 4);
    const cat = await open(room, 'cursors.html', 'Cat');
    await cat.page.waitForSelector('.pointer.person >> nth=1'); // who comes later sees where they rest
    await looks(cat, 'cursors');
    // What a peer says may be no place, or an old one.
    await cat.run(() => {
      globalThis.places = new Set(); // where the rogue's pointer was, before it is where it is
      new MutationObserver((records) => {
        for (const { target, oldValue } of records) {
          if (target.textContent === 'Rogue') globalThis.places.add(/left: ([^;]*)/.exec(oldValue)?.[1]);
        }
      }).observe(document.getElementById('field'), { subtree: true, attributeFilter: ['style'], attributeOldValue: true });
    });
    await ann.run(async (name) => {
      const { Drawbridge } = await import(new URL('../drawbridge.js', location.href).href);
      const rogue = new Drawbridge({ username: 'Rogue' });
      globalThis.rogue = rogue;
      rogue.on('join', () => {
        for (const said of [null, 7, [], { pointer: 1 }, { pointer: { x: 'url(x)', y: 0, number: 1 } }, { ring: { x: 9, y: 0 } }, { ring: null }]) rogue.send(said);
        for (const [x, number] of [[0.1, 5], [0.9, 4], [0.2, 6], [0.8, 5], [0.3, 7]]) rogue.send({ pointer: { x, y: 0.1, number } });
      });
      await rogue.join(name);
    }, room.name);
    await until(cat, () => [...document.querySelectorAll('.pointer')].some((mark) => mark instanceof HTMLElement && mark.style.left === '30%'));
    assert.deepEqual(await cat.run(() => [...globalThis.places].filter(Boolean)), ['10%', '20%']);
    await ann.page.evaluate(() => globalThis.rogue.close());
    await cat.page.waitForSelector('.pointer:has-text("Rogue")', { state: 'detached' });
    await ann.page.close();
    await cat.page.waitForSelector('.pointer.person >> nth=1', { state: 'detached', timeout: SOON_MS });
  });

  test('video: six pages see five pictures each, which move, and that somebody has muted', async (room) => {
    const names = ['Ann', 'Bob', 'Cat', 'Dan', 'Eva', 'Finn'];
    const all = await Promise.all(names.map((name) => open(room, 'video.html', name)));
    for (const { page } of all) await page.click('#camera');
    const moves = async (guest, ...wanted) => {
      const pictures = () => guest.page.$$eval('#tiles video', (videos) => videos.map((/** @type {HTMLVideoElement} */ video) => {
        const tracks = video.srcObject instanceof MediaStream ? video.srcObject.getTracks() : [];
        return `${tracks.map(({ kind }) => kind).sort()}${video.videoWidth > 0 && video.currentTime > 0.2 ? ' moves' : ''}`;
      }));
      /** @type {string[]} */ let seen;
      await waitFor(async () => (seen = await pictures()).sort().join() === wanted.join(), () => `pictures: ${seen}`, WAIT_MS);
    };
    const five = Array(5).fill('video moves');
    for (const guest of all) await moves(guest, 'audio,video moves', ...five);
    const [ann, bob] = all;
    await ann.page.click('text=Mute');
    await bob.page.waitForSelector('#tiles li[data-muted=audio]:has-text("Ann")');
    assert.equal(await ann.page.getAttribute('#sound', 'aria-pressed'), 'true');
    await looks(ann, 'video');
    await ann.page.click('text=Mute');
    await bob.page.waitForSelector('#tiles li[data-muted=""]:has-text("Ann")');
    await ann.page.close();
    await bob.page.waitForSelector('#tiles li:has-text("Ann")', { state: 'detached' });
    // One who only watches.
    const gus = await open(room, 'video.html', 'Gus');
    await looks(gus, 'video-start');
    await gus.page.click('#watch');
    await moves(gus, ...five);
  });

  test('React: who is there, and what they say', async (room) => {
    const [ann, bob] = await people(room, 'react.html', 'Ann', 'Bob');
    await ann.page.fill('form input', 'hello');
    await ann.page.keyboard.press('Enter');
    await bob.page.waitForSelector('[role=log] p:has-text("Ann hello")');
    await ann.page.waitForSelector('[role=log] .mine:has-text("hello")');
    await bob.page.fill('form input', 'Hello, Ann');
    await bob.page.click('text=Send');
    await ann.page.waitForSelector('[role=log] p:has-text("Bob Hello, Ann")');
    assert.deepEqual((await textOf(ann, '[role=log] p')).length, 2);
    await looks(ann, 'react');
    await ann.page.close();
    await bob.page.waitForSelector('header:has-text("Nobody else")', { timeout: SOON_MS });
  });

  test('the hook for React: a room is entered with the first component that uses it, once, and left after the last', async (room) => {
    const [tea, jam] = ['tea', 'jam'].map((name) => `${room.name}-${name}`);
    const bob = await desk(room, 'Bob');
    await bob.run(async (names) => {
      for (const name of names) await globalThis.bridge.join(name);
    }, [tea, jam]);
    const ann = await desk(room, 'Ann');
    /** @type {string[]} */
    const asked = [];
    ann.page.on('request', (request) => {
      const [, name, what] = /([^/]+)\/(join|leave)$/.exec(new URL(request.url()).pathname) ?? [];
      if (what && request.method() === 'POST') asked.push(`${what} ${name}`);
    });
    const shows = async (...names) => {
      await ann.run((wanted) => globalThis.show(...wanted), names);
      await until(ann, (wanted) => [...document.querySelectorAll('p')].map(({ textContent }) => textContent).join() === wanted, names.map((name) => `${name} 1`).join());
    };
    const asks = (count) => waitFor(() => asked.length >= count, () => `${count} requests: ${asked}`, WAIT_MS);
    await shows(tea, tea);
    await shows(tea, jam);
    await shows(jam, tea); // each component has another room
    await shows(jam);
    await asks(3);
    await shows(tea);
    await asks(5);
    await shows();
    await until(bob, () => globalThis.bridge.rooms.every(({ peers }) => !peers.length));
    assert.deepEqual([...asked.slice(0, 3), ...asked.slice(3, 5).sort(), ...asked.slice(5)],
      [`join ${tea}`, `join ${jam}`, `leave ${tea}`, `join ${tea}`, `leave ${jam}`, `leave ${tea}`]);
  });

  test('Yjs: a text that two write at once is the same for both; carets; alone for a while, and back', async (room) => {
    const [ann, bob] = await people(room, 'yjs.html', 'Ann', 'Bob');
    const value = ({ page }) => page.inputValue('#text');
    const reads = (guest, text) => waitFor(async () => (await value(guest)) === text, text, WAIT_MS);
    const same = async (...guests) => {
      const texts = () => Promise.all(guests.map(value));
      /** @type {string[]} */ let all;
      await waitFor(async () => new Set(all = await texts()).size === 1, () => `texts that are alike: ${JSON.stringify(all)}`, WAIT_MS);
      return all[0];
    };
    await ann.page.click('#text');
    await ann.page.keyboard.type('tea and 😀 scones');
    await reads(bob, 'tea and 😀 scones');
    // At once, at both ends.
    await bob.page.click('#text');
    await bob.page.keyboard.press('Home');
    await Promise.all([ann.page.keyboard.type(' at five'), bob.page.keyboard.type('Some ')]);
    assert.equal(await same(ann, bob), 'Some tea and 😀 scones at five');
    await bob.page.waitForSelector('.caret:has-text("Ann")');
    // Of a pair of surrogates one half is another.
    await ann.page.fill('#text', (await value(ann)).replace('😀', '😁'));
    await reads(bob, 'Some tea and 😁 scones at five');

    await bob.page.click('#alone');
    await ann.page.waitForSelector('.caret:has-text("Bob")', { state: 'detached', timeout: SOON_MS });
    await ann.page.focus('#text');
    await ann.page.keyboard.press('End');
    await ann.page.keyboard.type(', and milk');
    await bob.page.focus('#text');
    await bob.page.keyboard.press('Home');
    await bob.page.keyboard.type('Alone: ');
    assert.equal(await value(ann), 'Some tea and 😁 scones at five, and milk');
    await bob.page.click('#alone');
    assert.equal(await same(ann, bob), 'Alone: Some tea and 😁 scones at five, and milk');
    await bob.page.focus('#text');
    await ann.page.waitForSelector('.caret:has-text("Bob")');
    await ann.page.keyboard.type('\nand a second line');
    await same(ann, bob);
    await looks(bob, 'yjs');
    await ann.page.close();
    await bob.page.waitForSelector('.caret', { state: 'detached', timeout: SOON_MS });
  });

  test('the provider for Yjs: documents that meet late, several on one bridge, who is there, and nobody speaks for another', async (room) => {
    const [ann, bob, cat] = await Promise.all(['Ann', 'Bob', 'Cat'].map((who) => desk(room, who)));
    const [tea, jam] = ['tea', 'jam'].map((name) => `${room.name}-${name}`);
    await ann.run(([name]) => {
      globalThis.provide(name);
      globalThis.docs[name].getText().insert(0, 'ann');
    }, [tea]);
    await bob.run((names) => {
      for (const name of names) {
        globalThis.provide(name);
        globalThis.docs[name].getText().insert(0, 'bob');
      }
    }, [tea, jam]);
    const text = (guest, name) => guest.run((named) => globalThis.docs[named].getText().toString(), name);
    const both = (name) => text(ann, name);
    await until(ann, (name) => globalThis.docs[name].getText().length === 6, tea);
    await until(bob, (name) => globalThis.docs[name].getText().length === 6, tea);
    assert.equal(await text(bob, tea), await both(tea));
    // It has not been in it before; nothing of one is in the other.
    await ann.run((name) => { globalThis.provide(name); }, jam);
    await until(ann, (name) => globalThis.docs[name].getText().toString() === 'bob', jam);
    assert.equal(await ann.run(() => globalThis.connections.length), 1);
    for (const name of [tea, jam]) await until(ann, (named) => globalThis.providers[named].synced, name);

    // Who is there.
    const names = (guest, name) => guest.run((named) => [...globalThis.providers[named].awareness.getStates().values()].map(({ user }) => user).sort(), name);
    const knows = (guest, ...who) => until(guest, ([named, wanted]) =>
      [...globalThis.providers[named].awareness.getStates().values()].map(({ user }) => user).sort().join() === wanted, [tea, who.join()])
      .catch(async () => assert.deepEqual(await names(guest, tea), who));
    await cat.run((name) => { globalThis.provide(name); }, tea);
    for (const guest of [ann, bob, cat]) await knows(guest, 'Ann', 'Bob', 'Cat');
    await bob.run((name) => globalThis.providers[name].disconnect(), tea);
    await knows(ann, 'Ann', 'Cat');
    await knows(bob, 'Bob');
    await bob.run((name) => globalThis.providers[name].connect(), tea);
    for (const guest of [ann, bob, cat]) await knows(guest, 'Ann', 'Bob', 'Cat'); // with the clocks that they had
    await cat.page.close();
    for (const guest of [ann, bob]) await knows(guest, 'Ann', 'Bob');

    // A peer says what is not Yjs, and speaks for others.
    const client = await bob.run((name) => globalThis.docs[name].clientID, tea);
    const rogue = await desk(room, 'Rogue');
    await rogue.run(async ([name, id]) => {
      const { Awareness, Y, bridge, encodeAwarenessUpdate } = /** @type {any} */ (globalThis);
      const said = await bridge.join(name);
      const doc = new Y.Doc();
      const awareness = new Awareness(doc);
      for (const forged of [id, 1, 2]) {
        awareness.clientID = forged;
        awareness.states.set(forged, { user: `forged ${forged}` });
        awareness.meta.set(forged, { clock: 9_000_000, lastUpdated: Date.now() });
        await said.send(new Uint8Array([3, ...encodeAwarenessUpdate(awareness, [forged])]));
      }
      await said.send(new Uint8Array([3, ...encodeAwarenessUpdate(awareness, [1, 2])]));
      for (const junk of [[], [0], [0, 255, 255, 255], [1], [2, 1, 255, 255, 9], [3], [3, 1], [3, 255, 255], [77, 1]]) await said.send(new Uint8Array(junk));
      for (const junk of ['text', null, { kind: 3 }, 7]) await said.send(junk);
    }, [tea, client]);
    await knows(ann, 'Ann', 'Bob', 'forged 1');
    await rogue.page.close();
    await knows(ann, 'Ann', 'Bob');
    await ann.run((name) => globalThis.docs[name].getText().insert(0, 'still '), tea);
    await until(bob, (name) => globalThis.docs[name].getText().toString().startsWith('still '), tea);
  });

  test('the provider for Yjs: who leaves has told one of two others, and both have it; destroyed, it is free', async (room) => {
    const [ann, bob, cat] = await Promise.all(['Ann', 'Bob', 'Cat'].map((who) => desk(room, who)));
    for (const guest of [ann, bob, cat]) await guest.run((name) => { globalThis.provide(name); }, room.name);
    for (const guest of [ann, bob, cat]) await until(guest, (name) => globalThis.providers[name].synced && globalThis.bridge.peers.length === 2, room.name);
    await cat.run(async (name) => {
      const { Y, bridge, docs, providers } = /** @type {any} */ (globalThis);
      providers[name].doc.off('update', providers[name].doc._observers.get('update').values().next().value); // it tells nobody more
      docs[name].getText().insert(0, 'a secret');
      const bobs = bridge.peers.find(({ username }) => username === 'Bob');
      await bridge.send(new Uint8Array([2, ...Y.encodeStateAsUpdate(docs[name])]), bobs);
    }, room.name);
    await until(bob, (name) => globalThis.docs[name].getText().toString() === 'a secret', room.name);
    assert.equal(await ann.run((name) => globalThis.docs[name].getText().toString(), room.name), '');
    await cat.page.close();
    await until(ann, (name) => globalThis.docs[name].getText().toString() === 'a secret', room.name);

    await ann.run((name) => {
      globalThis.freed = [];
      const registry = globalThis.registry = new FinalizationRegistry((what) => globalThis.freed.push(what));
      registry.register(globalThis.providers[name], 'provider');
      globalThis.providers[name].destroy();
      delete globalThis.providers[name];
    }, room.name);
    await until(bob, () => globalThis.bridge.peers.length === 0);
    const collector = await ann.page.context().newCDPSession(ann.page);
    await waitFor(async () => {
      await collector.send('HeapProfiler.collectGarbage');
      return ann.run(() => globalThis.freed.length);
    }, 'the provider to be collected', WAIT_MS);
    // The document goes on by itself, and may have another.
    await ann.run((name) => {
      globalThis.docs[name].getText().insert(8, '!');
      globalThis.provide(name, globalThis.docs[name]);
    }, room.name);
    await until(bob, (name) => globalThis.docs[name].getText().toString() === 'a secret!', room.name);
  });
});
