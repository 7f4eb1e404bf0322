// hand.js - a pointer of one kind on a board: what a person does with it.
// Touches and pens go by the DevTools protocol, as playwright knows mice and taps alone.

export class Hand {
  #session;
  #way;
  #at;

  /** @param {'mouse' | 'touch' | 'pen'} way */
  static async of(board, way) {
    const hand = new Hand();
    hand.#way = way;
    hand.#session = await board.page.context().newCDPSession(board.page);
    return hand;
  }

  async drag(...points) {
    await this.down(points[0]);
    for (const [i, [x, y]] of points.entries()) {
      if (!i) continue;
      const [fromX, fromY] = points[i - 1];
      for (let step = 1; step <= 5; step++) await this.move([fromX + (x - fromX) * step / 5, fromY + (y - fromY) * step / 5]);
    }
    await this.up();
  }

  async tap(point) {
    await this.down(point);
    await this.up();
  }

  down(point, force = 0.5) {
    return this.#way === 'touch' ? this.all('touchStart', [point]) : this.#mouse('mousePressed', point, force);
  }

  move(point, force = 0.5) {
    return this.#way === 'touch' ? this.all('touchMove', [point]) : this.#mouse('mouseMoved', point, force);
  }

  up() {
    return this.#way === 'touch' ? this.all('touchEnd', []) : this.#mouse('mouseReleased', this.#at, 0);
  }

  /** Several fingers. */
  all(type, points) {
    return this.#session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  }

  #mouse(type, point, force) {
    this.#at = point;
    const [x, y] = point;
    return this.#session.send('Input.dispatchMouseEvent', {
      type, x, y, button: 'left', buttons: type === 'mouseReleased' ? 0 : 1, clickCount: 1, pointerType: this.#way, force,
    });
  }
}
