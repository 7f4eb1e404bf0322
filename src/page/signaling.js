/**
 * signaling.js - one peer in one room of a Drawbridge deployment.
 *
 * It keeps a token, holds the stream, joins, joins again when the server says that
 * something was missed, relays in order, and says goodbye. It knows nothing of
 * WebRTC or of the page that uses it.
 *
 *     const signaling = new Signaling({ room: 'tea', username: 'ann' });
 *     signaling.on('add-peer', ({ peer, offer }) => …);
 *     signaling.on('remove-peer', ({ peer }) => …);
 *     signaling.on('chat', ({ peer, data }) => …);    // what peers relay
 *     signaling.open();
 *     await signaling.relay(peer.id, 'chat', 'hello');
 */

/**
 * @typedef {{id: string, username?: string}} Peer
 *
 * @typedef {'connecting' | 'connected' | 'reconnecting' | 'full' | 'refused' | 'closed'} State
 * full: tries on, until there is room. refused: for good, open() tries anew.
 *
 * @typedef {{token: string, user: Peer, expires: number}} Pass  as POST access answers;
 *     expires in Unix seconds
 *
 * @typedef {object} Options
 * @property {string} room
 * @property {string} [username]  1 to 64 characters, no control characters
 * @property {string | URL} [base]  where Drawbridge is mounted, with a slash at its end; that of
 *     a page at BASE/ROOM if not given
 * @property {(state: State, detail: string) => void} [onState]
 * @property {(old: Pass | null) => Promise<Pass>} [access]  for sites that mint tokens
 *     themselves; POST access if not given. Asked again when it fails, but for a Refusal.
 */

// A stream that is alive says something at least every PING (10 s): two were missed.
const SILENCE_MS = 25_000;
const SILENCE_MOST_MS = 150_000;
const REQUEST_MS = 10_000;
const BACKOFF_MS = 1_000;
const BACKOFF_MOST_MS = 30_000;
const FULL_MS = 3_000;
const ICE_MS = 300_000;
const TIMER_MOST_MS = 2 ** 31 - 1;

// Bounds of one POST relay/PEER. 16 Ki UTF-16 units are at most 48 KiB of UTF-8, and
// servers take 64 KiB.
const BATCH_MESSAGES = 64;
const BATCH_LENGTH = 16_384;

const OWN_EVENTS = ['connected', 'add-peer', 'remove-peer', 'ping'];

/** An answer that repeating the request would not better. */
export class Refusal extends Error {
  again = false; // yet it would, after so many milliseconds
  after = 0;

  /** @param {number} status 0: there was no answer, and nobody waits for one any more */
  constructor(status, detail) {
    super(detail);
    this.name = 'Refusal';
    this.status = status;
  }
}

export class Signaling {
  /** @type {Map<string, Peer>} the others in the room, as far as we were told */
  peers = new Map();
  /** @type {State} */
  state = 'closed';

  #options;
  #base;
  #listeners = new Map(OWN_EVENTS.map((event) => [event, []]));
  #pass = null; // a Pass, and `renew`: the time on our clock when it is to be renewed
  #passing = null; // the promise of one
  #inherited = false; // it is that of this tab's last page
  #source = null;
  #live = false; // `connected` was heard on #source
  #lastId = '';
  #joined = false;
  #added = new Set(); // peers heard of since we asked to join
  #queue = [];
  #sending = false;
  #ice = null;
  #fails = 0;
  #silence = SILENCE_MS;
  #heardAt = 0;
  #timers = {};
  #era = 0; // counts open() and close(): what began in an earlier one is over
  #attempt = 0; // counts joins, likewise
  #reopen = false;
  #store;

