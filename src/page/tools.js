/**
 * tools.js - what a pointer does to the board: one class a tool. A tool is told of one pointer at a
 * time: down, move (all the steps of a frame), and up, or cancel.
 *
 * @typedef {import('./elements.js').Element} Element
 * @typedef {import('./elements.js').Present} Present
 * @typedef {{x: number, y: number}} Place
 *
 * @typedef {object} Spot
 * @property {number} x         in units of the board
 * @property {number} y
 * @property {number} pressure  0 to 1; a mouse's is 0.5
 * @property {boolean} shift
 *
 * @typedef {object} Desk  what tools work with
 * @property {import('./drawing.js').Drawing} drawing
 * @property {import('./paper.js').Paper} paper
 * @property {import('./view.js').View} view
 * @property {import('./selection.js').Selection} selection
 * @property {() => {colour: number, width: number}} style
 * @property {(place: Place, element?: Present) => void} write  opens a field for a text
 * @property {(sentence: string) => void} say
 */

import { FULL } from './drawing.js';
import { grow, hits, meet, span } from './figures.js';
import { PRESSURE_MOST, coordinate } from './shapes.js';

const STEP_PX = 1.5; // a pen that moved less has not moved
const TINY_PX = 4; // a shape that is smaller was a slip
const REACH_PX = 8;
const SLIP_PX = 2; // who clicks moves nothing
const SNAP = Math.PI / 12;

// What is moved is put down for the others again after so long: for each element, and each number of its points.
const ELEMENT_MS = 1;
const NUMBER_MS = 0.01;

/** @type {Spot} before the first one */
const NOWHERE = { x: 0, y: 0, pressure: 0, shift: false };

export class Tool {
  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
  }

  /** @type {(spot: Spot) => void} */
  down() {}

  /** @type {(spots: Spot[]) => void} */
  move() {}

  up() {}
  cancel() { this.up(); }

  /**
   * So many pixels, in units of the board.
   * @param {number} px
   */
  units(px) {
    return px / this.desk.view.scale;
  }

  /**
   * The topmost element there.
   * @param {Place} spot
   */
  find(spot) {
    return this.desk.drawing.elements.list.findLast((element) => hits(element, spot, spot, this.units(REACH_PX)));
  }
}

class Pen extends Tool {
  /** @type {Present | null} */
  #stroke = null;
  #version = 0;
  /** @type {Spot} */
  #last = NOWHERE; // where it was

