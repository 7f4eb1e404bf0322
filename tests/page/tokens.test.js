// tokens.test.js - when a token is asked for, where the clock of this machine is right, and where it is not.
import assert from 'node:assert/strict';
import test, { afterEach } from 'node:test';
import { Tokens } from '../../src/page/client/tokens.js';
import { begin, end, json, server, token } from './lib/browser.js';
import { pass, trueTime } from './lib/clock.js';

const BASE = new URL('http://draw.test/');
const HOUR = 3_600;
const HOUR_MS = 1000 * HOUR;

afterEach(end);

/** Of a site that mints tokens itself; asked counts them. */
function site(mint = () => token(HOUR)) {
  const made = { asked: 0 };
  const access = async () => {
    made.asked += 1;
    return mint();
  };
  const tokens = new Tokens({ base: BASE, access, failed: () => {}, changed: () => {} });
  return { made, tokens };
}

/** A stream has begun: from now on the token is renewed. */
async function connect(tokens) {
  await tokens.get();
  tokens.renewInTime();
}

test('a token is renewed in the second half of its life, whatever our clock says', async () => {
  for (const ahead of [0, 2 * HOUR_MS, HOUR_MS, -2 * HOUR_MS]) {
    begin(ahead);
    const { made, tokens } = site();
    await connect(tokens);
    tokens.readClock(json({})); // to something else that we ask of the server
    const before = made.asked;
    await pass(HOUR_MS / 2 - 1_000);
    assert.equal(made.asked, before, `by ${ahead} ms`);
    await pass(HOUR_MS / 6 + 2_000);
    assert.equal(made.asked, before + 1, `by ${ahead} ms`);
    await pass(9 * HOUR_MS);
    assert.ok(made.asked - before <= 20, `${made.asked} in ten hours, by ${ahead} ms`);
    end();
  }
});

test('an answer that was long on its way makes no token last longer; a clock that is set does', async (t) => {
  begin();
  t.mock.method(Math, 'random', () => 0.999);
  const sentAgo = (ms) => json({}, { headers: { Date: new Date(trueTime() - ms).toUTCString() } });
  const { made, tokens } = site(() => token(60));
  await connect(tokens);
  tokens.readClock(sentAgo(0));
  await pass(20_000);
  tokens.readClock(sentAgo(9_000));
  await pass(21_000);
  assert.equal(made.asked, 2);
  const { expires } = token(60);
  tokens.readClock(sentAgo(HOUR_MS)); // as if ours had been an hour behind until now
  assert.equal(tokens.timeLeft(expires), 60_000 + HOUR_MS);
});

test('the server’s own are renewed so, too, and its clock is known by them', async () => {
  begin(2 * HOUR_MS);
  server.answer = () => json(token(HOUR));
  const tokens = new Tokens({ base: BASE, failed: () => {}, changed: () => {} });
  await connect(tokens);
  await pass(HOUR_MS / 2 - 1_000);
  assert.equal(server.count('access'), 1);
  await pass(HOUR_MS / 6 + 2_000);
  assert.equal(server.count('access'), 2);
  const left = tokens.timeLeft(token(HOUR).expires);
  assert.ok(Math.abs(left - HOUR_MS) <= 1_000, `${left} ms`);
});

test('a page that is loaded anew asks for no token, though its clock is wrong', async () => {
  begin(2 * HOUR_MS);
  server.answer = () => json(token(HOUR));
  const options = { base: BASE, failed: () => {}, changed: () => {} };
  const first = new Tokens(options);
  await first.get();
  first.bequeath();
  const second = new Tokens(options);
  assert.equal(await second.get(), first.token);
  assert.equal(server.count('access'), 1);
});

test('where nothing tells the time, a site is not asked every second for tokens that seem to be over', async () => {
  for (const ahead of [2 * HOUR_MS, HOUR_MS - 1_500, HOUR_MS - 30_000]) {
    begin(ahead);
    const { made, tokens } = site();
    await connect(tokens);
    await pass(2 * HOUR_MS);
    assert.ok(made.asked <= 20, `${made.asked} tokens in two hours, ${ahead} ms ahead`);
    await pass(10 * HOUR_MS);
    assert.ok(made.asked <= 60, `${made.asked} tokens in twelve hours, ${ahead} ms ahead`);
    end();
  }
});

test('nor one that does not say when they are', async () => {
  begin();
  const { made, tokens } = site(() => Object.assign(token(HOUR), { expires: undefined }));
  await connect(tokens);
  tokens.readClock(json({}));
  await pass(12 * HOUR_MS);
  assert.ok(made.asked <= 60, `${made.asked} tokens in twelve hours`);
});

test('nor a site that gives tokens which are over; and one that mends is asked in time', async () => {
  begin();
  let lasts = HOUR;
  const { made, tokens } = site(() => token(lasts));
  await connect(tokens);
  tokens.readClock(json({}));
  lasts = -10;
  await pass(4 * HOUR_MS);
  assert.ok(made.asked <= 20, `${made.asked} tokens in four hours`);
  lasts = 10;
  await tokens.get(true); // the server said 401
  tokens.renewInTime();
  const before = made.asked;
  await pass(60_000);
  assert.ok(made.asked - before >= 8, `${made.asked - before} tokens of 10 s in a minute`);
});
