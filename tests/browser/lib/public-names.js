// public-names.js - what a package's types offer, and which of it a program of TypeScript uses.
import path from 'node:path';
import ts from 'typescript';

/** As strict as tsc is, and the types of the package itself are checked with it.
 *  @type {ts.CompilerOptions} */
const STRICT = {
  strict: true, noEmit: true, skipDefaultLibCheck: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noUnusedLocals: true, noUnusedParameters: true,
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'], types: [],
};
/** How compilers find a package's types, as tsconfig.json has it. */
const RESOLUTIONS = ['bundler', 'nodenext', 'node10'];

/** @typedef {{name: string, isDocumented: boolean, isUsed: boolean}} PublicName */

/**
 * @param {string} file  imports the package
 * @param {string} folder  of the package
 * @returns {{faults: string[], names: PublicName[]}}  what tsc complains of; what the package exports, the members of it, and
 *     the words that a value of it may have
 */
export function examine(file, folder) {
  const program = ts.createProgram([file], STRICT);
  const faults = ts.getPreEmitDiagnostics(program).map((fault) =>
    `${fault.file?.fileName ?? ''}:${fault.start ?? ''} ${ts.flattenDiagnosticMessageText(fault.messageText, '\n')}`);
  return { faults, names: publicNames(program, file, folder) };
}

/** The file of types that compilers find. @param {string} name  of a package  @param {string} file  that imports it */
export function typesFound(name, file) {
  return RESOLUTIONS.map((resolution) => {
    const { options } = ts.convertCompilerOptionsFromJson({ moduleResolution: resolution, module: resolution === 'nodenext' ? resolution : 'esnext' }, '');
    return ts.resolveModuleName(name, file, options, ts.sys).resolvedModule?.resolvedFileName;
  });
}

/** @param {ts.Program} program  @param {string} file  @param {string} folder */
function publicNames(program, file, folder) {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const { moduleSpecifier } = source.statements.find(ts.isImportDeclaration);
  const own = (/** @type {ts.Symbol} */ symbol) => symbol?.declarations?.find((one) => one.getSourceFile().fileName.startsWith(`${folder}${path.sep}`));
  const aliased = (/** @type {ts.Symbol} */ symbol) => (symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);

  /** By declaration, or by word. @type {Map<ts.Node | string, {name: string, symbol?: ts.Symbol}>} */
  const found = new Map();
  const seen = new Set();
  /** That are written in the package: others are a browser's. */
  const words = new Set(program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(`${folder}${path.sep}`))
    .flatMap(({ text }) => Array.from(text.matchAll(/(["'])([^"'\n]*)\1/g), ([, , word]) => word)));

  /** @param {ts.Symbol} symbol  @param {string} name */
  function add(symbol, name) {
    if (found.has(own(symbol))) return false;
    found.set(own(symbol), { name, symbol });
    return true;
  }
  /** A type that somebody who uses the package may come to. @param {ts.Type} type  @param {string} name */
  function visit(type, name) {
    if (seen.has(type)) return;
    seen.add(type);
    if (type.isStringLiteral() && words.has(type.value)) found.set(`'${type.value}'`, { name: `'${type.value}' of ${name}` });
    if (type.isUnionOrIntersection()) for (const one of type.types) visit(one, name);
    for (const one of [...type.aliasTypeArguments ?? [], ...checker.getTypeArguments(/** @type {ts.TypeReference} */ (type))]) visit(one, name);
    for (const signature of [...type.getCallSignatures(), ...type.getConstructSignatures()]) call(signature, name);
    const called = own(type.symbol) && type.symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface) ? type.symbol.name : name;
    for (const member of type.getProperties()) {
      if (!own(member) || /^__#|^#|^prototype$/.test(member.name)) continue;
      const full = `${called}.${member.name}`;
      if (add(member, full)) visit(checker.getTypeOfSymbol(member), full);
    }
  }
  /** @param {ts.Signature} signature  @param {string} name */
  function call(signature, name) {
    for (const parameter of signature.getParameters()) visit(checker.getTypeOfSymbol(parameter), name);
    visit(signature.getReturnType(), name);
  }

  for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(moduleSpecifier))) {
    const target = aliased(symbol);
    add(target, symbol.name);
    if (target.flags & ts.SymbolFlags.Value) visit(checker.getTypeOfSymbol(target), symbol.name);
    if (target.flags & ts.SymbolFlags.Type) visit(checker.getDeclaredTypeOfSymbol(target), symbol.name);
  }

  const used = new Set();
  /** @param {ts.Symbol | undefined} symbol */
  const use = (symbol) => { for (const one of aliased(symbol)?.declarations ?? []) used.add(one); };
  /** @param {ts.Node} node */
  function read(node) {
    if (ts.isIdentifier(node) && !ts.isImportSpecifier(node.parent)) use(checker.getSymbolAtLocation(node));
    if (ts.isBindingElement(node) && ts.isIdentifier(node.propertyName ?? node.name)) {
      use(checker.getTypeAtLocation(node.parent).getProperty(/** @type {ts.Identifier} */ (node.propertyName ?? node.name).text));
    }
    if (ts.isObjectLiteralElementLike(node) && node.name && ts.isObjectLiteralExpression(node.parent)) {
      used.add(`'${node.name.getText()}'`); // of a Record by such words
      const type = checker.getContextualType(node.parent);
      for (const one of type?.isUnion() ? type.types : [type]) use(one?.getProperty(node.name.getText()));
    }
    if (ts.isStringLiteral(node)) {
      used.add(`'${node.text}'`);
      // The name of an event is a member of the types that have them all.
      for (const { symbol } of found.values()) if (symbol?.name === node.text && isOfEvents(symbol)) use(symbol);
    }
    ts.forEachChild(node, read);
  }
  read(source);
  return Array.from(found, ([key, { name, symbol }]) => ({ name, isDocumented: !symbol || isDocumented(symbol, checker), isUsed: used.has(key) }));
}

/** @param {ts.Symbol} symbol */
function isOfEvents({ declarations: [{ parent }] }) {
  return ts.isTypeLiteralNode(parent) && ts.isTypeAliasDeclaration(parent.parent) && /(Happenings|Listeners|Events)$/.test(parent.parent.name.text);
}

/** Its own words, or those of what it stands in the braces of.
 *  @param {ts.Symbol} symbol  @param {ts.TypeChecker} checker */
function isDocumented(symbol, checker) {
  if (symbol.getDocumentationComment(checker).length || symbol.getJsDocTags(checker).some(({ text }) => text?.length)) return true;
  for (let [node] = symbol.declarations; ts.isTypeLiteralNode(node.parent);) {
    node = ts.findAncestor(node.parent, (one) => ts.isDeclarationStatement(one) || ts.isTypeElement(one) || ts.isClassElement(one));
    if (ts.getJSDocCommentsAndTags(node).length) return true;
  }
  return false;
}
