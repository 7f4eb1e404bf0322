// client-types.js - the types of the client module, from what its JSDoc says: "npm pack" writes them to types/ in
// src/page/client. As tsc would, but that what is @internal is left out, of which tsc says nothing where it reads JavaScript.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const [folder] = argv.slice(2);
const SETTINGS = fileURLToPath(new URL('page.tsconfig.json', import.meta.url));
const { options } = ts.convertCompilerOptionsFromJson(ts.readConfigFile(SETTINGS, ts.sys.readFile).config.compilerOptions, folder);

const isInternal = (/** @type {ts.Node} */ node) => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');

/** What instead of a class's constructor says that it is not for others. */
const PROTECTED = '\n    protected constructor();';

/** @param {string} name  @param {string} text */
function published(name, text) {
  /** @type {{from: number, to: number, instead: string}[]} */
  const cuts = [];
  /** @param {ts.Node} node */
  const look = (node) => {
    if ((ts.isClassElement(node) || ts.isStatement(node)) && isInternal(node)) {
      cuts.push({ from: node.getFullStart(), to: node.end, instead: ts.isConstructorDeclaration(node) ? PROTECTED : '' });
    } else {
      ts.forEachChild(node, look);
    }
  };
  look(ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true));
  return cuts.reverse().reduce((left, { from, to, instead }) => left.slice(0, from) + instead + left.slice(to), text);
}

const program = ts.createProgram([path.join(folder, 'drawbridge.js')],
  { ...options, noEmit: false, declaration: true, emitDeclarationOnly: true, rootDir: folder, outDir: path.join(folder, 'types') });
const { diagnostics } = program.emit(undefined, (name, text) => {
  mkdirSync(path.dirname(name), { recursive: true });
  writeFileSync(name, published(name, text));
});
if (diagnostics.length) {
  console.error(ts.formatDiagnostics(diagnostics, { getCanonicalFileName: (name) => name, getCurrentDirectory: () => folder, getNewLine: () => '\n' }));
  process.exitCode = 1;
}
