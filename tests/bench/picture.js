// picture.js - the figures of bench.js as small bar charts side by side, in SVG: gnuplot draws them.
//
// README shows it on a light page or a dark one: the background is left out, and all tones are between. What is Drawbridge's
// has a tone of its own and bold letters, too, and each bar its value.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { missing } from '../http/lib/programs.js';

/** Why no picture is drawn. @type {string | undefined} */
export const noPicture = missing('gnuplot') && 'gnuplot is not installed (gnuplot-nox): no picture is drawn';

/**
 * What there is a chart of: its member of values, a word for it, its unit, and which is better.
 * @typedef {{key: string, title: (held: number) => string, unit: string, better: 'less' | 'more'}} Chart
 * @type {Chart[]}
 */
export const CHARTS = [
  { key: 'memory', title: () => 'Memory', unit: 'KiB a stream', better: 'less' },
  { key: 'idle', title: (held) => `${held.toLocaleString('en')} idle`, unit: '% of a core', better: 'less' },
  { key: 'relay', title: () => 'A relay', unit: 'µs of CPU', better: 'less' },
  { key: 'latency', title: () => 'Latency', unit: 'µs to its event', better: 'less' },
  { key: 'opened', title: () => 'Opening', unit: 'streams a second', better: 'more' },
];

/** held: how many streams; of: for each target its name and its values by the key of the chart, ours first.
 *  @typedef {{held: number, of: {name: string, values: {[key: string]: number}}[]}} Figures */

/** As many digits as such a figure has. */
export const show = (value) => value.toLocaleString('en', { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });

// Text is as far from white as from #0d1117, a dark page of GitHub's. Bars are told apart without colour, too.
const TEXT = '#757d87', OURS = '0x2b7de9', OTHERS = '0x8f98a3';

// Pixels. A chart has its bars, and beside the longest room for a value.
const WIDTH = 900, NAMES = 112, GAP = 12, HEAD = 76, ROW = 30, FOOT = 6, LINE = 22;
const LETTERS = 16, BAR = 0.34; // half of a bar, in rows
const ROOM = 1.75; // of the longest bar

/** What gnuplot is told. @param {Figures} figures */
export function plan({ held, of }) {
  const height = HEAD + of.length * ROW + FOOT;
  const width = (WIDTH - NAMES) / CHARTS.length;
  const x = (pixels) => (pixels / WIDTH).toFixed(5), y = (pixels) => (1 - pixels / height).toFixed(5);
  const tone = `textcolor rgb "${TEXT}"`;
  const bold = (text, is = true) => (is ? `{/:Bold ${text}}` : text);
  const chart = ({ key, title, unit, better }, i) => {
    const left = NAMES + i * width;
    const head = [bold(title(held)), unit, `${bold(better, better === 'more')} is better`];
    return `
$${key} << end
${of.map(({ name, values }, row) => [row, Math.max(0, values[key]), `"${bold(show(values[key]), !row)}"`, row ? OTHERS : OURS,
    `"${bold(name, !row)}"`].join(' ')).join('\n')}
end
set lmargin at screen ${x(left)}
set rmargin at screen ${x(left + width - GAP)}
set xrange [0:${ROOM * Math.max(...of.map(({ values }) => values[key])) || 1}]
unset label
${head.map((line, n) => `set label ${JSON.stringify(line)} at graph 0, screen ${y(LINE * (n + 0.7))} ${tone}`).join('\n')}
plot $${key} using 2:1:(0):2:($1-${BAR}):($1+${BAR}):4 with boxxyerror fs solid noborder lc rgb variable, \\
  '' using 2:1:3 with labels left offset char 0.4,0 ${tone}${i ? '' : `, \\
  '' using (0):1:5 with labels right offset char -0.7,0 ${tone}`}`;
  };
  return `set encoding utf8
set terminal svg size ${WIDTH},${height} fixed enhanced font "sans-serif,${LETTERS}"
set multiplot
unset key
unset border
unset tics
set tmargin at screen ${y(HEAD)}
set bmargin at screen ${y(height - FOOT)}
set yrange [${of.length - 0.5}:-0.5]
set arrow from graph 0, graph 0 to graph 0, graph 1 nohead lc rgb "${TEXT}"
${CHARTS.map(chart).join('\n')}
unset multiplot
`;
}

/** The same for who does not see it. @param {Figures} figures */
export function description({ held, of }) {
  return CHARTS.map(({ key, title, unit, better }) => `${title(held)}, ${unit} (${better} is better): ${
    of.map(({ name, values }) => `${name} ${show(values[key])}`).join(', ')}.`).join(' ');
}

const escape = (text) => text.replace(/[&<>]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one]);

/** Draws it into a file.
 *  @param {Figures} figures
 *  @param {string} file */
export function draw(figures, file) {
  const [ours, ...others] = figures.of.map(({ name }) => name);
  const svg = execFileSync('gnuplot', { input: plan(figures), encoding: 'utf8' })
    .replace(/<(title|desc)>.*?<\/\1>\s*/gs, '') // of gnuplot, and of each of its plots
    .replace(/<svg([^>]*)>/, `<svg role="img" aria-labelledby="title desc"$1>
<title id="title">${escape(`What ${ours} costs beside ${others.join(', ')}`)}</title>
<desc id="desc">${escape(description(figures))}</desc>`);
  writeFileSync(file, svg);
}
