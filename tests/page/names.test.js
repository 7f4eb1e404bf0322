// names.test.js - what people call themselves, as it may be shown.
import assert from 'node:assert/strict';
import test from 'node:test';
import { cleanName } from '../../src/page/board/shapes.js';
import { withoutBidi } from '../../src/page/client/names.js';

test('no character of a name changes the direction of what is beside it, and all others stay', () => {
  for (const [why, name, want] of [
    ['an override', '\u202Eann', 'ann'], ['embeddings and their end', '\u202Aa\u202Bb\u202Dc\u202C', 'abc'],
    ['isolates and their end', '\u2066a\u2067b\u2068c\u2069', 'abc'], ['marks', '\u200Ea\u200Fb\u061C', 'ab'],
    ['another script', 'דן', 'דן'], ['what joins emoji', '👩‍💻', '👩‍💻'], ['spaces', ' a\u00A0b ', ' a\u00A0b '],
    ['nothing else', '\u202E', ''],
  ]) {
    assert.equal(withoutBidi(name), want, why);
    assert.equal(cleanName(name), want.trim(), `${why}, on the board`);
  }
});
