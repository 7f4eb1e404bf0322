// sketch.js - a drawing to be looked at: a plan of what Drawbridge does.

/** On a window of 1440 by 900, whose middle is the origin of the board. */
export async function sketch(board) {
  const { page } = board;
  const pick = async (key, colour, width) => {
    await board.tool(key);
    await page.keyboard.press(String(colour));
    await page.check(`[name=width][value="${width}"]`);
  };
  const drag = async (...points) => {
    await page.mouse.move(...points[0]);
    await page.mouse.down();
    for (const point of points.slice(1)) await page.mouse.move(...point);
    await page.mouse.up();
  };
  const write = async (text, x, y) => {
    await page.mouse.click(x, y);
    await page.keyboard.type(text);
    await page.keyboard.press('Escape');
  };
  /** A line as a hand draws it: never quite straight. */
  const hand = (x1, y1, x2, y2, steps = 24) => Array.from({ length: steps + 1 }, (_, i) =>
    [x1 + (x2 - x1) * i / steps + 2 * Math.sin(i * 1.3), y1 + (y2 - y1) * i / steps + 2 * Math.cos(i * 1.7)]);

  await pick('r', 5, 3);
  await drag([330, 470], [420, 520], [530, 570]);
  await drag([910, 470], [1000, 520], [1110, 570]);
  await pick('o', 6, 3);
  await drag([610, 220], [700, 280], [830, 330]);
  await pick('t', 1, 3);
  await write('Ada', 412, 520);
  await write('Ben', 992, 520);
  await write('Drawbridge', 664, 275);
  await pick('a', 7, 3);
  await drag([440, 460], [520, 400], [610, 310]);
  await drag([1000, 460], [920, 400], [830, 310]);
  await pick('a', 4, 7);
  await drag([545, 520], [700, 520], [895, 520]);
  await pick('t', 4, 3);
  await write('strokes, by WebRTC', 620, 560);
  await pick('t', 7, 3);
  await write('who is here', 380, 370);
  await pick('t', 1, 7);
  await write('How two boards meet', 540, 140);
  await pick('p', 2, 3);
  await drag(...hand(540, 172, 880, 174));
  // A bridge, by hand.
  await pick('p', 3, 7);
  await drag(...Array.from({ length: 40 }, (_, i) => [520 + 10 * i, 740 - 70 * Math.sin(Math.PI * i / 39)]));
  await pick('p', 1, 3);
  await drag(...hand(500, 742, 930, 742, 30));
  for (let i = 1; i < 8; i++) {
    const x = 520 + 49 * i;
    await drag(...hand(x, 741, x, 744 - 70 * Math.sin(Math.PI * (x - 520) / 390), 6));
  }
  await pick('p', 5, 3);
  for (let row = 0; row < 2; row++) {
    await drag(...Array.from({ length: 50 }, (_, i) => [500 + 9 * i, 770 + 18 * row + 5 * Math.sin(i / 1.6 + row)]));
  }
}
