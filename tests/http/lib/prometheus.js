// prometheus.js - a strict reader of Prometheus' text format 0.0.4; promtool and Prometheus itself, where they are
// installed.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from './redis-server.js';
import { until, WAIT_MS } from './wait.js';

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const HEAD = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`);
const SAMPLE = new RegExp(`^(${NAME})(\\{[a-zA-Z_]\\w*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"\\})? ([0-9]+(?:\\.[0-9]+)?)$`);
const SUFFIXES = { counter: [''], gauge: [''], histogram: ['_bucket', '_sum', '_count'] };

/** All values: {'name{label="value"}': number}. Anything out of order fails. */
export function parse(text) {
  assert.ok(text.endsWith('\n'));
  const values = {};
  const families = new Set();
  let family;
  let help;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, word, name, rest] = HEAD.exec(line) ?? [];
    if (word === 'HELP') {
      assert.ok(!families.has(name), `${name} twice`);
      families.add(name);
      help = name;
      continue;
    }
    if (word === 'TYPE') {
      assert.equal(name, help, 'HELP before TYPE');
      assert.ok(SUFFIXES[rest], line);
      assert.equal(rest === 'counter', name.endsWith('_total'), name);
      family = { name, type: rest };
      continue;
    }
    const [, of, labels = '', number] = SAMPLE.exec(line) ?? assert.fail(`no sample: ${line}`);
    assert.ok(SUFFIXES[family.type].some((suffix) => family.name + suffix === of), `${of} is not of ${family.name}`);
    assert.equal(values[of + labels], undefined, `${of}${labels} twice`);
    values[of + labels] = Number(number);
  }
  return values;
}

/** The buckets of a histogram rise, and the last has all. */
export function checkHistogram(values, name) {
  const buckets = Object.entries(values).filter(([key]) => key.startsWith(`${name}_bucket`));
  assert.ok(buckets.length > 5);
  for (const [i, [key, count]] of buckets.entries()) if (i) assert.ok(count >= buckets[i - 1][1], key);
  assert.equal(buckets.at(-1)[0], `${name}_bucket{le="+Inf"}`);
  assert.equal(buckets.at(-1)[1], values[`${name}_count`]);
}

/** What promtool finds; nothing where it is not installed. */
export function promtool(text) {
  const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  return /** @type {NodeJS.ErrnoException} */ (error)?.code === 'ENOENT' || status === 0 ? '' : `${error ?? ''}${stdout}${stderr}`;
}

/** Why tests that need Prometheus itself are skipped, where they are. */
export const missing = ['prometheus', 'promtool'].some((program) => spawnSync(program, ['--version']).error) ?
  'there is no Prometheus: apt install prometheus' : undefined;

/** A Prometheus of the test's own, which asks a site once a second. */
export class Prometheus {
  /** @type {import('node:child_process').ChildProcess} */ #child;
  #said = '';
  #base = '';
  #dir = mkdtempSync(path.join(tmpdir(), 'drawbridge-prometheus-'));

  /** @param {{host: string, path: string, rules: string}} options  rules: the file */
  static async start({ host, path: metrics, rules }) {
    const server = new Prometheus();
    const config = path.join(server.#dir, 'prometheus.yml');
    // JSON is YAML.
    writeFileSync(config, JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [rules],
      scrape_configs: [{ job_name: 'drawbridge', metrics_path: metrics, static_configs: [{ targets: [host] }] }],
    }));
    const address = `127.0.0.1:${await freePort()}`;
    server.#base = `http://${address}/api/v1/`;
    server.#child = spawn('prometheus', [`--config.file=${config}`, `--web.listen-address=${address}`,
      `--storage.tsdb.path=${path.join(server.#dir, 'data')}`, '--log.level=warn'], { stdio: ['ignore', 'ignore', 'pipe'] });
    server.#child.stderr.on('data', (text) => { server.#said += text; });
    await until(() => {
      if (server.#child.exitCode !== null) throw new Error(`prometheus ended:\n${server.#said}`);
      return server.ask('query?query=up').catch(() => null);
    }, () => `Prometheus to answer; it said:\n${server.#said}`, 4 * WAIT_MS);
    return server;
  }

  /** What its API gives. */
  async ask(what) {
    const answer = await fetch(this.#base + what);
    const { status, error, data } = await answer.json();
    if (status !== 'success') throw new Error(`${what}: ${error}`);
    return data;
  }

  /** The vector of an expression: [{metric, value: [time, text]}, …]. */
  async query(expression) {
    const { resultType, result } = await this.ask(`query?query=${encodeURIComponent(expression)}`);
    assert.equal(resultType, 'vector', expression);
    return result;
  }

  async end() {
    const ended = new Promise((resolve) => { this.#child.on('close', resolve); });
    this.#child.kill('SIGTERM');
    await ended;
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