  /** @param {Spot} spot */
  down(spot) {
    const { drawing, paper, style, say } = this.desk;
    this.#last = spot;
    this.#stroke = drawing.add({ kind: 'pen', ...style(), x: 0, y: 0 }, point(spot));
    if (!this.#stroke) return say(FULL);
    this.#version = this.#stroke.version;
    paper.hold([this.#stroke]);
  }

  /** @param {Spot[]} spots */
  move(spots) {
    for (const spot of spots) {
      if (!this.#stroke) return;
      if (Math.hypot(spot.x - this.#last.x, spot.y - this.#last.y) < this.units(STEP_PX)) continue;
      const same = this.#stroke.version === this.#version;
      if (same && this.desk.drawing.extend(this.#stroke, relative(spot, this.#stroke))) {
        this.#last = spot;
      } else {
        // It is as long as a stroke may be, or somebody took it away: another one goes on where it ends.
        const last = this.#last;
        this.up();
        this.down(last);
      }
    }
  }

  up() {
    this.#stroke = null;
    this.desk.paper.letGo();
    this.desk.drawing.commit();
  }

  cancel() {
    this.#stroke = null;
    this.desk.paper.letGo();
    this.desk.drawing.cancel();
  }
}

class Shape extends Tool {
  #kind;
  /** @type {Present | null} */
  #shape = null;
  /** @type {Place} */
  #from = NOWHERE;

  /**
   * @param {Desk} desk
   * @param {'line' | 'arrow' | 'rectangle' | 'ellipse'} kind
   */
  constructor(desk, kind) {
    super(desk);
    this.#kind = kind;
  }

  /** @param {Spot} spot */
  down(spot) {
    const { drawing, paper, style, say } = this.desk;
    this.#from = { x: coordinate(spot.x), y: coordinate(spot.y) };
    this.#shape = drawing.add({ kind: this.#kind, ...style(), ...this.#from, w: 0, h: 0 });
    if (!this.#shape) return say(FULL);
    paper.hold([this.#shape]);
  }

  /** @param {Spot[]} spots */
  move(spots) {
    if (this.#shape) this.desk.drawing.edit(this.#shape, reach(this.#kind, this.#from, lastOf(spots)));
  }

  up() {
    const { value } = this.#shape ?? {};
    const tiny = value && Math.hypot(value.w, value.h) < this.units(TINY_PX);
    this.#end();
    if (tiny) this.desk.drawing.cancel();
    else this.desk.drawing.commit();
  }

  cancel() {
    this.#end();
    this.desk.drawing.cancel();
  }

  #end() {
    this.#shape = null;
    this.desk.paper.letGo();
  }
}

class Text extends Tool {
  /** @type {Spot | null} */
  #spot = null;

  /** @param {Spot} spot */
  down(spot) {
    this.#spot = spot;
  }

  up() {
    const spot = this.#spot;
    this.#spot = null;
    if (!spot) return;
    const there = this.find(spot);
    this.desk.write(spot, there?.value.kind === 'text' ? there : undefined);
  }

  cancel() {
    this.#spot = null;
  }
}

/** Whole strokes, as soon as it touches them. */
class Eraser extends Tool {
  /** @type {Spot} */
  #last = NOWHERE;

  /** @param {Spot} spot */
  down(spot) {
    this.#last = spot;
    this.move([spot]);
  }

  /** @param {Spot[]} spots */
  move(spots) {
    const { drawing } = this.desk;
    for (const spot of spots) {
      const touched = drawing.elements.list.filter((element) => hits(element, this.#last, spot, this.units(REACH_PX)));
      for (const element of touched) drawing.remove(element);
      this.#last = spot;
    }
  }

  up() {
    this.desk.drawing.commit();
  }
}

/** Pulls at a handle of an element. */
class Stretch extends Tool {
  #element;
  #handle;
  /** @type {Place} */
  #grip = NOWHERE; // the handle from where it was taken

  /**
   * @param {Desk} desk
   * @param {{element: Present, handle: import('./figures.js').Handle}} taken
   */
  constructor(desk, { element, handle }) {
    super(desk);
    this.#element = element;
    this.#handle = handle;
  }

  /** @param {Spot} spot */
  down({ x, y }) {
    this.#grip = { x: this.#handle.x - x, y: this.#handle.y - y };
    this.desk.paper.hold([this.#element]);
  }

  /** @param {Spot[]} spots */
  move(spots) {
    const { x, y, shift } = lastOf(spots);
    const { stays, first } = this.#handle;
    const { w, h } = reach(this.#element.value?.kind, stays, { x: x + this.#grip.x, y: y + this.#grip.y, shift });
    const from = first ? { x: stays.x + w, y: stays.y + h } : stays;
    this.desk.drawing.edit(this.#element,
      { x: coordinate(from.x), y: coordinate(from.y), w: first ? -w : w, h: first ? -h : h });
  }

  up() {
    this.desk.paper.letGo();
    this.desk.drawing.commit();
  }

  cancel() {
    this.desk.paper.letGo();
    this.desk.drawing.cancel();
  }
}

class Select extends Tool {
  /** @type {Stretch | null | undefined} */
  #stretch = null; // what works instead
  /** @type {Place} */
  #from = NOWHERE; // where what is moved was taken, or put last
  /** @type {Place} */
  #now = NOWHERE;
  #moving = false;
  #moved = false; // further than by a slip
  #putAt = 0;
  /** @type {Present[]} */
  #before = []; // what was selected, where more is to be

  /** @param {Spot} spot */
  down(spot) {
    const { selection, paper } = this.desk;
    const taken = selection.handleAt(spot, this.desk.view);
    this.#stretch = taken && new Stretch(this.desk, taken);
    if (this.#stretch) return this.#stretch.down(spot);
    const there = this.#grip(spot);
    this.#from = this.#now = spot;
    this.#moving = Boolean(there);
    this.#moved = false;
    this.#putAt = performance.now();
    if (there && there !== true) selection.take(there, spot.shift);
    if (!there && !spot.shift) selection.clear();
    this.#before = selection.list;
    if (this.#moving) paper.hold(selection.list);
  }

  /** @param {Spot[]} spots */
  move(spots) {
    if (this.#stretch) return this.#stretch.move(spots);
    const { selection, drawing } = this.desk;
    this.#now = lastOf(spots);
    if (this.#moving) return this.#carry();
    const box = selection.frame = span(this.#from, this.#now);
    selection.set([...this.#before, ...selection.inside(drawing.elements.list, box)]);
  }

  up() {
    if (this.#stretch) return this.#stretch.up();
    if (this.#moved) this.#put();
    this.#end();
    this.desk.drawing.commit();
  }

  cancel() {
    if (this.#stretch) return this.#stretch.cancel();
    this.#end();
    this.desk.drawing.cancel();
  }

  /** The others see it on its way, too: the more it is the more rarely. */
  #carry() {
    const { selection, paper } = this.desk;
    this.#moved ||= Math.hypot(...this.#distance()) >= this.units(SLIP_PX);
    const pause = selection.list.reduce((ms, { points }) => ms + ELEMENT_MS + points.length * NUMBER_MS, 0);
    if (this.#moved && performance.now() - this.#putAt >= pause) this.#put();
    paper.shift(...this.#distance());
  }

  #put() {
    const [dx, dy] = this.#distance().map(coordinate);
    if (dx || dy) this.desk.selection.carry(dx, dy);
    this.#from = { x: this.#from.x + dx, y: this.#from.y + dy };
    this.#putAt = performance.now();
  }

  /**
   * An element that is to be moved, or true: those that are selected are.
   * @param {Spot} spot
   */
  #grip(spot) {
    const { selection } = this.desk;
    const there = this.find(spot);
    if (there && !selection.has(there)) return there;
    const { box } = selection;
    const inside = box && meet(grow(box, this.units(REACH_PX)), span(spot, spot));
    return spot.shift ? there : Boolean(there || inside);
  }

  /** @returns {[number, number]} */
  #distance() {
    return [this.#now.x - this.#from.x, this.#now.y - this.#from.y];
  }

  #end() {
    this.#moving = this.#moved = false;
    this.desk.selection.frame = null;
    this.desk.paper.letGo();
  }
}

/** Pans: the spot under it stays under it. */
class Hand extends Tool {
  /** @type {Place} */
  #from = NOWHERE;

  /** @param {Spot} spot */
  down(spot) {
    this.#from = spot;
  }

  /** @param {Spot[]} spots */
  move(spots) {
    const { view } = this.desk;
    const { x, y } = lastOf(spots);
    view.pan((x - this.#from.x) * view.scale, (y - this.#from.y) * view.scale);
  }
}

/**
 * @param {Desk} desk
 * @returns {{[name: string]: Tool} & {select: Tool}}
 */
export function makeTools(desk) {
  return {
    select: new Select(desk),
    hand: new Hand(desk),
    pen: new Pen(desk),
    eraser: new Eraser(desk),
    line: new Shape(desk, 'line'),
    arrow: new Shape(desk, 'arrow'),
    rectangle: new Shape(desk, 'rectangle'),
    ellipse: new Shape(desk, 'ellipse'),
    text: new Text(desk),
  };
}

/**
 * With Shift as wide as high, or at an angle that is a multiple of 15 degrees.
 * @param {string | undefined} kind
 * @param {Place} from
 * @param {Place & {shift: boolean}} to
 */
function reach(kind, from, { x, y, shift }) {
  let [w, h] = [x - from.x, y - from.y];
  if (shift && (kind === 'line' || kind === 'arrow')) {
    const angle = Math.round(Math.atan2(h, w) / SNAP) * SNAP;
    const length = Math.hypot(w, h);
    [w, h] = [length * Math.cos(angle), length * Math.sin(angle)];
  } else if (shift) {
    const side = Math.max(Math.abs(w), Math.abs(h));
    [w, h] = [side * (Math.sign(w) || 1), side * (Math.sign(h) || 1)];
  }
  return { w: coordinate(w), h: coordinate(h) };
}

/**
 * The steps of a frame are one at least.
 * @param {Spot[]} spots
 */
function lastOf(spots) {
  return spots[spots.length - 1];
}

/** @param {Omit<Spot, 'shift'>} spot */
function point({ x, y, pressure }) {
  return [coordinate(x), coordinate(y), Math.round(pressure * PRESSURE_MOST)];
}

/**
 * Somebody may have moved the stroke meanwhile.
 * @param {Spot} spot
 * @param {Present} stroke
 */
function relative({ x, y, pressure }, { value }) {
  return point({ x: x - value.x, y: y - value.y, pressure });
}
