// firefox.js - a Firefox, driven by WebDriver BiDi (W3C), and pages in it, as far as guests.js uses those of Playwright:
// that drives only a Firefox of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAlive, signal } from '../../http/lib/processes.js';
import { until, within } from '../../http/lib/wait.js';
import { WAIT_MS } from './boards.js';
import { WebSocketClient } from './websocket.js';

export const FIREFOX = process.env.FIREFOX || '/usr/bin/firefox-esr';

const PREFERENCES = {
  // Addresses are offered as they are, those on loopback, too, as there may be no others; see boards.js.
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  // A camera and a microphone that it makes up, and that pages may use.
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  // Timers of a page that is not in front would be held back.
  'dom.min_background_timeout_value': 4,
  'dom.timeout.enable_budget_timer_throttling': false,
  // Nothing is asked of anybody else.
  'app.update.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.proxy.type': 0,
};

const running = new Set();
process.on('exit', () => running.forEach((child) => signal(child.pid, 'SIGKILL')));

export class Firefox {
  #profile = mkdtempSync(path.join(tmpdir(), 'drawbridge-firefox-'));
  /** @type {import('node:child_process').ChildProcess} */ #child;
  /** @type {WebSocketClient} */ #socket;
  #said = '';
  #last = 0;
  /** By the number of the command. */
  #waiting = new Map();
  /** Errors of pages, by their context. @type {Map<string, (error: Error) => void>} */
  #pageErrors = new Map();

  static async launch() {
    const firefox = new Firefox();
    try {
      await firefox.#start();
    } catch (error) {
      await firefox.close();
      throw error;
    }
    return firefox;
  }

  async #start() {
    writeFileSync(path.join(this.#profile, 'user.js'),
      Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''));
    // A sandbox of its own it cannot have in every container. Nothing of the user's is read or written.
    this.#child = spawn(FIREFOX, ['--headless', '--no-remote', '--profile', this.#profile, '--remote-debugging-port', '0', 'about:blank'],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: this.#profile, MOZ_DISABLE_CONTENT_SANDBOX: '1' } });
    running.add(this.#child);
    this.#child.on('close', () => running.delete(this.#child));
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.on('data', (text) => { this.#said += text; });
    const url = await until(() => /WebDriver BiDi listening on (ws:\S+)/.exec(this.#said)?.[1], () => `Firefox; it said:\n${this.#said}`, 4 * WAIT_MS);
    this.#socket = await WebSocketClient.connect(`${url}/session`);
    this.#socket.heard = (text) => this.#heard(JSON.parse(text));
    this.#socket.ended = () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`Firefox has ended; it said:\n${this.#said}`));
    };
    await this.ask('session.new', { capabilities: {} });
    await this.ask('session.subscribe', { events: ['log.entryAdded'] });
  }

  /** A command, and its result. @param {string} method @param {object} params @returns {Promise<any>} */
  ask(method, params) {
    const id = ++this.#last;
    const answer = new Promise((resolve, reject) => { this.#waiting.set(id, { resolve, reject }); });
    this.#socket.send(JSON.stringify({ id, method, params }));
    return within(4 * WAIT_MS, answer, method);
  }

  #heard({ id, type, method, params, result, error, message }) {
    if (type === 'event') {
      const { level, type: kind, text, source } = params;
      const isOfPage = method === 'log.entryAdded' && kind === 'javascript' && level === 'error';
      // Of a connection that finds no way Firefox says so, and nothing was thrown.
      if (isOfPage && !text.startsWith('WebRTC: ICE failed')) this.#pageErrors.get(source?.context)?.(new Error(text));
      return;
    }
    const { resolve, reject } = this.#waiting.get(id) ?? {};
    this.#waiting.delete(id);
    if (type === 'success') resolve?.(result);
    else reject?.(new Error(`${error}: ${message}`));
  }

  /** Somebody's browser: a page with a store of its own. */
  async newPage() {
    const { userContext } = await this.ask('browser.createUserContext', {});
    const { context } = await this.ask('browsingContext.create', { type: 'tab', userContext });
    return new FirefoxPage(this, context, (heard) => this.#pageErrors.set(context, heard));
  }

  async close() {
    this.#socket?.close();
    if (this.#child?.pid) {
      signal(this.#child.pid, 'SIGTERM');
      await until(() => !isAlive(this.#child.pid), 'Firefox to end', WAIT_MS).catch(() => signal(this.#child.pid, 'SIGKILL'));
    }
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** What guests.js uses of Playwright's Page. */
class FirefoxPage {
  #firefox;
  #context;
  #onError;
  #closed = false;

  /** @param {Firefox} firefox @param {string} context @param {(heard: (error: Error) => void) => void} onError */
  constructor(firefox, context, onError) {
    this.#firefox = firefox;
    this.#context = context;
    this.#onError = onError;
  }

  on(event, listener) {
    if (event === 'pageerror') this.#onError(listener);
  }

  addInitScript(run) {
    return this.#firefox.ask('script.addPreloadScript', { functionDeclaration: String(run), contexts: [this.#context] });
  }

  goto(url) {
    return this.#firefox.ask('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  /** @param {any} what  a function without a closure, which may be async @param {any} [argument] */
  async evaluate(what, argument = null) {
    const answer = await this.#firefox.ask('script.callFunction', {
      functionDeclaration: `async (text) => JSON.stringify(await (${what})(JSON.parse(text)) ?? null)`,
      arguments: [{ type: 'string', value: JSON.stringify(argument) }],
      target: { context: this.#context },
      awaitPromise: true,
    });
    if (answer.type !== 'success') throw new Error(answer.exceptionDetails.text);
    return JSON.parse(answer.result.value);
  }

  waitForFunction(what, argument, { timeout }) {
    return until(() => this.evaluate(what, argument), `${what}`, timeout);
  }

  async close() {
    if (this.#closed) return;
    this.#closed = true;
    await this.#firefox.ask('browsingContext.close', { context: this.#context });
  }
}
