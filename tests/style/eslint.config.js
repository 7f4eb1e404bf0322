// make lint. The page has a browser's names, tests have node's; tests/browser has both, as it
// evaluates functions in pages, and so has tests/page, which stands in for a browser.
import js from '@eslint/js';
import globals from 'globals';

export default [
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  { files: ['src/page/**/*.js'], languageOptions: { globals: globals.browser } },
  { files: ['tests/**/*.js'], languageOptions: { globals: globals.node } },
  { files: ['tests/{browser,page}/**/*.js'], languageOptions: { globals: globals.browser } },
];
