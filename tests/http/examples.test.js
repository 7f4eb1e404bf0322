// The examples in drawbridge(7): typed into a shell, they answer as the page says.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { command } from './lib/command.js';
import { alike, examples } from './lib/documents.js';
import { suite } from './lib/suite.js';
import { randomSecret } from './lib/tokens.js';

const settings = { STUN_URLS: 'stun:turn.example:3478', TURN_URLS: 'turn:turn.example:3478?transport=udp', TURN_SECRET: randomSecret() };
const SEPARATOR = '-- the next command --';

/** A block: what is typed, and what is answered. */
function typed(block) {
  if (block.startsWith('id: ')) return [];
  if (!block.startsWith('$ ')) return [{ input: block, answer: '' }];
  return block.slice(2).split('\n$ ').map((part) => {
    const [, input, answer = ''] = /^((?:.*[\\|]\n)*.*)(?:\n([^]*))?$/.exec(part) ?? [];
    return { input, answer: answer.replaceAll('\n', '') };
  });
}

const parseEvent = (text) => Object.fromEntries(text.split('\n').map((line) => /** @type {[string, string]} */ (line.split(/: (.*)/))));

suite('examples', { settings }, (site, it) => {
  it('are answered as drawbridge(7) says', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-examples-'));
    const { base } = site.servers[0];
    const steps = examples().flatMap(typed);
    // What is left in the background writes to a file, and is waited for as a reader does.
    const streams = steps.filter(({ input }) => input.endsWith(' &')).map((_, i) => path.join(folder, `stream-${i}`));
    // Of each stream what comes last, so that all is there before the streams are ended.
    const complete = ['remove-peer', 'chat'].map((event, i) => `until grep -qs '^event: ${event}' ${streams[i]}; do sleep 0.1; done`);
    let opened = 0;
    const script = steps.map(({ input }) => {
      if (input.startsWith('base=')) return `base=${base.href.slice(0, -1)}`;
      if (input.startsWith('kill ')) return [...complete, input].join('\n');
      if (!input.endsWith(' &')) return input;
      const file = streams[opened++];
      return `${input.slice(0, -2)} >${file} &\nuntil grep -qs '^event: connected' ${file}; do sleep 0.1; done`;
    }).join(`\necho; echo '${SEPARATOR}'\n`);
    try {
      const { out, err } = await command('bash', ['-mc', script]);
      const answers = out.split(`${SEPARATOR}\n`).map((text) => text.trim());
      assert.equal(answers.length, steps.length, out + err);
      for (const [i, { input, answer }] of steps.entries()) {
        if (!answer) assert.equal(answers[i], '', input);
        else assert.ok(alike(JSON.parse(answers[i]), JSON.parse(answer)), `${input}\nanswered ${answers[i]}\nand not   ${answer}`);
      }
      assert.equal(opened, complete.length, 'streams');
      const events = streams.flatMap((file) => readFileSync(file, 'utf8').split('\n\n')).map(parseEvent);
      const told = examples().filter((block) => block.startsWith('id: ')).map(parseEvent);
      assert.ok(told.length, 'examples of events');
      for (const { event, data } of told) {
        const like = events.some((one) => one.event === event && /^\d+-\d+$/.test(one.id) && alike(JSON.parse(one.data), JSON.parse(data)));
        assert.ok(like, `no event ${event} ${data}\nin ${JSON.stringify(events)}`);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