  /** @param {Options} options */
  constructor(options) {
    this.#options = { ...options };
    this.#base = new URL(options.base ?? '.', document.baseURI);
    this.#store = `drawbridge ${this.#base.href}`;
    this.#inherit();
    addEventListener('pagehide', () => this.#hide());
    addEventListener('pageshow', (event) => event.persisted && this.#show());
  }

  /** @returns {Peer | null} who we are, once there is a token */
  get user() {
    return this.#pass?.user ?? null;
  }

  get username() {
    return this.#options.username;
  }

  /**
   * Listens for an event of the stream: add-peer, remove-peer, or a name that peers relay.
   * Whoever goes has a remove-peer, also where the server could not say it: when a join after
   * an interruption has found it gone, and on close().
   * @param {string} event
   * @param {(data: any) => void} listener
   */
  on(event, listener) {
    if (!this.#listeners.has(event)) {
      this.#listeners.set(event, []);
      this.#source?.addEventListener(event, this.#heard);
    }
    this.#listeners.get(event).push(listener);
  }

  open() {
    if (this.state !== 'closed' && this.state !== 'refused') return;
    this.#era++;
    this.#set('connecting');
    this.#connect();
  }

  /** Leaves the room, so that the others see it at once, and ends the stream. */
  close() {
    if (this.state === 'closed') return;
    const leave = this.#pass && this.state !== 'refused';
    this.#stop('closed');
    if (leave) {
      // keepalive: it outlives the page.
      this.#fetch('POST', `${this.#options.room}/leave`, { keepalive: true }).catch(() => {});
    }
  }

  /** A new name: whoever joins from now on is told it. */
  rename(username) {
    this.#options.username = username;
    if (this.#pass) this.#access(true).catch(() => {});
  }

  /**
   * Messages of one page arrive in the order of the calls. What cannot be sent now is sent
   * when it can be, once or, where an answer was lost, perhaps twice.
   * @param {string} peer its id
   * @param {string} event
   * @param {any} data
   * @returns {Promise<{delivered: boolean}>} delivered: a stream of the peer took it; else
   *     it is kept for the peer's reconnect. Rejected with a Refusal.
   */
  relay(peer, event, data) {
    return new Promise((resolve, reject) => {
      const json = `{"event":${JSON.stringify(event)},"data":${JSON.stringify(data ?? null)}}`;
      this.#queue.push({ peer, json, resolve, reject });
      this.#send();
    });
  }

  /** @returns {Promise<RTCIceServer[]>} none where the server offers none */
  iceServers() {
    // TURN credentials expire: they are asked for again, but not for every peer of a room.
    if (!this.#ice || Date.now() > this.#ice.until) {
      const ice = { until: Date.now() + ICE_MS };
      ice.servers = this.#askIce().catch((error) => {
        ice.until = error.status === 404 ? Infinity : 0;
        return [];
      });
      this.#ice = ice;
    }
    return this.#ice.servers;
  }

  async #askIce() {
    const response = await this.#fetch('GET', 'ice');
    if (!response.ok) throw await refusal(response);
    const { iceServers } = await response.json();
    return Array.isArray(iceServers) ? iceServers : [];
  }

  // --- the token ---

