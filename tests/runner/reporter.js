// reporter.js - for node's test runner: a line of JSON for each test, and for each suite that failed or was skipped
// as a whole: {title, ms, passed | failed | skipped}, where failed is what it said and skipped is why.
import { inspect } from 'node:util';

/** What went wrong, without the frames of node's own. */
function told(error) {
  const cause = error?.cause ?? error;
  return (cause instanceof Error ? cause.stack ?? String(cause) : inspect(cause)).replace(/\n +at .*\(?node:.*/g, '');
}

/** A suite fails of itself where a hook does; else its tests have told. */
const failsOfItself = (details) => details.type !== 'suite' || details.error?.failureType === 'hookFailed';

export default async function* reporter(source) {
  const titles = []; // of the suites around
  for await (const { type, data } of source) {
    if (type === 'test:start') titles[data.nesting] = data.name;
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
