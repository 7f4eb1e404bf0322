// looks.js - what a page looks like: what axe-core finds, what does not fit; PICTURES=DIR keeps what was seen.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const { PICTURES } = process.env;

/** What axe-core finds, in words. */
export async function findings({ page }) {
  // Not by a <script>: the page's Content-Security-Policy forbids what is inline.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document);
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
}

/** What sticks out, and what is too small to be hit. */
export const misfits = ({ page }, least) => page.evaluate((size) => {
  const wrong = [];
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) wrong.push(`it is ${scrollWidth} pixels wide`);
  for (const element of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll('button, summary, input, label'))) {
    if (element.tabIndex < 0 || !element.checkVisibility({ visibilityProperty: true })) continue;
    const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
    const what = element.id || element.name + element.value || element.title || element.textContent;
    if (left < 0 || top < 0 || right > innerWidth || bottom > innerHeight) wrong.push(`${what} sticks out`);
    if (Math.min(width, height) + 0.5 < size) wrong.push(`${what} is ${width} by ${height}`);
  }
  return wrong;
}, least);

/** The page is told of another size of its window later, and so of other colours. */
export async function resize({ page }, width, height) {
  await page.setViewportSize({ width, height });
  await page.waitForFunction(([x, y]) => innerWidth === x && innerHeight === y, [width, height]);
}

export async function recolour({ page }, colorScheme) {
  await page.emulateMedia({ colorScheme });
  await page.waitForFunction((wanted) => matchMedia(`(prefers-color-scheme: ${wanted})`).matches, colorScheme);
}

export async function keep({ page }, name) {
  if (!PICTURES) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: path.join(PICTURES, `${name}.png`) });
}
