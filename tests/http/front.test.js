// The way in: a fresh room, the page and its files, health, and who answers which path.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { refused, refusedBySome, request } from './lib/http.js';
import { Server } from './lib/server.js';
import { MOUNT, SERVER, suite } from './lib/suite.js';
import { pageFiles, pageFolders } from './lib/tables.js';

const PAGE = new URL('../../src/page/', import.meta.url);

const TYPES = {
  '.html': /^text\/html\b/,
  '.js': /^(text|application)\/javascript\b/,
  '.css': /^text\/css\b/,
  '.svg': /^image\/svg\+xml\b/,
};

suite('front', {}, (site, it) => {
  it('/ leads to a fresh, unguessable room', async () => {
    const rooms = new Set();
    for (const method of ['GET', 'GET', 'HEAD']) {
      const answer = await site.request(method, '/');
      assert.equal(answer.status, 302);
      assert.equal(answer.headers['cache-control'], 'no-store');
      assert.match(answer.headers.location, /^[A-Za-z0-9_-]+$/, 'relative, as a proxy may take a prefix off');
      const { base } = site.servers[0];
      const to = new URL(answer.headers.location, base);
      assert.equal(to.host, base.host);
      assert.ok(to.pathname.startsWith(base.pathname), to.pathname);
      const room = to.pathname.slice(base.pathname.length);
      assert.match(room, /^[A-Za-z0-9_-]{14,64}$/); // 14 of 64 letters are 84 bits
      rooms.add(room);
      assert.equal((await site.request('GET', `/${room}`)).status, 200);
    }
    assert.equal(rooms.size, 3);
  });

  it('the mount without its slash leads to the mount, from which rooms are relative', async () => {
    const own = MOUNT === '/' ? await Server.start({ kind: SERVER, mount: '/draw/', redis: site.servers[0].redis, settings: site.settings }) : undefined;
    const { base } = own ?? site.servers[0];
    const bare = new URL(base.href.replace(/\/$/, ''));
    try {
      for (const url of [bare, new URL('?a=b', bare)]) {
        for (const method of ['GET', 'HEAD']) {
          const answer = await request(url, { method });
          assert.equal(answer.status, 301, `${method} ${url}`);
          assert.equal(answer.headers.location, `${base.pathname.split('/').at(-2)}/`);
        }
        refused(await request(url, { method: 'POST' }), 404);
      }
      refusedBySome(await request(new URL(`${bare}x`)), [404]);
    } finally {
      await own?.stop();
    }
  });

  it('a browser at a name that no room can have is led to the page that says so; others are told in JSON', async () => {
    const browser = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
    for (const name of ['%C3%A9t%C3%A9', 'tea%20room', 'a%2Bb', 'channels', 'relay', 'x'.repeat(65), '%22%3E%3Cscript%3E']) {
      const { status, headers } = await site.request('GET', `/${name}`, { headers: browser });
      assert.equal(status, 302, name);
      const [page, fragment] = headers.location.split('#');
      assert.equal(page, 'static/name.html');
      assert.match(fragment, /^[\w.~%-]+$/);
      assert.equal(decodeURIComponent(fragment), decodeURIComponent(name));
      refused(await site.request('GET', `/${name}`), 404);
      refused(await site.request('POST', `/${name}`, { headers: browser }), 404);
    }
    for (const name of ['robots.txt', 'a/b']) {
      refused(await site.request('GET', `/${name}`, { headers: browser }), 404);
    }
  });

  it('a room is the page, whatever its name, and the page may load only what is ours', async () => {
    const html = readFileSync(new URL('index.html', PAGE), 'utf8');
    for (const room of ['r', 'tea_room-1', 'x'.repeat(64), 'index', 'connected', 'Relay']) {
      const answer = await site.request('GET', `/${room}?a=b`);
      assert.equal(answer.status, 200, room);
      assert.equal(answer.text, html, room);
      assert.match(answer.headers['content-type'], TYPES['.html']);
      const policy = String(answer.headers['content-security-policy']);
      assert.match(policy, /default-src 'self'/);
      assert.doesNotMatch(policy, /unsafe|\*|https?:/);
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
      assert.equal(answer.headers['referrer-policy'], 'no-referrer');
    }
  });

  it('HEAD of the page and of a file says the same, and sends nothing', async () => {
    for (const path of ['/room', '/static/drawbridge.js', '/static/board/board.js']) {
      const get = await site.request('GET', path);
      const head = await site.request('HEAD', path);
      assert.equal(head.status, 200);
      assert.equal(head.headers['content-type'], get.headers['content-type']);
      assert.equal(head.headers['content-length'], get.headers['content-length']);
      assert.equal(head.bytes.length, 0);
    }
  });

  it('each file of the page is there, as it is and with its type', async () => {
    for (const name of pageFiles()) {
      const answer = await site.request('GET', `/static/${name}`);
      assert.equal(answer.status, 200, name);
      assert.deepEqual(answer.bytes, readFileSync(new URL(name, PAGE)), name);
      assert.match(answer.headers['content-type'], TYPES[/\.\w+$/.exec(name)[0]], name);
      assert.equal(answer.headers['x-content-type-options'], 'nosniff', name);
    }
  });

  it('nothing but these files is under /static/', async () => {
    const inFolders = pageFolders().flatMap((name) => [`/static/${name}`, `/static/${name}/`, `/static/${name}/nothing.js`, `/static/${name}/..`]);
    for (const path of ['/static/', '/static', '/static/nothing.js', '/static/nothing/board.js', '/static/board/board/board.js', ...inFolders,
      '/static/../../../../etc/passwd', '/static/%2e%2e/%2e%2e/etc/passwd', '/static/..%2f..%2fetc/passwd',
      '/static/board/../../../../etc/passwd', '/static/.', '/static/%00']) {
      const answer = await site.request('GET', path);
      refusedBySome(answer, [400, 403, 404], path);
      assert.doesNotMatch(answer.text, /root:|board\.js|href/, path);
    }
  });

  it('what is no GET of a page or a file is answered by the program, not with the page', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      for (const path of ['/room', '/static/drawbridge.js', '/static/board/board.js', '/']) {
        const answer = refused(await site.request(method, path), 405, `${method} ${path}`);
        assert.match(answer.headers.allow, /\bGET\b/);
      }
    }
  });

  it('is alive, and ready: Redis carries messages', async () => {
    for (const path of ['/health/live', '/health/ready']) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await site.request(method, path);
        assert.equal(answer.status, 200, `${method} ${path}`);
        assert.equal(answer.headers['cache-control'], 'no-store');
      }
    }
  });
});
