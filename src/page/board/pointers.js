/**
 * pointers.js - mouse, pen and fingers on the board.
 *
 * One pointer works with the tool. Where it has closed a menu, or ended a text, it does so only when it is
 * dragged: a click there is no dot. Two fingers move the board and scale it; while a pen is down, or was
 * just now, fingers are a palm. The middle button, or the space bar, moves the board.
 */

const PALM_MS = 1_000;
const SLIP_MS = 250; // what a first finger did so shortly before the second is discarded,
const SLIP_REACH_PX = 32; // and what it did so near to where it came down, however long ago
const CLICK_PX = 8; // who moved less has clicked
const SERIES_MS = 250; // of the wheel
const NOTCH = 50; // a wheel begins with more at once, fingers on a pad with less
const LINE_PX = 40;
const ZOOM_PX = 480; // of the wheel, for e times as large

const PEN_ERASER = 5; // a button

/**
 * @typedef {{x: number, y: number}} Place
 * @typedef {import('./tools.js').Tool} Tool
 * @typedef {import('./tools.js').Spot} Spot
 *
 * @typedef {object} Active
 * @property {number} id
 * @property {Tool} tool
 * @property {number} at
 * @property {Place} from       in the window
 * @property {number} reach     how far from there it has been, in pixels
 * @property {Spot | null} held  where the tool is to be put down once it is dragged
 */

export class Pointers {
  /** @type {boolean} the space bar is down */
  panning = false;
  /** @type {boolean} and the board was moved by it */
  panned = false;

  #canvas;
  #view;
  #hooks;
  /** @type {Active | null} the pointer that works */
  #active = null;
  /** @type {Map<number, Place>} by id */
  #fingers = new Map();
  #penAt = -Infinity;
  #wheel = { at: -Infinity, zooms: false };