  /** @returns {Promise<void>} once there is a token that lasts */
  #access(renew = false) {
    if (this.#pass && !renew && Date.now() < this.#pass.renew) return Promise.resolve();
    if (!this.#passing) {
      const passing = this.#askAccess().finally(() => {
        if (this.#passing === passing) this.#passing = null;
      });
      this.#passing = passing;
    }
    return this.#passing;
  }

  async #askAccess() {
    const era = this.#era;
    const ask = this.#options.access ?? ((old) => this.#postAccess(old?.token ?? null));
    const pass = await this.#persist(() => era === this.#era, () => ask(this.#pass));
    const known = this.user?.id;
    this.#pass = { renew: renewal(pass.expires * 1000 - Date.now()), ...pass };
    if (known && known !== pass.user.id) {
      // We are somebody else now: nobody knows us, and no position of ours is any.
      this.#lastId = '';
      this.#joined = false;
      this.#forget();
      if (this.#source) this.#again(false);
    }
  }

  /** @param {string | null} token the old one */
  async #postAccess(token) {
    const body = JSON.stringify({ username: this.#options.username });
    const response = await this.#fetch('POST', 'access', { body, token });
    if (response.status === 401 && token) return this.#postAccess(null);
    if (!response.ok) throw await refusal(response);
    const pass = await response.json();
    // How long it lasts by the server's own clock: ours may be wrong.
    const now = Date.parse(response.headers.get('Date')) || Date.now();
    return { ...pass, renew: renewal(pass.expires * 1000 - now) };
  }

  #renewInTime() {
    const era = this.#era;
    const next = () => era === this.#era && this.#renewInTime();
    const delay = Math.min(Math.max(this.#pass.renew - Date.now(), BACKOFF_MS), TIMER_MOST_MS);
    clearTimeout(this.#timers.renew);
    // Where it is refused, the stream lives on as long as the old one lasts.
    this.#timers.renew = setTimeout(() => this.#access().then(next, () => {}), delay);
  }

  // --- the stream ---

  async #connect(renew = false) {
    const era = this.#era;
    try {
      await this.#access(renew);
    } catch (error) {
      if (era === this.#era) this.#refuse(error);
      return;
    }
    if (era !== this.#era) return;
    this.#renewInTime();
    const url = new URL('connect', this.#base);
    url.searchParams.set('token', this.#pass.token);
    if (this.#lastId) url.searchParams.set('lastEventId', this.#lastId);
    const source = new EventSource(url);
    const { token } = this.#pass;
    this.#source = source;
    for (const event of this.#listeners.keys()) source.addEventListener(event, this.#heard);
    source.onerror = () => {
      // A peer may relay an event that is called "error".
      if (source.readyState !== EventSource.OPEN) this.#lost(source, token);
    };
    this.#watch();
  }

  /** The stream ended, or did not begin. */
  #lost(source, token) {
    this.#down();
    const givenUp = source.readyState === EventSource.CLOSED;
    // EventSource comes back by itself, when the server's `retry` has passed, but with the
    // token that it was made with.
    if (!givenUp && token === this.#pass?.token) return;
    // It does not say which status it gave up on. It may be the token, so ask for another;
    // if it is something else, that request is told.
    this.#again(givenUp);
  }

  #down() {
    this.#live = false;
    if (this.state === 'connected') this.#set('reconnecting');
  }

  #again(renew) {
    this.#down();
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timers.silence);
    clearTimeout(this.#timers.connect);
    const delay = backoff(this.#fails++);
    this.#timers.connect = setTimeout(() => this.#connect(renew), delay);
  }

  /** Gives the stream until #silence from now to say something. */
  #watch() {
    clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => {
      // A stream that was alive may be one whose server pings more rarely.
      if (this.#live) this.#silence = Math.min(this.#silence * 2, SILENCE_MOST_MS);
      this.#again(false);
    }, this.#silence);
  }

  #heard = (event) => {
    const quiet = Date.now() - this.#heardAt;
    this.#heardAt += quiet;
    this.#watch();
    if (event.lastEventId) this.#lastId = event.lastEventId;
    let data;
    try {
      data = JSON.parse(event.data);
    } catch {
      return; // not one of a Drawbridge
    }
    switch (event.type) {
      case 'connected':
        this.#connected(data);
        break;
      case 'add-peer':
        if (data.roomId !== this.#options.room) return;
        this.#added.add(data.peer.id);
        this.peers.set(data.peer.id, Object.assign(this.peers.get(data.peer.id) ?? {}, data.peer));
        break;
      case 'remove-peer':
        if (data.roomId !== this.#options.room) return;
        this.#drop(data.peer.id);
        break;
      case 'ping':
        if (quiet < SILENCE_MS) this.#silence = SILENCE_MS;
        break;
    }
    this.#tell(event.type, data);
  };

  #tell(event, data) {
    for (const listener of this.#listeners.get(event)) listener(data);
  }

  #connected({ resumed, rooms }) {
    this.#live = true;
    this.#fails = 0;
    if (!resumed || !rooms.includes(this.#options.room)) this.#joined = false;
    if (this.#joined) this.#set('connected');
    else this.#join();
  }

  // --- the room ---

  async #join() {
    const { room } = this.#options;
    const attempt = ++this.#attempt;
    const current = () => attempt === this.#attempt;
    const before = [...this.peers.values()];
    this.#added.clear();
    try {
      const { peers } = await this.#json('POST', `${room}/join`, { current, full: true });
      if (!current()) return;
      const present = new Set(peers.map((peer) => peer.id));
      this.#missed(before.filter((peer) => !present.has(peer.id)));
      this.#joined = true;
      if (this.#live) this.#set('connected');
      if (this.#inherited) this.#confirm();
    } catch (error) {
      if (current()) this.#refuse(error);
    }
  }

  /**
   * The goodbye of this tab's last page goes out as this one loads, and bears the same id: on
   * a bad network it may come after our join, and nobody would tell us.
   */
  #confirm() {
    this.#inherited = false;
    const attempt = this.#attempt;
    this.#timers.confirm = setTimeout(() => {
      const current = () => attempt === this.#attempt;
      this.#json('GET', `${this.#options.room}/peers`, { current }).catch((error) => {
        if (error.status === 404 && current()) this.#join();
      });
    }, 5_000);
  }

  /**
   * The server does not know of peers that we knew. Their remove-peer may be among what we
   * missed; or it was Redis that forgot them, like us, and they will join within a ping.
   */
  #missed(peers) {
    clearTimeout(this.#timers.missed);
    this.#timers.missed = setTimeout(() => {
      for (const peer of peers) if (!this.#added.has(peer.id)) this.#gone(peer);
    }, this.#silence);
  }

  #gone(peer) {
    if (!this.peers.has(peer.id)) return;
    this.#drop(peer.id);
    this.#tell('remove-peer', { peer, roomId: this.#options.room });
  }

  /** Also what is still to go out to it: whoever comes back under that id is a new page. */
  #drop(id) {
    this.peers.delete(id);
    this.#queue = this.#queue.filter((message) => {
      if (message.peer === id) message.reject(new Refusal(404, 'The peer has gone.'));
      return message.peer !== id;
    });
  }

  #forget() {
    for (const peer of [...this.peers.values()]) this.#gone(peer);
  }

  // --- relaying ---

  async #send() {
    if (this.#sending) return;
    this.#sending = true;
    await null; // what else the page has to say in this turn goes along
    while (this.#queue.length) {
      const batch = this.#batch();
      const { peer } = batch[0];
      const body = `[${batch.map((message) => message.json).join()}]`;
      const era = this.#era;
      const known = this.peers.get(peer);
      const current = () => era === this.#era && known === this.peers.get(peer);
      try {
        const answer = await this.#json('POST', `relay/${peer}`, { body, current });
        for (const message of batch) message.resolve(answer);
      } catch (error) {
        for (const message of batch) message.reject(error);
      }
    }
    this.#sending = false;
  }

  /** Takes what the first message's peer is to get out of the queue, as much as one POST may bear. */
  #batch() {
    const { peer } = this.#queue[0];
    const batch = [];
    let length = 0;
    let over = false; // and nothing may overtake
    this.#queue = this.#queue.filter((message) => {
      if (message.peer !== peer || over) return true;
      length += message.json.length + 1;
      over = batch.length === BATCH_MESSAGES || (batch.length > 0 && length > BATCH_LENGTH);
      if (!over) batch.push(message);
      return over;
    });
    return batch;
  }

  // --- requests ---

  #fetch(method, path, { body, token = this.#pass?.token, keepalive = false } = {}) {
    const headers = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers['Content-Type'] = 'application/json';
    const signal = keepalive ? undefined : AbortSignal.timeout(REQUEST_MS);
    return fetch(new URL(path, this.#base), { method, headers, body, keepalive, signal, cache: 'no-store' });
  }

  /**
   * A request with our token, repeated until it is answered for good or not wanted any more.
   * @param {{body?: string, current?: () => boolean, full?: boolean}} options
   *     full: 409 is waited out, too
   */
  #json(method, path, { body, current = () => true, full = false } = {}) {
    return this.#persist(current, async () => {
      const response = await this.#fetch(method, path, { body });
      if (response.ok) return response.json();
      const error = await refusal(response);
      if (error.status === 401) {
        await this.#access(true);
        error.again = true;
      } else if (error.status === 409 && full && current()) {
        this.#set('full', error.message);
        error.again = true;
        error.after = FULL_MS;
      }
      throw error;
    });
  }

  async #persist(current, attempt) {
    for (let n = 0; ; n++) {
      let after = 0;
      try {
        return await attempt();
      } catch (error) {
        // Not a Refusal: the network failed, or what came was no JSON.
        if (error instanceof Refusal && !error.again) throw error;
        after = error.after ?? 0;
      }
      if (current()) await pause(after ? after * (1 + Math.random() / 4) : backoff(n));
      if (!current()) throw new Refusal(0, 'Nobody waits for this any more.');
    }
  }

  // --- the end ---

  #refuse(error) {
    this.#stop('refused', error.message);
  }

  #stop(state, detail) {
    this.#era++;
    this.#attempt++;
    this.#source?.close();
    this.#source = null;
    this.#passing = null;
    this.#live = false;
    this.#joined = false;
    this.#lastId = '';
    this.#fails = 0;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    for (const message of this.#queue) message.reject(new Refusal(0, 'The room was left.'));
    this.#queue = [];
    this.#forget();
    this.#set(state, detail);
  }

  #set(state, detail = '') {
    if (state === this.state) return;
    this.state = state;
    this.#options.onState?.(state, detail);
  }

  // A tab keeps its token from page to page. It lies in the store only between two of
  // them: a tab that is duplicated takes a copy of the store along, but is a peer of its own.

  #hide() {
    this.#reopen = this.state !== 'closed';
    this.close();
    if (this.#pass) put(this.#store, this.#pass);
  }

  /** The page comes back as it was, out of the browser's cache of pages. */
  #show() {
    this.#inherit();
    if (this.#reopen) this.open();
  }

  #inherit() {
    const pass = take(this.#store);
    if (!pass) return;
    this.#pass = pass;
    this.#inherited = true;
  }
}

/** When a token that lasts for so long is to be renewed, on our clock. */
function renewal(ms) {
  return Date.now() + ms * (0.6 + Math.random() / 5);
}

async function refusal(response) {
  const problem = await response.json().catch(() => ({})); // the web server's own are HTML
  const error = new Refusal(response.status, String(problem.detail ?? problem.title ?? `status ${response.status}`));
  error.again = response.status === 429 || response.status >= 500;
  error.after = 1000 * (Number(response.headers.get('Retry-After')) || 0);
  return error;
}

/** The n-th wait: longer each time, and never the same for all who wait. */
function backoff(n) {
  return Math.min(BACKOFF_MS * 2 ** n, BACKOFF_MOST_MS) * (0.5 + Math.random() / 2);
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

// A browser may forbid the store: then a reloaded page is a new peer.

function take(key) {
  try {
    const pass = JSON.parse(sessionStorage.getItem(key));
    sessionStorage.removeItem(key);
    return pass;
  } catch {
    return null;
  }
}

function put(key, pass) {
  try {
    sessionStorage.setItem(key, JSON.stringify(pass));
  } catch {
    /* see above */
  }
}
