/**
 * stream.js - the stream of events, for as long as it is wanted.
 *
 * EventSource comes back by itself when a stream ends, but gives up for good on any status but
 * 200, knows nothing of silence, and keeps the token that it was made with.
 *
 * A computer that sleeps stops its timers, too, which go on where they were when it wakes. So while they wait the clock
 * is looked at: where it is far ahead of them the stream is renewed.
 */

import { asError, backoff } from './requests.js';

// A stream that is alive says something at least every PING (10 s): two were missed.
const SILENCE_MS = 25_000;
const SILENCE_MAX_MS = 150_000;
const RETRY_MAX_MS = 3_000;
// One that was asked for is there sooner, or the request went into a connection that is dead.
const BEGIN_MS = 10_000;
// After a sleep it is looked at sooner.
const QUIET_MS = 12_000;
// So often the clock is looked at; a timer that is so late by it was stopped, or held back.
const LOOK_MS = 5_000;
const STOPPED_MS = 5_000;

export class Stream {
  #base;
  #tokens;
  #events;
  #hooks;
  #wanted = false;
  /** @type {EventSource | null} */
  #source = null;
  #live = false; // `connected` was heard on #source
  #paced = false; // the server has told #source when to come back
  #lastId = '';
  #fails = 0;
  #silence = SILENCE_MS;
  #heardAt = 0;
  #timer = 0; // of the next attempt, or of the silence
  #era = 0;

  /**
   * @param {URL} base
   * @param {import('./tokens.js').Tokens} tokens
   * @param {string[]} events  to listen for
   * @param {{heard: (event: string, data: any) => void, down: (failed: boolean) => void, quiet: () => void,
   *     slept: () => void, silent: () => void, refused: (error: Error) => void}} hooks
   *     down: the stream has ended; failed: before it began. quiet: half of the time has gone in which it has to say
   *     something. slept: the computer did, or the page, and the stream is renewed. silent: one that was asked for said nothing in time, and is given up.
   *     refused: there is no token
   */
  constructor(base, tokens, events, hooks) {
    this.#base = base;
    this.#tokens = tokens;
    this.#events = ['connected', 'ping', ...events];
    this.#hooks = hooks;
  }

  get live() {
    return this.#live;
  }

  open() {
    this.#wanted = true;
    this.#connect();
  }

  close() {
    this.#wanted = false;
    this.#end();
    this.#lastId = '';
    this.#fails = 0;
  }

  /**
   * The machine slept or its network is another: `surely`, or perhaps.
   * @param {boolean} surely
   * @returns {boolean} whether the stream is renewed
   */
  wake(surely) {
    if (!this.#wanted) return false;
    if (this.#live && !surely && Date.now() - this.#heardAt < QUIET_MS) return false;
    this.#fails = 0;
    this.#reconnect(false, 0);
    return true;
  }

  /** We are somebody else now, and no position of ours is any. */
  restart() {
    this.#lastId = '';
    if (this.#source) this.#reconnect(false);
  }

  #end() {
    this.#era++;
    this.#live = false;
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timer);
  }

  async #connect(renew = false) {
    const era = ++this.#era;
    let token;
    try {
      token = await this.#tokens.get(renew);
    } catch (error) {
      if (era === this.#era) this.#hooks.refused(asError(error));
      return;
    }
    if (era !== this.#era) return;
    const url = new URL('connect', this.#base);
    url.searchParams.set('token', token);
    if (this.#lastId) url.searchParams.set('lastEventId', this.#lastId);
    const source = new EventSource(url);
    this.#source = source;
    this.#paced = false;
    for (const event of this.#events) source.addEventListener(event, this.#heard);
    source.onerror = () => {
      // A peer may relay an event that is called "error".
      if (source === this.#source && source.readyState !== EventSource.OPEN) this.#failed(source, token);
    };
    this.#watch();
  }

  /**
   * The stream ended, or did not begin.
   * @param {EventSource} source
   * @param {string} token  that it was made with
   */
  #failed(source, token) {
    this.#hooks.down(!this.#live);
    this.#live = false;
    const givenUp = source.readyState === EventSource.CLOSED;
    if (!givenUp && token === this.#tokens.token) {
      if (this.#paced) this.#watch(); // it comes back by itself
      else this.#reconnect(false, Math.min(backoff(this.#fails++), RETRY_MAX_MS)); // in browsers' own time, 3 s or 5 s
      return;
    }
    // It does not say which status it gave up on. It may be the token, so ask for another;
    // if it is something else, that request is told.
    this.#reconnect(givenUp);
  }

  /**
   * @param {boolean} renew
   * @param {number} [delay]
   */
  #reconnect(renew, delay = backoff(this.#fails++)) {
    this.#end();
    this.#hooks.down(false);
    this.#timer = setTimeout(() => this.#connect(renew), delay);
  }

  /** Gives the stream some time from now to say something. */
  #watch() {
    const patience = this.#live ? this.#silence : Math.min(BEGIN_MS * 2 ** this.#fails, this.#silence);
    clearTimeout(this.#timer);
    this.#lookIn(patience, patience / 2);
  }

  /**
   * @param {number} rest  of the patience
   * @param {number} half
   */
  #lookIn(rest, half) {
    const wait = Math.min(rest, rest > half ? rest - half : rest, LOOK_MS);
    const due = Date.now() + wait;
    this.#timer = setTimeout(() => {
      const left = rest - wait;
      if (Date.now() > due + STOPPED_MS && this.wake(false)) {
        this.#hooks.slept();
      } else if (left > 0) {
        this.#lookIn(left, half);
        if (this.#live && left <= half && rest > half) this.#hooks.quiet();
      } else {
        // A stream that was alive may be one whose server pings more rarely.
        if (this.#live) this.#silence = Math.min(this.#silence * 2, SILENCE_MAX_MS);
        else this.#hooks.silent();
        this.#reconnect(false);
      }
    }, wait);
  }

  /** @param {MessageEvent} event */
  #heard = (event) => {
    if (event.target !== this.#source) return;
    const quiet = Date.now() - this.#heardAt;
    this.#heardAt += quiet;
    if (event.lastEventId) this.#lastId = event.lastEventId;
    let data;
    try {
      data = JSON.parse(event.data);
    } catch {
      return; // not one of a Drawbridge
    }
    if (event.type === 'connected') {
      this.#live = this.#paced = true;
      this.#fails = 0;
    }
    this.#watch();
    if (event.type === 'ping') {
      if (quiet < SILENCE_MS) this.#silence = SILENCE_MS;
      return;
    }
    this.#hooks.heard(event.type, data);
  };
}
