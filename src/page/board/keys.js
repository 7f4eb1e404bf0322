/**
 * keys.js - the board by keyboard: a key for each command, and a cross that draws.
 *
 * Where the board has the focus, arrows move the cross, and Enter puts the tool down and takes it up.
 */

const FINE_PX = 10;
const COARSE_PX = 50;
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** @typedef {{x: number, y: number}} Place */

const CROSS_PX = 12;

export class Keys {
  #board;
  #view;
  #hooks;
  #commands;
  /** @type {Place | null} */
  #cross = null; // in CSS pixels
  /** @type {import('./tools.js').Tool | null} */
  #tool = null; // that is down

  /**
   * @param {HTMLElement} board
   * @param {import('./view.js').View} view
   * @param {Record<string, (event: KeyboardEvent) => void>} commands  by key: Ctrl+, Shift+ and the key's name
   * @param {{tool: () => import('./tools.js').Tool, at: (place: Place | null) => void, repaint: () => void,
   *     begins: () => void, nudge: (dx: number, dy: number, stretches: boolean) => boolean, edit: () => boolean,
   *     say: (sentence: string) => void}} hooks
   *     nudge: moves or stretches what is selected, if anything is; edit: writes on it, if it is a text
   */
  constructor(board, view, commands, hooks) {
    this.#board = board;
    this.#view = view;
    this.#commands = commands;
    this.#hooks = hooks;
    addEventListener('keydown', (event) => this.#down(event));
    board.addEventListener('blur', () => this.stop());
    board.addEventListener('pointerdown', () => this.stop());
  }

  /** What is being drawn ends; the cross goes. */
  stop() {
    this.#tool?.up();
    this.#tool = null;
    this.#cross = null;
    this.#hooks.repaint();
  }

  /** @returns {boolean} whether there was something to cancel */
  abandon() {
    if (!this.#tool) return false;
    this.#tool.cancel();
    this.#tool = null;
    this.#hooks.say('Cancelled.');
    return true;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {import('./brush.js').Palette} palette
   */
  paint(context, { accent }) {
    if (!this.#cross) return;
    const { x, y } = this.#cross;
    context.strokeStyle = accent;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x - CROSS_PX, y);
    context.lineTo(x + CROSS_PX, y);
    context.moveTo(x, y - CROSS_PX);
    context.lineTo(x, y + CROSS_PX);
    if (this.#tool) {
      context.moveTo(x + CROSS_PX / 2, y);
      context.arc(x, y, CROSS_PX / 2, 0, 2 * Math.PI);
    }
    context.stroke();
  }

  /** @param {KeyboardEvent} event */
  #down(event) {
    const { target, key, ctrlKey, metaKey, altKey, defaultPrevented } = event;
    if (defaultPrevented || altKey || document.querySelector('dialog[open]')) return;
    if (isTyping(target)) return;
    const command = ctrlKey || metaKey;
    const on = target === this.#board;
    if (on && ARROWS[key]) this.#arrow(event, command);
    else if (on && !command && key === 'Enter') this.#press(event);
    else if (key === ' ' || key === 'Enter' || ARROWS[key]) return; // a button's, or a choice's
    else this.#run(event, shortcutOf(event));
  }

  /**
   * @param {KeyboardEvent} event
   * @param {string} name
   */
  #run(event, name) {
    const run = this.#commands[name];
    if (!run) return;
    event.preventDefault();
    run(event);
  }

  /**
   * @param {KeyboardEvent} event
   * @param {boolean} command
   */
  #arrow(event, command) {
    event.preventDefault();
    const { key, shiftKey: shift } = event;
    const [dx, dy] = ARROWS[key];
    const px = shift ? COARSE_PX : FINE_PX;
    if (!this.#tool && this.#hooks.nudge(dx * px / this.#view.scale, dy * px / this.#view.scale, command)) return;
    if (command) return;
    const { width, height } = this.#view;
    const at = this.#cross ?? { x: width / 2, y: height / 2 };
    const to = { x: at.x + dx * px, y: at.y + dy * px };
    // The board follows where the cross would leave the window.
    const [x, y] = [Math.max(0, Math.min(width, to.x)), Math.max(0, Math.min(height, to.y))];
    if (x !== to.x || y !== to.y) this.#view.pan(x - to.x, y - to.y);
    this.#cross = { x, y };
    this.#tool?.move([this.#spot({ x, y }, shift)]);
    this.#hooks.at(this.#view.toBoard(x, y));
    this.#hooks.repaint();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    event.preventDefault();
    if (!this.#tool && this.#hooks.edit()) return;
    const cross = this.#cross ??= { x: this.#view.width / 2, y: this.#view.height / 2 };
    if (this.#tool) {
      const tool = this.#tool;
      this.#tool = null;
      tool.up();
      this.#hooks.say('Tool up.');
    } else {
      this.#hooks.begins();
      this.#tool = this.#hooks.tool();
      this.#tool.down(this.#spot(cross, event.shiftKey));
      this.#hooks.say('Tool down: move with the arrow keys, and press Enter again.');
    }
    this.#hooks.repaint();
  }

  /**
   * @param {Place} cross
   * @param {boolean} shift
   */
  #spot(cross, shift) {
    return { ...this.#view.toBoard(cross.x, cross.y), pressure: 0.5, shift };
  }
}

/**
 * Letters are for it.
 * @param {EventTarget | null} target
 */
export function isTyping(target) {
  return target instanceof Element && target.matches(':read-write');
}

/**
 * As commands call it: "p", "?", "Delete", "Ctrl+Shift+z".
 * @param {KeyboardEvent} event
 */
function shortcutOf({ key, ctrlKey, metaKey, shiftKey }) {
  const command = ctrlKey || metaKey;
  if (key.length > 1) return `${command ? 'Ctrl+' : ''}${shiftKey ? 'Shift+' : ''}${key}`;
  return `${command ? 'Ctrl+' : ''}${command && shiftKey ? 'Shift+' : ''}${key.toLowerCase()}`;
}
