/**
 * tools.js - what a pointer does to the board: one class a tool, and a row in TOOLS. A tool is told of one
 * pointer at a time: down, move (all the steps of a frame), and up, or cancel.
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
 * @property {() => import('./shapes.js').Style} style
 * @property {(place: Place, element?: Present) => void} write  opens a field for a text
 * @property {(sentence: string) => void} say
 *
 * @typedef {import('./toolbar.js').ToolButton & {
 *   cursor?: string,
 *   held?: string,
 *   make: (desk: Desk) => Tool,
 * }} ToolEntry  cursor: of CSS, a crosshair if not given; held: the one while it is down, if that is another
 */

import { FULL } from './drawing.js';
import { grow, hits, meet, span } from './figures.js';
import { PRESSURE_MAX, coordinate, styled } from './shapes.js';

const PEN_STEP_PX = 1.5; // a pen that moved less has not moved
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
    this.#stroke = drawing.add({ kind: 'pen', ...styled('pen', style()), x: 0, y: 0 }, point(spot));
    if (!this.#stroke) return say(FULL);
    this.#version = this.#stroke.version;
    paper.hold([this.#stroke]);
  }

  /** @param {Spot[]} spots */
  move(spots) {
    for (const spot of spots) {
      if (!this.#stroke) return;
      if (Math.hypot(spot.x - this.#last.x, spot.y - this.#last.y) < this.units(PEN_STEP_PX)) continue;
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
    this.desk.paper.release();
    this.desk.drawing.commit();
  }

  cancel() {
    this.#stroke = null;
    this.desk.paper.release();
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
    this.#shape = drawing.add({ kind: this.#kind, ...styled(this.#kind, style()), ...this.#from, w: 0, h: 0 });
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
    this.desk.paper.release();
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

  cancel() {
    this.desk.drawing.cancel();
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
    this.desk.paper.release();
    this.desk.drawing.commit();
  }

  cancel() {
    this.desk.paper.release();
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
  #appliedAt = 0;
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
    this.#appliedAt = performance.now();
    if (there && there !== true) selection.select(there, spot.shift);
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
    if (this.#moved) this.#apply();
    this.#end();
    this.desk.drawing.commit();
  }

  cancel() {
    if (this.#stretch) return this.#stretch.cancel();
    this.#end();
    this.desk.drawing.cancel();
  }

  /** Others see it move, too: less often the more there is of it. */
  #carry() {
    const { selection, paper } = this.desk;
    this.#moved ||= Math.hypot(...this.#distance()) >= this.units(SLIP_PX);
    const pause = selection.list.reduce((ms, { points }) => ms + ELEMENT_MS + points.length * NUMBER_MS, 0);
    if (this.#moved && performance.now() - this.#appliedAt >= pause) this.#apply();
    paper.shift(...this.#distance());
  }

  #apply() {
    const [dx, dy] = this.#distance().map(coordinate);
    if (dx || dy) this.desk.selection.carry(dx, dy);
    this.#from = { x: this.#from.x + dx, y: this.#from.y + dy };
    this.#appliedAt = performance.now();
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
    this.desk.paper.release();
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
 * The board's tools, in the order of the toolbar. Buttons, shortcuts, the help and cursors are made of this.
 * @type {ToolEntry[]}
 */
export const TOOLS = [
  {
    name: 'select', key: 'v', label: 'Select', help: 'Select, move, stretch', cursor: 'default',
    icon: 'M5 3l14 8-6.5 1.5L9 19z',
    make: (desk) => new Select(desk),
  },
  {
    name: 'hand', key: 'h', label: 'Move the board', cursor: 'grab', held: 'grabbing',
    icon: 'M8 12V5.5a1.5 1.5 0 0 1 3 0V11V4a1.5 1.5 0 0 1 3 0v7V5.5a1.5 1.5 0 0 1 3 0V14c0 4-2 7-6 7-3 0-4.5-1.5-6-4l-2-3.5c-.6-1.2.9-2.3 2-1.3L8 14',
    make: (desk) => new Hand(desk),
  },
  {
    name: 'pen', key: 'p', label: 'Pen',
    icon: 'M4 20l1-4.5L16 4.5a2 2 0 0 1 3 0l.5.5a2 2 0 0 1 0 3L8.5 19zM14 6.5l3.5 3.5',
    make: (desk) => new Pen(desk),
  },
  {
    name: 'eraser', key: 'e', label: 'Eraser', help: 'Eraser, of whole strokes', cursor: 'cell',
    icon: 'M9 20l-5-5a1.5 1.5 0 0 1 0-2l9-9a1.5 1.5 0 0 1 2 0l5 5a1.5 1.5 0 0 1 0 2l-9 9zM8 9l7 7M8 20h12',
    make: (desk) => new Eraser(desk),
  },
  {
    name: 'line', key: 'l', label: 'Line',
    icon: 'M5 19L19 5',
    make: (desk) => new Shape(desk, 'line'),
  },
  {
    name: 'arrow', key: 'a', label: 'Arrow',
    icon: 'M5 19L19 5M10 5h9v9',
    make: (desk) => new Shape(desk, 'arrow'),
  },
  {
    name: 'rectangle', key: 'r', label: 'Rectangle',
    icon: 'M4 6h16v12H4z',
    make: (desk) => new Shape(desk, 'rectangle'),
  },
  {
    name: 'ellipse', key: 'o', label: 'Ellipse',
    icon: 'M12 5c5 0 8.5 3 8.5 7s-3.5 7-8.5 7-8.5-3-8.5-7S7 5 12 5z',
    make: (desk) => new Shape(desk, 'ellipse'),
  },
  {
    name: 'text', key: 't', label: 'Text', help: 'Text; Esc ends it', cursor: 'text',
    icon: 'M5 7V5h14v2M12 5v14M9 19h6',
    make: (desk) => new Text(desk),
  },
];

/**
 * Each tool at this desk, by name.
 * @param {Desk} desk
 */
export function makeTools(desk) {
  const tools = Object.fromEntries(TOOLS.map(({ name, make }) => [name, make(desk)]));
  return /** @type {{[name: string]: Tool} & {select: Tool}} */ (tools);
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
  return [coordinate(x), coordinate(y), Math.round(pressure * PRESSURE_MAX)];
}

/**
 * Somebody may have moved the stroke meanwhile.
 * @param {Spot} spot
 * @param {Present} stroke
 */
function relative({ x, y, pressure }, { value }) {
  return point({ x: x - value.x, y: y - value.y, pressure });
}
