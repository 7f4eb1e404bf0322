// complaints.js - what docs.js and api.js have found: a line for each, and an exit status.
const found = [];

export const complain = (file, text) => found.push(`${file}: ${text}`);

/** Each of one is in the other. where: what of the file. */
export function same(file, where, has, wanted, source) {
  for (const one of new Set(wanted)) if (!has.includes(one)) complain(file, `${where} lacks ${one}, which ${source} has`);
  for (const one of new Set(has)) if (!wanted.includes(one)) complain(file, `${where} has ${one}, which ${source} has not`);
}

/** @returns {never} */
export function finish() {
  for (const line of found) console.log(line);
  process.exit(found.length ? 1 : 0);
}
