// package.test.js - the client module as a package: what is in it, and applications that others make with it.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { command } from '../http/lib/command.js';
import { clientExamples } from '../http/lib/documents.js';
import { missing } from '../http/lib/programs.js';
import { until } from '../http/lib/wait.js';
import { CHROMIUM, WAIT_MS } from './lib/boards.js';
import { BUNDLERS, WITHOUT_LATER, bundle, filesIn, page } from './lib/bundles.js';
import { Application } from './lib/npm-package.js';
import { examine, typesFound } from './lib/public-names.js';
import { suite } from './lib/suite.js';

const CORE_MAX = 22 * 1024;
const SECRET = 'nobody-else-knows-it';
const NAME = 'drawbridge-client';
/** In whose place a block of the README stands that has it, too; or before it. */
const JOIN = "bridge.join('tea')";

/** @type {Promise<Application>} */ let making;
const application = () => (making ??= Application.make());
after(async () => (await making)?.remove());

suite('package', { skip: missing('npm') ?? missing(CHROMIUM), servers: [['lighttpd', '/']] }, (test) => {
  test('npm pack: the module, its types, what it is and its licence; it needs nothing else', async () => {
    const { module } = await application();
    const { dependencies, license, sideEffects } = JSON.parse(readFileSync(path.join(module, 'package.json'), 'utf8'));
    assert.deepEqual({ dependencies, license, sideEffects }, { dependencies: undefined, license: 'MIT', sideEffects: false });
    const sources = readdirSync(new URL('../../src/page/client', import.meta.url)).filter((name) => name.endsWith('.js'));
    assert.deepEqual(readdirSync(module).sort(), ['LICENSE', 'README.md', 'package.json', 'types', ...sources].sort());
    assert.deepEqual(readdirSync(path.join(module, 'types')).sort(), sources.map((name) => name.replace('.js', '.d.ts')).sort());
  });

  test('a strict program in TypeScript uses every public name, all of which are documented', async () => {
    const { folder, module } = await application();
    const program = path.join(folder, 'application.ts');
    cpSync(new URL('lib/application.ts', import.meta.url), program);
    assert.deepEqual(typesFound(NAME, program), Array(3).fill(path.join(module, 'types/drawbridge.d.ts')));
    const { faults, names } = examine(program, module);
    assert.deepEqual(faults, []);
    assert.ok(names.length > 100, `${names.length} names`);
    assert.deepEqual(names.filter(({ isUsed }) => !isUsed).map(({ name }) => name), [], 'not used');
    assert.deepEqual(names.filter(({ isDocumented }) => !isDocumented).map(({ name }) => name), [], 'not documented');
    const told = Array.from(readFileSync(path.join(module, 'README.md'), 'utf8').matchAll(/^```js\n[^]*?^```$|`[^`\n]+`/gm), ([code]) => code).join('\n');
    const word = (name) => /'(.*)'|(\w+)$/.exec(name).slice(1).find((part) => part !== undefined);
    assert.deepEqual(names.filter(({ name }) => !new RegExp(`\\b${word(name)}\\b`).test(told)).map(({ name }) => name), [], 'not in the README');
  });

  test('a server that renders pages can import it, too', async () => {
    const { module } = await application();
    const { main } = JSON.parse(readFileSync(path.join(module, 'package.json'), 'utf8'));
    const { status, err } = await command(process.execPath, ['--input-type=module', '-e', `await import('${pathToFileURL(path.join(module, main))}')`]);
    assert.deepEqual([status, err], [0, '']);
  });

  test('a page loads little of it at once', async () => {
    const { module } = await application();
    const entry = path.join(module, 'drawbridge.js');
    const sizes = ({ outputFiles }) => outputFiles.map((file) => [path.basename(file.path), gzipSync(file.contents, { level: 9 }).length]);
    const [[, core]] = sizes(await bundle(entry, { plugins: [WITHOUT_LATER] }));
    const later = sizes(await bundle(entry)).filter(([name]) => !/^(drawbridge|chunk-.*)\.js$/.test(name));
    console.log(`# gzipped: ${core} bytes; later ${later.map(([name, size]) => `${name} ${size}`).join(', ')}`);
    assert.ok(core <= CORE_MAX, `${core} bytes`);
    assert.equal(/loads (\d+) KiB/.exec(readFileSync(path.join(module, 'README.md'), 'utf8'))[1], String(Math.ceil(core / 1024)));
  });

  /** A camera that needs no device. */
  function prepare() {
    navigator.mediaDevices.getUserMedia = async () => {
      const canvas = document.createElement('canvas');
      const context = canvas.getContext('2d');
      setInterval(() => context.fillRect(0, 0, Math.random() * canvas.width, canvas.height), 50);
      return canvas.captureStream(20);
    };
  }

  /** Two people with one page: {ann, bob}, each {page, lines, says}, of which the latter waits for a line in the console.
   *  @param {import('./lib/suite.js').Room} room */
  async function open(room, url) {
    const errors = [];
    const people = await Promise.all(['ann', 'bob'].map(async (name) => {
      const page = await (await room.context()).newPage();
      const lines = [];
      page.on('pageerror', ({ stack }) => errors.push(stack));
      page.on('console', (message) => lines.push(message.text()));
      await page.addInitScript(prepare);
      await page.goto(`${new URL(url, room.pages.origins[0]).href}?${name}#secret=${SECRET}`);
      const says = (text) => until(() => lines.includes(text), () => `${name} to say "${text}", not ${lines.join('\n')}\n${errors.join('\n')}`, WAIT_MS);
      return [name, { page, lines, says }];
    }));
    return { errors, ...Object.fromEntries(people) };
  }

  for (const [name, make] of Object.entries(BUNDLERS)) {
    test(`made by ${name} it is an application`, async (room) => {
      const { folder } = await application();
      cpSync(new URL('lib/application.ts', import.meta.url), path.join(folder, 'application.ts'));
      const at = `/${name.replace(' ', '-')}/`;
      const { answer, close } = await make(folder, at, room.pages.server);
      room.pages.folders.set(at, answer);
      try {
        const { errors, ...people } = await open(room, at);
        for (const [username, { page }] of Object.entries(people)) {
          await page.waitForFunction(() => globalThis.application);
          await page.evaluate(([...all]) => globalThis.application.open(...all), [room.site.servers[0].base.href, username, room.name]);
        }
        await people.ann.says('bob: hello ann');
        await people.bob.says('ann: hello bob');
        assert.deepEqual(errors, []);
      } finally {
        await close?.();
      }
    });
  }

  /** What happens where two people have the block's program.
   *  @type {Record<string, (people: any, room: (name: string) => string) => Promise<any>>} */
  const EXAMPLES = {
    'The first message': async ({ ann, bob }) => {
      await Promise.all([ann.says('bob: Hello, ann'), bob.says('ann: Hello, bob')]);
      await bob.page.close();
      await ann.says('bob has gone');
    },
    Sending: ({ ann, bob }) => Promise.all([ann, bob].map(async ({ says }, i) => {
      await says(`${['bob', 'ann'][i]}: 1,2,3`);
      await says('1 have it, 0 have not');
      await says('the move is e4');
    })),
    Files: async ({ ann, bob }) => {
      await ann.says('bob: Hello, ann');
      await bob.page.setInputFiles('input[type=file]', { name: 'tea.txt', mimeType: 'text/plain', buffer: Buffer.from('Earl Grey') });
      await Promise.all([ann.says('9 of 9'), ann.says('bob has sent tea.txt, 9 bytes'), bob.says('ann has 9 of 9')]);
    },
    Channels: async ({ ann, bob }) => {
      await ann.says('bob: Hello, ann');
      let x = 0;
      await until(async () => {
        await bob.page.mouse.move(x += 1, 4);
        return ann.lines.some((line) => line.startsWith('bob is at '));
      }, 'ann to see where bob is');
    },
    'Audio and video': ({ ann, bob }) => Promise.all([ann, bob].map(({ page }) =>
      page.waitForFunction(() => document.querySelector('video')?.videoWidth > 0))),
    Rooms: ({ ann, bob }, room) => Promise.all([ann, bob].map(async ({ says }, i) => {
      const other = ['bob', 'ann'][i];
      for (const name of ['tea', 'work']) await says(`${other}, in ${room(name)}: welcome to ${room(name)}`);
    })),
    'A secret': ({ ann, bob }) => Promise.all([ann.says('bob: Hello, ann'), bob.says('ann: Hello, bob')]),
  };

  test('each block of the README does what it says there', async (room) => {
    const { folder } = await application();
    const examples = clientExamples();
    assert.deepEqual(Object.keys(examples), Object.keys(EXAMPLES));
    const out = path.join(folder, 'readme');
    room.pages.folders.set('/readme/', filesIn(out, '/readme/'));
    const [[first]] = Object.values(examples);
    const entries = Object.values(examples).flat().map((block, i) => {
      const own = ['new Drawbridge(', JOIN].find((part) => block.includes(part));
      const text = block === first ? block : first.split('\n').map((line) => (!line.includes(own ?? JOIN) ? line : own ? block : block + line)).join('\n');
      const file = path.join(folder, `readme${i}.js`);
      writeFileSync(file, text.replace('https://draw.example/', room.site.servers[0].base.href).replace("'ann'", 'location.search.slice(1)')
        .replace(/join\('(\w+)'\)/g, `join('$1-${i}')`));
      return file;
    });
    for (const file of entries) await bundle(file, { outdir: out });
    for (const [i, [heading, run]] of Object.entries(EXAMPLES).entries()) {
      writeFileSync(path.join(out, `${i}.html`), page(`readme${i}.js`));
      const { errors, ...people } = await open(room, `/readme/${i}.html`);
      await run(people, (name) => `${name}-${i}`);
      assert.deepEqual(errors, [], heading);
      for (const { page: opened } of Object.values(people)) await opened.close();
    }
  });
});
