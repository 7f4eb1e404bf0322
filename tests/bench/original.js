// original.js - a Node server as the tutorial has it that Drawbridge began from: what Drawbridge is measured against.
//
//   node original.js PORT REDIS SECRET PING
//
// A browser holds a stream of events, GET /connect?token=…, and POSTs /ROOM/join and /relay/PEER/EVENT. Redis routes
// a message to whichever server holds the stream: tests/http/node-peer.test.js says how. It is short, and does nothing
// in vain: one subscribed connection for all streams, one HMAC for each request, one timer for all pings.
import http from 'node:http';
import { Redis } from '../http/lib/resp.js';
import { nowSeconds, verify } from '../http/lib/tokens.js';

process.title = 'original'; // usage.js knows it by this name
const [port, url, secret, ping] = process.argv.slice(2);
const PING_MS = Number(ping) * 1000;
const redis = await Redis.open(url), subscriber = await Redis.open(url);
const streams = new Map(); // by peer

const publish = (to, event, data) => redis.ask('PUBLISH', `messages:${to}`, JSON.stringify({ event, data }));
const toEvent = (event, data) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

subscriber.onPush = (text, channel) => {
  const { event, data } = JSON.parse(text);
  streams.get(channel.slice('messages:'.length))?.write(toEvent(event, data));
};

async function leave(user, room) {
  await Promise.all([redis.ask('SREM', `channels:${room}`, user.id), redis.ask('SREM', `${user.id}:channels`, room)]);
  for (const other of await redis.ask('SMEMBERS', `channels:${room}`)) publish(other, 'remove-peer', { peer: user, roomId: room });
}

async function connect(user, response) {
  streams.set(user.id, response);
  response.on('close', async () => {
    if (streams.get(user.id) !== response) return; // it has opened another since
    streams.delete(user.id);
    subscriber.ask('UNSUBSCRIBE', `messages:${user.id}`);
    for (const room of await redis.ask('SMEMBERS', `${user.id}:channels`)) leave(user, room);
  });
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' }); // it goes with the first event
  await subscriber.ask('SUBSCRIBE', `messages:${user.id}`);
  response.write(toEvent('connected', { user }));
}

async function join(user, room) {
  for (const other of await redis.ask('SMEMBERS', `channels:${room}`)) {
    publish(other, 'add-peer', { peer: user, roomId: room, offer: false });
    publish(user.id, 'add-peer', { peer: { id: other }, roomId: room, offer: true });
  }
  await Promise.all([redis.ask('SADD', `channels:${room}`, user.id), redis.ask('SADD', `${user.id}:channels`, room)]);
}

async function jsonOf(request) {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return JSON.parse(text);
}

async function answer(request, response) {
  const [path, query] = request.url.split('?');
  const [, first, second, event] = path.split('/');
  const user = verify(query?.replace('token=', '') ?? request.headers.authorization?.slice('Bearer '.length) ?? '', secret);
  if (!user || user.exp < nowSeconds()) return response.writeHead(401).end();
  if (request.method === 'GET' && first === 'connect') return connect(user, response);
  if (request.method === 'POST' && second === 'join') await join(user, first);
  else if (request.method === 'POST' && first === 'relay') await publish(second, event, { peer: user, data: await jsonOf(request) });
  else return response.writeHead(404).end();
  return response.writeHead(200, { 'Content-Length': 0 }).end();
}

if (PING_MS) setInterval(() => streams.forEach((response) => response.write(': ping\n\n')), PING_MS);
http.createServer((request, response) => answer(request, response).catch(() => response.destroy()))
  .listen(Number(port), '127.0.0.1', 4096);
