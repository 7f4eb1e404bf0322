/**
 * figures.js - what an element looks like: paths, as SVG writes them, for the canvas and for export
 * alike, or lines of text; the box around it; and where it can be hit.
 */

import { ELEMENT_KINDS, NO_FILL, PRESSURE_MAX, styleOf } from './shapes.js';

/**
 * @typedef {import('./elements.js').Present} Present
 * @typedef {import('./elements.js').Value} Value
 * @typedef {{x: number, y: number}} Place
 * @typedef {{d: string, width: number, dashes?: number[], path?: Path2D}} Line  dashes: of CSS
 *
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box  in units of the board
 *
 * @typedef {object} Figure
 * @property {Line[]} lines
 * @property {{lines: string[], size: number, x: number, y: number} | null} text  y: of the first base line
 * @property {Box} box
 * @property {number} fill     a colour, of what its first line encloses; NO_FILL: none
 * @property {number} opacity  0 to 1
 */

export const FONT = 'system-ui, sans-serif';
export const LINE_HEIGHT = 1.25; // of a text, in sizes
const ASCENT = 0.95; // of the first line
const LEVELS = 10; // of pressure
const ARROWHEAD = 4; // an arrow's, in widths
const ARROWHEAD_MIN = 14;
const CORNERS = 32; // of an ellipse, where it is hit

/** @type {WeakMap<Present, {value: Value, points: number[], count: number, figure: Figure}>} */
const known = new WeakMap();

/**
 * @param {Present} element
 * @returns {Figure}
 */
export function figureOf(element) {
  const { value, points } = element;
  const last = known.get(element);
  if (last && last.value === value && last.points === points && last.count === points.length) return last.figure;
  const figure = makeFigure(value, points);
  known.set(element, { value, points, count: points.length, figure });
  return figure;
}

/**
 * @param {Value} value
 * @param {number[]} points
 * @returns {Figure}
 */
function makeFigure(value, points) {
  if (value.kind === 'text') return textFigure(value);
  /** @type {Line[] | null} */
  let lines = null;
  const { fill, opacity } = styleOf(value);
  return {
    get lines() { return lines ??= trace(value, points); }, // many are never seen
    text: null,
    box: boxAlong(outline(value, points), widest(value)),
    fill,
    opacity: opacity / 100,
  };
}

/**
 * @param {Value} value
 * @param {number[]} points
 * @returns {Line[]}
 */
function trace(value, points) {
  const { kind, width, x, y, w, h } = value;
  if (!ELEMENT_KINDS.includes(kind)) return []; // of a later format: it is kept for those who know it
  const dashes = dashesOf(width, styleOf(value).dash);
  if (kind === 'pen') return stroke(points, x, y, width).map((line) => ({ ...line, ...dashes }));
  const d = kind === 'rectangle' ? `M${x} ${y}h${w}v${h}h${-w}Z`
    : kind === 'ellipse' ? ellipse(x + w / 2, y + h / 2, Math.abs(w / 2), Math.abs(h / 2)) : `M${x} ${y}L${x + w} ${y + h}`;
  if (kind === 'arrow' && !dashes.dashes) return [{ d: d + head(value), width }];
  return [{ d, width, ...dashes }, ...(kind === 'arrow' ? [{ d: head(value), width }] : [])];
}

/**
 * With the ends that lines have: those of dashes are round.
 * @param {number} width
 * @param {number} dash  1: dashes, 2: dots
 * @returns {{dashes?: number[]}}
 */
function dashesOf(width, dash) {
  if (!dash) return {};
  return { dashes: dash === 1 ? [2 * width + 6, 2 * width + 6] : [0, 2 * width + 3] };
}

// --- a pen's stroke ---

/**
 * A curve through the middles between the points, which are smoothed before: it has no corners.
 * Where the pressure is another, another line goes on.
 * @param {number[]} points
 * @param {number} x
 * @param {number} y
 * @param {number} width
 */
function stroke(points, x, y, width) {
  const last = points.length / 3 - 1;
  const soft = (/** @type {number} */ i, /** @type {number} */ axis) => {
    const at = points[3 * i + axis];
    if (i <= 0 || i >= last) return at;
    return (points[3 * i - 3 + axis] + 2 * at + points[3 * i + 3 + axis]) / 4;
  };
  const place = (/** @type {number} */ px, /** @type {number} */ py) => `${short(px + x)} ${short(py + y)}`;
  const level = (/** @type {number} */ i) => Math.round(LEVELS * Math.max(0, soft(i, 2)) / PRESSURE_MAX);
  if (last < 0) return [];
  let [fromX, fromY] = [points[0], points[1]];
  if (last === 0) return [{ d: `M${place(fromX, fromY)}h0.01`, width: broad(width, level(0)) }];
  const lines = [];
  let now = level(0);
  let d = `M${place(fromX, fromY)}`;
  for (let i = 1; i < last; i++) {
    [fromX, fromY] = [soft(i, 0), soft(i, 1)];
    const middle = place((fromX + soft(i + 1, 0)) / 2, (fromY + soft(i + 1, 1)) / 2);
    d += `Q${place(fromX, fromY)} ${middle}`;
    if (level(i) === now) continue;
    lines.push({ d, width: broad(width, now) });
    now = level(i);
    d = `M${middle}`;
  }
  d += `L${place(points[3 * last], points[3 * last + 1])}`;
  return [...lines, { d, width: broad(width, now) }];
}

