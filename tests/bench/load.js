// load.js - runs load.c.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

const PROGRAM = path.join(process.env.BUILD, 'bench_load');

const plan = (clients) => clients.map(({ stream, posts = [] }) =>
  [['stream', stream], ...posts.map((post) => ['post', post])]
    .map(([word, bytes]) => `${word} ${Buffer.byteLength(bytes)}\n${bytes}`).join('')).join('') + 'go\n';

/**
 * @param {'open' | 'hold' | 'post'} mode
 * @param {{name: string, port: number, postPort?: number, ready?: string}} target
 * @param {{stream: string, posts?: string[]}[]} clients  the bytes of their requests
 * @param {(string | number)[]} [options]  of load.c
 * @param {(pid: number) => Promise<object | void>} [meanwhile]  what is done once all streams are open; post begins after it;
 *     pid: of load.c
 * @returns {Promise<{[member: string]: any}>}  what it and load.c have said
 */
export async function load(mode, target, clients, options = [], meanwhile = async () => {}) {
  const own = [...(target.ready ? ['-r', target.ready] : []), ...(target.postPort ? ['-p', target.postPort] : [])];
  const child = spawn(PROGRAM, [mode, target.port, ...own, ...options].map(String),
    { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {}); // its end tells why
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value } = await lines.next();
    if (value === undefined) throw new Error(`load ${mode} failed at ${target.name}`);
    return JSON.parse(value);
  };
  try {
    child.stdin.write(plan(clients));
    const opened = await line();
    const seen = await meanwhile(child.pid);
    child.stdin.end('\n');
    return { ...opened, ...seen, ...(mode === 'open' ? {} : await line()) };
  } finally {
    child.kill();
    await ended;
  }
}
