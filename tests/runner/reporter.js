// reporter.js - for node's test runner: a line of JSON for each test, and for each suite that failed or was skipped
// as a whole, and for what fails when its test is over: {title, ms, passed | failed | skipped}, where failed is what
// it said and skipped is why.
import { inspect } from 'node:util';

/** What went wrong, without the frames of node's own. */
function told(error) {
  const cause = error?.cause ?? error;
  return (cause instanceof Error ? cause.stack ?? String(cause) : inspect(cause)).replace(/\n +at .*\(?node:.*/g, '');
}

/** A suite fails of itself where a hook does; else its tests have told. */
const failsOfItself = (details) => details.type !== 'suite' || details.error?.failureType === 'hookFailed';

/** An error of what a test had left to run, for which it cannot fail any more. */
const AFTER_ITS_END = /^(Warning|Error): .*activity/;

export default async function* reporter(source) {
  const titles = []; // of the suites around
  for await (const { type, data } of source) {
    if (type === 'test:start') titles[data.nesting] = data.name;
    if (type === 'test:diagnostic' && AFTER_ITS_END.test(data.message)) yield `${JSON.stringify({ title: 'after a test', ms: 0, failed: data.message })}\n`;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { details, skip } = data;
    const title = titles.slice(0, data.nesting).concat(data.name).filter((name) => name !== 'each').join(': ');
    const isSuite = details.type === 'suite';
    const line = { title, ms: details.duration_ms };
    if (skip !== undefined) line.skipped = skip || true;
    else if (type === 'test:pass') line.passed = true;
    else line.failed = told(details.error);
    if (!isSuite || line.skipped || (line.failed && failsOfItself(details))) yield `${JSON.stringify(line)}\n`;
  }
}