/**
 * @param {number} width
 * @param {number} level
 */
function broad(width, level) {
  return short(width * (0.3 + 1.4 * level / LEVELS));
}

/** @param {Value} value */
function widest({ kind, width }) {
  return kind === 'pen' ? broad(width, LEVELS) : width;
}

/** @param {number} value */
function short(value) {
  return Math.round(value * 100) / 100;
}

// --- other shapes ---

/**
 * @param {number} x
 * @param {number} y
 * @param {number} rx
 * @param {number} ry
 */
function ellipse(x, y, rx, ry) {
  return `M${x - rx} ${y}A${rx} ${ry} 0 0 1 ${x + rx} ${y}A${rx} ${ry} 0 0 1 ${x - rx} ${y}Z`;
}

/**
 * The two strokes of an arrow's head, never longer than the arrow.
 * @param {Omit<Value, 'order'>} value
 */
function head(value) {
  const { x, y, w, h } = value;
  const [one, , two] = barbs(value);
  return `M${short(one[0])} ${short(one[1])}L${x + w} ${y + h}L${short(two[0])} ${short(two[1])}`;
}

/** @param {Omit<Value, 'order'>} value */
function barbs({ x, y, w, h, width }) {
  const tip = [x + w, y + h];
  const length = Math.min(ARROWHEAD * width + ARROWHEAD_MIN, Math.hypot(w, h) * 0.6);
  const angle = Math.atan2(h, w);
  const barb = (/** @type {number} */ turn) => [tip[0] - length * Math.cos(angle + turn), tip[1] - length * Math.sin(angle + turn)];
  return [barb(0.5), tip, barb(-0.5)];
}

// --- text ---

/** @type {CanvasRenderingContext2D | null} */
let ruler = null;

/** @param {Value} value */
function textFigure(value) {
  const { text, x, y } = value;
  const { size, opacity } = styleOf(value);
  /** @type {string[]} */
  const lines = text.split('\n');
  const measure = ruler ??= contextOf(document.createElement('canvas'));
  measure.font = `${size}px ${FONT}`;
  const broadest = Math.max(...lines.map((line) => measure.measureText(line).width));
  const box = { left: x, top: y, right: x + broadest, bottom: y + size * LINE_HEIGHT * lines.length };
  return { lines: [], text: { lines, size, x, y: y + size * ASCENT }, box, fill: NO_FILL, opacity: opacity / 100 };
}

/**
 * A canvas that was never asked for anything else has it.
 * @param {HTMLCanvasElement} canvas
 */
export function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
}

// --- where it is ---

/**
 * Its line from point to point, [x, y, x, y, …], for all but text.
 * @param {Value} value
 * @param {number[]} points
 */
function outline({ kind, x, y, w, h, ...value }, points) {
  if (kind === 'pen') {
    const line = [];
    for (let i = 0; i < points.length; i += 3) line.push(points[i] + x, points[i + 1] + y);
    return line;
  }
  if (!ELEMENT_KINDS.includes(kind)) return [x, y, x + (w ?? 0), y + (h ?? 0)];
  if (kind === 'rectangle') return [x, y, x + w, y, x + w, y + h, x, y + h, x, y];
  if (kind === 'ellipse') {
    return Array.from({ length: CORNERS + 1 }, (_, i) => 2 * Math.PI * i / CORNERS)
      .flatMap((angle) => [x + w / 2 * (1 + Math.cos(angle)), y + h / 2 * (1 + Math.sin(angle))]);
  }
  return [x, y, x + w, y + h, ...(kind === 'arrow' ? barbs({ x, y, w, h, ...value }).flat() : [])];
}

/**
 * @param {number[]} line
 * @param {number} width
 */
function boxAlong(line, width) {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (let i = 0; i < line.length; i += 2) {
    box.left = Math.min(box.left, line[i]);
    box.right = Math.max(box.right, line[i]);
    box.top = Math.min(box.top, line[i + 1]);
    box.bottom = Math.max(box.bottom, line[i + 1]);
  }
  return grow(box, width / 2);
}

/**
 * @param {Box} box
 * @param {number} by
 * @returns {Box}
 */
export function grow({ left, top, right, bottom }, by) {
  return { left: left - by, top: top - by, right: right + by, bottom: bottom + by };
}

/**
 * @param {Box} a
 * @param {Box} b
 */
export function meet(a, b) {
  return a.left <= b.right && a.right >= b.left && a.top <= b.bottom && a.bottom >= b.top;
}

/**
 * @param {Box} inner
 * @param {Box} outer
 */
export function within(inner, outer) {
  return inner.left >= outer.left && inner.right <= outer.right &&
    inner.top >= outer.top && inner.bottom <= outer.bottom;
}

