/**
 * page.js - what these pages have besides what each shows: the room that the URL names, a name that this tab remembers,
 * a line that says how it goes, and who is here.
 */

const HEADER = `
  <h1>${document.title.split(' · ')[0]}</h1>
  <p id="status" role="status">Connecting…</p>
  <ul id="people" aria-label="Who else is here"></ul>
  <label id="me">You are <input id="name" maxlength="64" autocomplete="off" spellcheck="false"></label>
  <button id="share" type="button">Copy link</button>`;
const STATES = { connecting: 'Connecting…', reconnecting: 'Reconnecting…', full: 'The room is full.', closed: 'You have left.' };
const NAMES = ['Ada', 'Ben', 'Cleo', 'Dan', 'Eva', 'Finn', 'Gus', 'Ida', 'Jo', 'Kim', 'Lea', 'Max'];

/** As `?room=tea` says; else one that nobody can guess, which the URL has from then on. */
export const room = roomOfURL();

/** Two tabs of a browser may be two people. */
export const username = sessionStorage.getItem('name') ?? NAMES[Math.floor(Math.random() * NAMES.length)];

function roomOfURL() {
  const url = new URL(location.href);
  const asked = url.searchParams.get('room')?.replace(/[^\w-]/g, '-').slice(0, 64);
  const name = asked || Array.from(crypto.getRandomValues(new Uint8Array(10)), (byte) => byte.toString(36)).join('');
  url.searchParams.set('room', name);
  history.replaceState(null, '', url);
  return name;
}

/** A colour for a name, the same on all pages: an angle. */
export function hueOf(name) {
  return [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 7_919, 0) * 137.5 % 360;
}

/** The element, in a person's colour. */
export function coloured(made, name) {
  made.classList.add('person');
  made.style.setProperty('--hue', String(hueOf(name)));
  return made;
}

/** element('li', { className: 'note' }, 'Ann is here') */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** @returns {any} the element, which the page has */
export function byId(id) {
  return document.getElementById(id);
}

/** Says it to the person. */
export function tell(text) {
  byId('status').textContent = text;
}

/**
 * The head of the page, up to date.
 * @param {import('../drawbridge.js').Drawbridge} bridge
 */
export function header(bridge) {
  document.body.prepend(element('header', { innerHTML: HEADER }));
  const name = byId('name'), share = byId('share');
  name.value = username;
  name.addEventListener('change', () => {
    name.value = name.value.trim() || username;
    sessionStorage.setItem('name', name.value);
    bridge.rename(name.value);
  });
  share.addEventListener('click', async () => {
    if (!navigator.clipboard) return tell(`The link is ${location.href}`); // the page is no secure context
    await navigator.clipboard.writeText(location.href);
    share.textContent = 'Copied';
    setTimeout(() => { share.textContent = 'Copy link'; }, 2_000);
  });

  const show = () => {
    const { state, detail, peers } = bridge;
    if (state !== 'connected') tell(detail || STATES[state] || state);
    else tell(peers.length ? `${peers.length + 1} are here.` : 'Nobody else is here yet: open the link in another window.');
    byId('people').replaceChildren(...peers.map((peer) =>
      coloured(element('li', { className: peer.state, title: peer.detail || peer.path || peer.state }, peer.username), peer.username)));
  };
  for (const event of /** @type {const} */ (['state', 'join', 'leave', 'peer'])) bridge.on(event, show);
}
