// prometheus.js - a strict reader of Prometheus' text format 0.0.4, and promtool where it is installed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

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