/**
 * The box around some elements; null: there are none.
 * @param {Present[]} elements
 */
export function boxOf(elements) {
  if (!elements.length) return null;
  const all = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const element of elements) {
    const { left, top, right, bottom } = figureOf(element).box;
    all.left = Math.min(all.left, left);
    all.top = Math.min(all.top, top);
    all.right = Math.max(all.right, right);
    all.bottom = Math.max(all.bottom, bottom);
  }
  return all;
}

/**
 * The box around those that lie together in the largest number; null: there are none.
 * @param {Present[]} elements
 * @param {{width: number, height: number}} extent  what counts as together
 */
export function boxOfMost(elements, { width, height }) {
  /** @type {Map<string, Present[]>} by quarters of that: each lies in four such places */
  const places = new Map();
  for (const element of elements) {
    const { left, top, right, bottom } = figureOf(element).box;
    const [column, row] = [Math.floor((left + right) / width), Math.floor((top + bottom) / height)];
    for (const place of [[column, row], [column - 1, row], [column, row - 1], [column - 1, row - 1]]) {
      const there = places.get(place.join());
      if (there) there.push(element);
      else places.set(place.join(), [element]);
    }
  }
  return boxOf([...places.values()].reduce((most, there) => (there.length > most.length ? there : most), []));
}

/**
 * The box that two points span.
 * @param {Place} a
 * @param {Place} b
 */
export function span(a, b) {
  return { left: Math.min(a.x, b.x), top: Math.min(a.y, b.y), right: Math.max(a.x, b.x), bottom: Math.max(a.y, b.y) };
}

/**
 * Where it is taken to be stretched, and what stays meanwhile.
 * @typedef {{x: number, y: number, stays: Place, first: boolean}} Handle
 *     first: at its place, which for a line and an arrow is where it begins
 * @param {Present} element
 * @returns {Handle[]}
 */
export function handlesOf({ value: { kind, x, y, w, h } }) {
  if (w === undefined || !ELEMENT_KINDS.includes(kind)) return [];
  /**
   * @param {number} x1
   * @param {number} y1
   * @param {number} x2
   * @param {number} y2
   */
  const handle = (x1, y1, x2, y2, first = false) => ({ x: x1, y: y1, stays: { x: x2, y: y2 }, first });
  const ends = [handle(x, y, x + w, y + h, true), handle(x + w, y + h, x, y)];
  if (kind === 'line' || kind === 'arrow') return ends;
  return [...ends, handle(x + w, y, x, y + h), handle(x, y + h, x + w, y)];
}

/**
 * Whether what goes straight from a to b comes as near as that to what is seen of an element.
 * @param {Present} element
 * @param {Place} a
 * @param {Place} b
 * @param {number} reach
 */
export function hits(element, a, b, reach) {
  const { box } = figureOf(element);
  if (!meet(box, grow(span(a, b), reach))) return false;
  const { value, points } = element;
  if (!ELEMENT_KINDS.includes(value.kind)) return false; // nobody sees it
  if (value.kind === 'text') return true;
  if (styleOf(value).fill !== NO_FILL && (encloses(value, a) || encloses(value, b))) return true;
  const line = outline(value, points);
  const max = reach + value.width / 2;
  if (line.length === 2) return apart(a, b, line[0], line[1]) <= max;
  for (let i = 0; i + 3 < line.length; i += 2) {
    const [c, d] = [{ x: line[i], y: line[i + 1] }, { x: line[i + 2], y: line[i + 3] }];
    const ends = Math.min(apart(a, b, c.x, c.y), apart(a, b, d.x, d.y), apart(c, d, a.x, a.y), apart(c, d, b.x, b.y));
    if (ends <= max || cross(a, b, c, d)) return true;
  }
  return false;
}

/**
 * Whether a point is in a rectangle or an ellipse.
 * @param {Value} value
 * @param {Place} point
 */
function encloses({ kind, x, y, w, h }, point) {
  const [dx, dy] = [2 * (point.x - x) - w, 2 * (point.y - y) - h].map(Math.abs);
  const [rx, ry] = [Math.abs(w), Math.abs(h)];
  return kind === 'ellipse' ? (dx / rx) ** 2 + (dy / ry) ** 2 <= 1 : dx <= rx && dy <= ry;
}

/**
 * How far a point is from the line that ends at a and b.
 * @param {Place} a
 * @param {Place} b
 * @param {number} x
 * @param {number} y
 */
function apart(a, b, x, y) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const along = length ? Math.max(0, Math.min(1, ((x - a.x) * dx + (y - a.y) * dy) / length)) : 0;
  return Math.hypot(x - a.x - along * dx, y - a.y - along * dy);
}

/**
 * @param {Place} a
 * @param {Place} b
 * @param {Place} c
 * @param {Place} d
 */
function cross(a, b, c, d) {
  /**
   * @param {Place} p
   * @param {Place} q
   * @param {Place} r
   */
  const side = (p, q, r) => Math.sign((q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x));
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}
