// bundles.js - an application in a folder made ready for browsers, as its author does it: application.ts there, and index.html
// which Vite begins with.
import { createReadStream, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build as esbuild } from 'esbuild';
import { build, createServer } from 'vite';

/** @typedef {import('node:http').RequestListener} RequestListener */

export const page = (script) => `<!doctype html><title>An application</title><input type="file"><script type="module" src="${script}"></script>\n`;
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript' };

/** @param {string} folder  @param {string} at  where its files are, as /shop/
 *  @returns {RequestListener} */
export const filesIn = (folder, at) => ({ url }, response) => {
  const { pathname } = new URL(url, 'http://guest.test');
  const file = path.join(folder, pathname.slice(at.length) || 'index.html');
  const isThere = existsSync(file);
  response.writeHead(isThere ? 200 : 404, { 'Content-Type': TYPES[path.extname(file)] ?? 'text/plain' });
  if (isThere) createReadStream(file).pipe(response);
  else response.end();
};

/** @param {string} entry  @param {import('esbuild').BuildOptions} [options]  outdir: nothing is written if not given */
export const bundle = (entry, options) => esbuild({
  entryPoints: [entry], outdir: path.dirname(entry), write: Boolean(options?.outdir),
  bundle: true, splitting: true, format: 'esm', minify: true, target: 'es2022', logLevel: 'warning', ...options,
});

/** A plugin for esbuild: what is imported later stays outside. */
export const WITHOUT_LATER = { name: 'without-later', setup: (build) => build.onResolve({ filter: /./ },
  ({ kind, path: external }) => (kind === 'dynamic-import' ? { path: external, external: true } : undefined)) };

/** Each as {answer, close}, of which the former answers requests below a path of this server.
 *  @type {Record<string, (folder: string, at: string, server: import('node:http').Server) =>
 *     Promise<{answer: RequestListener, close?: () => Promise<void>}>>} */
export const BUNDLERS = {
  async esbuild(folder, at) {
    const out = path.join(folder, 'esbuild');
    await bundle(path.join(folder, 'application.ts'), { outdir: out });
    writeFileSync(path.join(out, 'index.html'), page('application.js'));
    return { answer: filesIn(out, at) };
  },

  async 'vite build'(folder, at) {
    writeFileSync(path.join(folder, 'index.html'), page('application.ts'));
    const outDir = path.join(folder, 'vite');
    await build({ root: folder, base: at, configFile: false, logLevel: 'warn', build: { outDir } });
    return { answer: filesIn(outDir, at) };
  },

  async vite(folder, at, server) {
    writeFileSync(path.join(folder, 'index.html'), page('application.ts'));
    const vite = await createServer({ root: folder, base: at, configFile: false, logLevel: 'warn', server: { middlewareMode: true, hmr: { server } } });
    return { answer: vite.middlewares, close: () => vite.close() };
  },
};
