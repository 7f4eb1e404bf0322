// filler.js - a board with much on it.

/** Puts many strokes on a board at once, as a peer that was not seen would; the size of the state in bytes. */
export async function fill(board, count) {
  const { page } = board;
  return page.evaluate(async (n) => {
    const url = (name) => new URL(`static/${name}`, document.baseURI).href;
    const { Elements } = await import(url('board/elements.js'));
    const { RULES } = await import(url('board/shapes.js'));
    const { Drawbridge } = await import(url('drawbridge.js'));
    const elements = new Elements(RULES);
    for (let i = 0; i < n; i++) {
      const points = Array.from({ length: 20 }, (_, k) => [(i * 13) % 700 - 350 + 6 * k, (i * 7) % 500 - 250 + 2 * k, 50]);
      elements.add({ order: i, kind: 'pen', colour: i % 6, width: 3, x: 0, y: 0 }, points.flat());
    }
    const bridge = new Drawbridge({ username: 'filler' });
    const others = Number(document.getElementById('count').textContent); // the page itself is one
    await bridge.join(location.pathname.split('/').pop());
    while (bridge.peers.length < others) await new Promise((resolve) => { setTimeout(resolve, 20); });
    let size = 0;
    let sent;
    for (let i = 0; i < n; i += 50) {
      const pieces = elements.list.slice(i, i + 50).flatMap((one) => [...elements.pieces(one)]);
      const text = JSON.stringify({ type: 'pieces', pieces });
      size += text.length;
      sent = bridge.send(text);
    }
    await sent;
    bridge.close();
    return size;
  }, count);
}
