// The suites of what peers do together, with the peers of one room over two web servers:
// lighttpd at / and Apache at /draw/, on one Redis. Each request goes to the other one.
if (process.env.SERVER === 'lighttpd' && (process.env.MOUNT || '/') === '/') {
  process.env.SERVER = 'spread'; // before any of them looks
  for (const theme of ['relay', 'rooms', 'resume', 'presence', 'node-peer', 'server']) await import(`./${theme}.test.js`);
}

export {}; // it awaits at the top, as only a module may
