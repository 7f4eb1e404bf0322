// picture.test.js - the picture of make bench: nothing that was measured is missing in it, and any browser reads it.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { CHARTS, description, draw, noPicture, show } from './picture.js';

const NAMES = ['Drawbridge', 'nchan', 'a < b'];
const FIGURES = { held: 5000, of: NAMES.map((name, i) => ({ name,
  values: Object.fromEntries(CHARTS.map(({ key }, chart) => [key, 1.234567 * 10 ** chart * (i + 1)])) })) };
const VALUES = FIGURES.of.flatMap(({ values }) => Object.values(values).map(show));

const MARKUP = /<\?[^>]*\?>|<(?<end>\/?)(?<name>[\w:-]+)(?:\s+[\w:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*(?<empty>\/?)>|(?<text>[^<]+)|(?<wrong><)/g;

/** The text of each element of a well-formed document, innermost first: [name, text]. */
function elements(xml) {
  const all = [], open = [];
  for (const [whole, , , , text] of xml.matchAll(MARKUP)) assert.doesNotMatch(text ?? whole, /&(?!amp;|lt;|gt;|quot;|#\d+;)/);
  for (const { groups: { end, name, empty, text, wrong }, index } of xml.matchAll(MARKUP)) {
    assert.ok(!wrong, `no markup: ${xml.slice(index, index + 80)}`);
    if (text) for (const one of open) one[1] += text;
    if (!name || empty) continue;
    if (!end) {
      open.push([name, '']);
      continue;
    }
    const element = open.pop();
    assert.equal(element?.[0], name, `</${name}> ends what is open`);
    all.push(element);
  }
  assert.deepEqual(open, [], 'all elements are ended');
  return all;
}

function drawn(figures) {
  const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-picture-'));
  try {
    draw(figures, `${folder}/bench.svg`);
    return readFileSync(`${folder}/bench.svg`, 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const [value, text] of [[0.0123, '0.0123'], [1.5, '1.50'], [12.34, '12.3'], [123.4, '123'], [17234, '17,200'], [0, '0.00']]) {
  test(`${value} is shown as ${text}`, () => assert.equal(show(value), text));
}

test('the description has each name, value and unit, and which is better', () => {
  const text = description(FIGURES);
  for (const one of [...NAMES, ...VALUES, ...CHARTS.flatMap(({ unit, better }) => [unit, `${better} is better`])]) assert.ok(text.includes(one), one);
});

test('the picture is well-formed, and has each name and value', { skip: noPicture }, () => {
  const all = elements(drawn(FIGURES));
  const texts = all.filter(([name]) => name === 'text').map(([, text]) => text.replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>'));
  for (const one of [...NAMES, ...VALUES, '5,000 idle', ...CHARTS.map(({ unit }) => unit)]) assert.ok(texts.includes(one), `${one}: ${texts.join(', ')}`);
  assert.deepEqual(['title', 'desc'].map((which) => all.filter(([name]) => name === which).length), [1, 1]);
});

test('it has no background', { skip: noPicture }, () => {
  assert.match(drawn(FIGURES), /<rect x="0" y="0" width="900" height="\d+" fill="none"\/>/);
});

test('what memory gave back is a bar of nothing, with its value', { skip: noPicture }, () => {
  const [first, ...others] = FIGURES.of;
  const svg = drawn({ ...FIGURES, of: [{ ...first, values: { ...first.values, memory: -7.5 } }, ...others] });
  assert.ok(elements(svg).some(([name, text]) => name === 'text' && text === '-7.50'));
});
