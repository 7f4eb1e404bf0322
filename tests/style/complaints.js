// complaints.js - what docs.js and api.js have found: a line for each, and an exit status.
const found = [];

export const complain = (file, text) => found.push(`${file}: ${text}`);

/** Complains of what one list has and the other has not. where: which part of the file; source: what is right. */
export function same(file, where, has, wanted, source) {
  for (const one of new Set(wanted)) if (!has.includes(one)) complain(file, `${where} lacks ${one}, which ${source} has`);
  for (const one of new Set(has)) if (!wanted.includes(one)) complain(file, `${where} has ${one}, which ${source} does not have`);
}

/** @returns {never} */
export function finish() {
  for (const line of found) console.log(line);
  process.exit(found.length ? 1 : 0);
}
