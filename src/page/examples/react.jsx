/**
 * react.jsx - a chat of components. What a room has is in use-room.js.
 */
/** @jsxRuntime automatic */

import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Drawbridge } from 'drawbridge-client';
import { hueOf, room, username } from './page.js';
import { Bridge, useRoom } from './use-room.js';

const bridge = new Drawbridge({ base: 'https://draw.example/', username, maxReceive: 16_384 });

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <Bridge value={bridge}>
      <Head name={room} />
      <Talk name={room} />
    </Bridge>
  </StrictMode>,
);

function Head({ name }) {
  const { state, detail, peers } = useRoom(name);
  return (
    <header>
      <h1>React</h1>
      <p role="status">{state !== 'joined' ? detail || state : peers.length ? `${peers.length + 1} are here.` : 'Nobody else is here yet.'}</p>
      <ul id="people" aria-label="Who else is here">
        {peers.map((peer) => <li key={peer.id} className={`person ${peer.state}`} style={colourOf(peer)}>{peer.username}</li>)}
      </ul>
    </header>
  );
}

function Talk({ name }) {
  const { messages, send } = useRoom(name);
  const [text, setText] = useState('');
  const say = (event) => {
    event.preventDefault();
    if (text.trim()) send(text.trim());
    setText('');
  };
  return (
    <main className="talk">
      <div role="log" aria-label="Messages" tabIndex={0}>
        {messages.map(({ key, peer, data }) => typeof data === 'string' && <Line key={key} peer={peer} text={data} />)}
      </div>
      <form onSubmit={say}>
        <input value={text} onChange={({ target }) => setText(target.value)} aria-label="Message" placeholder="Message" maxLength={2000} autoFocus />
        <button className="first">Send</button>
      </form>
    </main>
  );
}

function Line({ peer, text }) {
  return (
    <p className={peer.id === bridge.user?.id ? 'mine' : ''}>
      <b className="person" style={colourOf(peer)}>{peer.username}</b> {text}
    </p>
  );
}

/** @returns {any} what examples.css makes a colour of */
function colourOf({ username: name }) {
  return { '--hue': hueOf(name) };
}
