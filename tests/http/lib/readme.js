// readme.js - what README.md tells people to write, as tests do it.
import { readFileSync } from 'node:fs';

const README = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');

function told(pattern) {
  const found = pattern.exec(README);
  if (!found) throw new Error(`README.md has no ${pattern}`);
  return found.slice(1);
}

const codeIn = (text) => Array.from(text.matchAll(/`([^`]+)`/g), ([, code]) => code);

/** The lines for a proxy in front. */
export const proxyLines = (name) => codeIn(told(new RegExp(`^\\| ${name} \\([^|]*\\| ([^|]*) \\|`, 'm'))[0]).join('\n');

/** The lines for a web server's own module that replaces the address. */
export const addressLines = (module) => codeIn(told(new RegExp(`\`${module}\`\\s+\\(([^]*?\`)\\)`))[0]).join('\n');

/** Redis' user for Drawbridge: its name, and its rights where DRAWBRIDGE_PREFIX is this. */
export function redisUser(prefix = '') {
  const [name, rights] = told(/^ {4}user (\S+) on >PASSWORD (~\* &messages:\* .+)$/m);
  told(/`DRAWBRIDGE_PREFIX=draw:` say `~draw:\*` and `&draw:messages:\*`/);
  return { name, rights: rights.replace('~', `~${prefix}`).replace('&', `&${prefix}`).split(' ') };
}

/** What it needs besides where Sentinels name the Redis. */
export const sentinelRights = () => told(/A\s+user of its own [^.]* needs `(\+\w+)` besides/);
