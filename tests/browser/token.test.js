// token.test.js - a session that lasts longer than its first token.
import assert from 'node:assert/strict';
import { seconds } from '../http/lib/pace.js';
import { alike, WAIT_MS, wave } from './lib/boards.js';
import { suite } from './lib/suite.js';

// Two pages have met before it is over, and have been looked at before the next one is.
const TOKEN_TTL = seconds(10, 40);

suite('token', { settings: { TOKEN_TTL, GRACE: seconds(5, 20) } }, (test) => {
  test('a token is renewed before it expires, and nobody is seen to go', async (room) => {
    const boards = await room.people(2);
    const tokens = boards.map(() => new Set());
    for (const [i, { page }] of boards.entries()) {
      page.on('request', (request) => {
        const url = new URL(request.url());
        if (url.pathname.endsWith('/connect')) tokens[i].add(url.searchParams.get('token'));
      });
      await boards[i].countAnew();
    }
    const renewed = (i) => boards[i].page.waitForResponse((response) =>
      response.url().includes('/connect?') && response.status() === 200, { timeout: TOKEN_TTL * 1_000 + WAIT_MS });
    await Promise.all(boards.map((_, i) => renewed(i)));
    for (const [i, board] of boards.entries()) {
      await board.meets(1);
      assert.equal(tokens[i].size, 1, 'the next stream has another token, and is the only one');
      assert.deepEqual(await board.watched(), { connections: 1, fewest: 1 });
    }
    await boards[0].draw(wave(200, 200));
    await alike(boards, 1);
  });
});