  /**
   * @param {HTMLElement} canvas
   * @param {import('./view.js').View} view
   * @typedef {object} Hooks
   * @property {(name?: string) => Tool} tool  the chosen one, or that one
   * @property {() => boolean} begins  whether that has ended something else
   * @property {(place: Place | null) => void} at  where the pointer is, in units of the board
   * @property {(spot: Place) => void} open  it was clicked twice
   * @param {Hooks} hooks
   */
  constructor(canvas, view, hooks) {
    this.#canvas = canvas;
    this.#view = view;
    this.#hooks = hooks;
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', (event) => this.#up(event));
    canvas.addEventListener('pointercancel', (event) => this.#cancel(event));
    canvas.addEventListener('pointerleave', () => this.#active || hooks.at(null));
    canvas.addEventListener('dblclick', (event) => hooks.open(this.#spot(event)));
    canvas.addEventListener('wheel', (event) => this.#scroll(event), { passive: false });
    canvas.addEventListener('contextmenu', (event) => this.#active && event.preventDefault());
  }

  get busy() {
    return Boolean(this.#active) || this.#fingers.size > 1;
  }

  /** Cancels what is being drawn. */
  abandon() {
    this.#end('cancel');
  }

  /** @param {'up' | 'cancel'} how */
  #end(how) {
    const { tool, held } = this.#active ?? {};
    this.#active = null;
    if (!held) tool?.[how]();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    event.preventDefault();
    const { pointerType, pointerId, button, timeStamp } = event;
    if (pointerType === 'pen') this.#pen(timeStamp);
    if (pointerType === 'touch' && this.#finger(event)) return;
    const pans = button === 1 || (button === 0 && this.panning);
    const tool = pans ? this.#hooks.tool('hand') : this.#toolFor(button, pointerType);
    if (this.#active || !tool) return;
    this.#canvas.setPointerCapture(pointerId);
    this.panned ||= this.panning;
    const spot = this.#spot(event);
    // Who moves the board meanwhile goes on with what has the focus.
    const held = !pans && this.#hooks.begins() ? spot : null;
    this.#active = { id: pointerId, tool, at: timeStamp, from: placeIn(event), reach: 0, held };
    if (!held) tool.down(spot);
  }

  /**
   * @param {number} button
   * @param {string} pointerType
   */
  #toolFor(button, pointerType) {
    if (button === PEN_ERASER && pointerType === 'pen') return this.#hooks.tool('eraser');
    return button === 0 ? this.#hooks.tool() : null;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const { pointerId, pointerType, timeStamp, clientX, clientY } = event;
    if (pointerType === 'pen') this.#penAt = timeStamp;
    if (this.#fingers.has(pointerId)) {
      const before = [...this.#fingers.values()];
      this.#fingers.set(pointerId, { x: clientX, y: clientY });
      if (this.#fingers.size === 2) this.#pinch(before, [...this.#fingers.values()]);
    }
    if (pointerId === this.#active?.id) {
      // The browser sums up what the pointer did since the last frame.
      const steps = event.getCoalescedEvents?.() ?? [];
      this.#drag(this.#active, steps.length ? steps : [event]);
    }
    if (!this.#active || pointerId === this.#active.id) this.#hooks.at(this.#view.toBoard(clientX, clientY));
  }

  /**
   * @param {Active} active
   * @param {PointerEvent[]} steps
   */
  #drag(active, steps) {
    const { tool, from, held } = active;
    for (const step of steps) active.reach = Math.max(active.reach, distanceOf(from, placeIn(step)));
    if (held && active.reach < CLICK_PX) return;
    active.held = null;
    if (held) tool.down(held);
    tool.move(steps.map((step) => this.#spot(step)));
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (event.pointerType === 'pen') this.#penAt = event.timeStamp;
    this.#fingers.delete(event.pointerId);
    if (event.pointerId !== this.#active?.id) return;
    this.#end('up');
    if (event.pointerType === 'touch') this.#hooks.at(null);
  }

  /** @param {PointerEvent} event */
  #cancel(event) {
    this.#fingers.delete(event.pointerId);
    if (event.pointerId === this.#active?.id) this.abandon();
  }

  // --- fingers ---

  /**
   * A pen that comes takes the place of what may be its hand.
   * @param {number} now
   */
  #pen(now) {
    this.#penAt = now;
    if (this.#active && this.#fingers.has(this.#active.id)) this.abandon();
    this.#fingers.clear();
  }

  /**
   * @param {PointerEvent} event
   * @returns {boolean} whether that is all there is to do about it
   */
  #finger({ pointerId, clientX, clientY, timeStamp }) {
    if (timeStamp - this.#penAt < PALM_MS) return true;
    this.#fingers.set(pointerId, { x: clientX, y: clientY });
    if (this.#fingers.size < 2) return false;
    if (this.#active && this.#fingers.has(this.#active.id)) {
      const { at, reach } = this.#active;
      this.#end(timeStamp - at < SLIP_MS || reach < SLIP_REACH_PX ? 'cancel' : 'up');
    }
    return true;
  }

  /**
   * @param {Place[]} from
   * @param {Place[]} to
   */
  #pinch([a, b], [c, d]) {
    const { left, top } = this.#canvas.getBoundingClientRect();
    const middle = (/** @type {Place} */ p, /** @type {Place} */ q) => ({ x: (p.x + q.x) / 2, y: (p.y + q.y) / 2 });
    const [from, to] = [middle(a, b), middle(c, d)];
    const distance = (/** @type {Place} */ p, /** @type {Place} */ q) => Math.max(1, distanceOf(p, q));
    this.#view.pan(to.x - from.x, to.y - from.y);
    this.#view.zoom(distance(c, d) / distance(a, b), to.x - left, to.y - top);
  }

  // --- the wheel ---

  /** @param {WheelEvent} event */
  #scroll(event) {
    event.preventDefault();
    const { deltaX, deltaY, deltaMode, ctrlKey, metaKey, shiftKey, clientX, clientY, timeStamp } = event;
    const unit = deltaMode === 0 ? 1 : LINE_PX;
    const [dx, dy] = [deltaX * unit, deltaY * unit];
    // A wheel scales; two fingers on a pad move, and scale where the browser says that they pinch.
    const notches = deltaMode !== 0 || (dx === 0 && Math.abs(dy) >= NOTCH);
    if (timeStamp - this.#wheel.at > SERIES_MS) this.#wheel.zooms = notches;
    this.#wheel.at = timeStamp;
    if (ctrlKey || metaKey || (this.#wheel.zooms && !shiftKey)) {
      this.#view.zoom(Math.exp(-dy / (ctrlKey && Math.abs(dy) < NOTCH ? ZOOM_PX / 5 : ZOOM_PX)), clientX, clientY);
    } else {
      this.#view.pan(shiftKey && !dx ? -dy : -dx, shiftKey && !dx ? 0 : -dy);
    }
  }

  /** @param {MouseEvent & {pressure?: number, pointerType?: string}} event */
  #spot({ clientX, clientY, pressure = 0, pointerType, shiftKey }) {
    const { x, y } = this.#view.toBoard(clientX, clientY); // the canvas fills the window
    return { x, y, pressure: pointerType === 'pen' && pressure > 0 ? pressure : 0.5, shift: shiftKey };
  }
}

/** @param {MouseEvent} event */
function placeIn({ clientX, clientY }) {
  return { x: clientX, y: clientY };
}

/**
 * @param {Place} a
 * @param {Place} b
 */
function distanceOf(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
