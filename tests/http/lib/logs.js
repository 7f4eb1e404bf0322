// logs.js - which lines of a run's log files nobody expects.
// Every line has to be one of those below: what is new in a log is looked at once.

const EXPECTED = [
  /^$/,
  /^(debug|info) at=[a-z.]+( |$)/, // the programs, when all is well
];

const TOKEN = /token=|eyJ[\w-]{8,}\.|Bearer [\w-]{8,}/i;

/** @param {RegExp[]} allowed  what this test provokes besides */
export function unexpected(text, allowed) {
  const lines = text.split('\n');
  return lines.filter((line) => TOKEN.test(line) ||
    ![...EXPECTED, ...allowed].some((pattern) => pattern.test(line)));
}
