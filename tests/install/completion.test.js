// completion.test.js - what bash offers at a TAB, asked of the functions in src/completion without a terminal, is what
// the programs' own --help says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { command } from '../http/lib/command.js';

const TOP = fileURLToPath(new URL('../../', import.meta.url));
const DRAWBRIDGE = path.join(process.env.BUILD || path.join(TOP, '.build'), 'drawbridge');
const QUICKSTART = path.join(TOP, 'quickstart');

// As bash calls it: the command, the word that is begun, the one before it.
const ASK = `source "$1"; program=$2; shift 2; COMP_WORDS=("$program" "$@"); COMP_CWORD=$#
[[ $(complete -p) =~ -F\\ ([a-z_]+) ]] && "\${BASH_REMATCH[1]}" "$program" "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "\${COMPREPLY[@]}"`;

/** @param {string} program  @param {string[]} words  the last one is begun */
async function offered(program, ...words) {
  const file = path.join(TOP, 'src/completion', path.basename(program));
  const { status, out, err } = await command('bash', ['-c', ASK, 'bash', file, program, ...words]);
  assert.equal(`${status} ${err}`, '0 ', words.join(' '));
  return out.split('\n').filter(Boolean).sort();
}

const help = (program, ...words) => execFileSync(program, [...words, '--help'], { encoding: 'utf8' });
const optionsIn = (text) => [...new Set(['--help', ...text.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? []])].sort();

test('drawbridge: each command, and each option of each', async () => {
  const commands = Array.from(help(DRAWBRIDGE).matchAll(/^(?:usage:|\s{6}) drawbridge ([a-z]+)/gm), ([, name]) => name);
  assert.ok(commands.length > 2, commands.join());
  assert.deepEqual(await offered(DRAWBRIDGE, ''), [...commands, '--help', '--version'].sort());
  for (const name of commands) {
    const begun = name.slice(0, 2);
    assert.deepEqual(await offered(DRAWBRIDGE, begun), commands.filter((one) => one.startsWith(begun)).sort());
    assert.deepEqual(await offered(DRAWBRIDGE, name, '--'), optionsIn(help(DRAWBRIDGE, name)), name);
  }
});

test('drawbridge: nothing where a value is due, options again after it, nothing for what is no command', async () => {
  assert.deepEqual(await offered(DRAWBRIDGE, 'token', '--id', ''), []);
  assert.deepEqual(await offered(DRAWBRIDGE, 'token', '--ttl', '=', ''), []);
  assert.deepEqual(await offered(DRAWBRIDGE, 'token', '--id', 'ann', '--na'), ['--name']);
  assert.deepEqual(await offered(DRAWBRIDGE, 'doctor', '--insecure', '--si'), ['--sign']);
  assert.deepEqual(await offered(DRAWBRIDGE, '$(touch x)', '--'), []);
});

test('quickstart: its options, its commands, its web servers', async () => {
  const options = optionsIn(help(QUICKSTART));
  assert.ok(options.length > 6, options.join());
  assert.deepEqual(await offered(QUICKSTART, ''), ['check', ...options].sort());
  assert.deepEqual(await offered(QUICKSTART, '--port', '0', '--'), options);
  assert.deepEqual(await offered(QUICKSTART, 'check', ''), ['quick']);
  assert.deepEqual(await offered(QUICKSTART, '--port', ''), []);

  const { err } = await command(QUICKSTART, ['--server', 'none']);
  const servers = /must be (.*)$/m.exec(err)[1].match(/[a-z-]+/g).filter((word) => word !== 'or').sort();
  assert.ok(servers.length > 4, err);
  assert.deepEqual(await offered(QUICKSTART, '--server', ''), servers);
  assert.deepEqual(await offered(QUICKSTART, '--server', '=', 'ngi'), ['nginx']);
  assert.deepEqual(await offered(QUICKSTART, '--server', '='), servers);
  assert.deepEqual(await offered(QUICKSTART, '--include', path.join(TOP, 'LICEN')), [path.join(TOP, 'LICENSE')]);
});
