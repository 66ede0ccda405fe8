// Kind chart: live line charts. uPlot draws them; it is loaded with the first chart.

import { attribute, button, details, fill, h, s, shown, text } from '../dom.js';
import { counted, joined, number } from '../format.js';
import { colour, lines, onTheme, styled } from '../theme.js';
import { createGrid } from './grid.js';

const HEIGHT = 260;
const NAMED = 12; // lines that are in the legend before more are asked for
const DEFAULT_WIDTH = 640;

let library = null;
const load = () => {
  if (!library) {
    styled('vendor/uPlot.min.css');
    library = import('../vendor/uPlot.esm.js').then((m) => m.default);
    library.catch(() => { library = null; });
  }
  return library;
};

// last is the last value of a line that is one.
function last(series) {
  for (let i = series.y.length - 1; i >= 0; i--) if (series.y[i] !== null) return series.y[i];
  return null;
}

const range = (values) => values.reduce(([lo, hi], v) => (v === null ? [lo, hi] : [lo === null ? v : Math.min(lo, v), hi === null ? v : Math.max(hi, v)]), [null, null]);

// describe says what a reader sees.
export function describe(c) {
  const parts = c.series.slice(0, 3).map((x) => `${x.name} ${counted(x.points, 'point')}, last ${number(last(x))}`);
  if (c.series.length > 3) parts.push(`${c.series.length - 3} more`);
  return joined('; ', heading(c), ...parts);
}

// heading names the chart and its axes; a title that is the name of the y axis is not said twice.
const heading = (c) => (c.title === c.y.label ? joined(' by ', c.title, c.x.label) : joined(': ', c.title, joined(' by ', c.y.label, c.x.label)));

const same = (a, b) => a === b || (a.length === b.length && a.every((v, i) => v === b[i]));

// columns puts the lines on one x axis, as uPlot wants them. What a line lacks is undefined, which is drawn over; null is a gap.
export function columns(uPlot, series) {
  if (series.length === 0) return [[]];
  if (series.every((x) => same(x.x, series[0].x))) return [series[0].x, ...series.map((x) => x.y)];
  return uPlot.join(series.map((x) => [x.x, x.y]));
}

export function create() {
  const caption = h('figcaption', {});
  const place = h('div', { class: 'mobula-chart', role: 'img' });
  const legend = h('div', { class: 'mobula-legend', role: 'group', 'aria-label': 'Lines' });
  const moreLines = button('', () => { named = Infinity; draw(); });
  const log = button('Log y', () => { logged = !isLog(); rebuild(); }, { class: 'mobula-button mobula-toggle' });
  const reset = button('Reset zoom', () => { zoomed = false; draw(); });
  const grid = createGrid('points', 'point');
  const table = details('Data', () => drawTable());
  table.node.append(grid.node);
  const state = h('span', { class: 'mobula-unseen', role: 'status' });
  const node = h('figure', { class: 'mobula-figure' }, caption, place, legend, h('div', { class: 'mobula-tools' }, moreLines, log, reset), table.node, state);

  let data = null;
  let uPlot = null;
  let plot = null;
  let built = ''; // what the plot was made for
  let named = NAMED;
  let logged = null; // as the reader wants the y axis; null: as the data say
  let zoomed = false;
  let failed = '';
  const hidden = new Set(); // names of lines that the reader does not want
  const isLog = () => (logged === null ? Boolean(data.y.log) : logged);

  const style = (i) => lines[i % lines.length];
  const width = () => Math.max(200, Math.floor(place.clientWidth) || DEFAULT_WIDTH);

  function axis(of, label) {
    return {
      label: label || undefined,
      labelSize: label ? 18 : 0,
      labelFont: '12px sans-serif',
      font: '11px sans-serif',
      stroke: () => colour(node, 'text2'),
      grid: { stroke: () => colour(node, 'grid'), width: 1 },
      ticks: { stroke: () => colour(node, 'grid'), width: 1 },
      ...of,
    };
  }

  function options() {
    return {
      width: width(),
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: true, y: false }, points: { size: 6 } },
      scales: { x: { time: Boolean(data.x.time), distr: data.x.log ? 3 : 1 }, y: { distr: isLog() ? 3 : 1 } },
      axes: [axis({ size: 30 }, data.x.label), axis({ size: 62, values: (_, all) => all.map((v) => (v === null ? '' : number(v))) }, data.y.label)],
      series: [{}, ...data.series.map((x, i) => ({
        label: x.name,
        show: !hidden.has(x.name),
        stroke: () => colour(node, style(i).colour),
        width: x.emphasis === 'strong' ? 3 : x.emphasis === 'faded' ? 1 : 1.75,
        alpha: x.emphasis === 'faded' ? 0.45 : 1,
        dash: style(i).dash,
        points: { show: x.y.length < 3 },
      }))],
      hooks: {
        setCursor: [(u) => drawValues(u.cursor.idx)],
        setSelect: [(u) => { if (u.select.width > 0) { zoomed = true; shown(reset, true); } }],
      },
    };
  }

  function rebuild() {
    built = '';
    draw();
  }

  function draw() {
    if (!data) return;
    drawWords();
    if (!uPlot) return;
    const want = JSON.stringify([data.x, data.y, logged, data.series.map((x) => [x.name, x.emphasis, x.y.length < 3])]);
    // A logarithm has no place for what is not above zero.
    const series = isLog() ? data.series.map((x) => ({ ...x, y: x.y.map((v) => (v > 0 ? v : null)) })) : data.series;
    const aligned = columns(uPlot, series);
    if (!plot || built !== want) {
      if (plot) plot.destroy();
      plot = new uPlot(options(), aligned, place);
      built = want;
      zoomed = false;
    } else {
      const { min, max } = plot.scales.x;
      plot.batch(() => {
        plot.setData(aligned, !zoomed);
        if (zoomed) plot.setScale('x', { min, max });
      });
    }
    shown(reset, zoomed);
  }

  function drawWords() {
    text(caption, joined(', ', heading(data), joined(': ', data.state, data.error)));
    attribute(place, 'aria-label', failed || describe(data));
    fill(legend, data.series.slice(0, named), (_, i) => key(i), (b, x, i) => {
      const off = hidden.has(x.name);
      attribute(b, 'aria-pressed', String(!off));
      attribute(b, 'data-emphasis', x.emphasis);
      text(b.children[1], x.name);
      text(b.children[2], number(last(x)));
      b.children[0].firstChild.style.stroke = `var(--mobula-${style(i).colour})`;
    });
    shown(legend, data.series.length > 0);
    shown(moreLines, data.series.length > named);
    text(moreLines, `Name all ${data.series.length} lines`);
    attribute(log, 'aria-pressed', String(isLog()));
    shown(log, data.series.some((x) => x.y.some((v) => v > 0)));
    const omitted = data.series_omitted ? `, ${counted(data.series_omitted, 'line')} left out` : '';
    text(table.summary, `Data of ${counted(data.series.length, 'line')}${omitted}`);
    if (table.node.open) drawTable();
  }

  // key is the button of the legend that hides and shows a line.
  function key(i) {
    const b = button('', () => {
      const { name } = data.series[i];
      if (!hidden.delete(name)) hidden.add(name);
      if (plot) plot.setSeries(i + 1, { show: !hidden.has(name) });
      drawWords();
    }, { class: 'mobula-key' });
    const swatch = s('svg', { width: 26, height: 8, 'aria-hidden': 'true' }, s('path', { d: 'M1 4H25', 'stroke-width': 2.5, fill: 'none', 'stroke-dasharray': style(i).dash.join(' ') }));
    b.append(swatch, h('span', {}), h('span', { class: 'mobula-key-value' }));
    return b;
  }

  // drawValues shows the values under the pointer in the legend.
  function drawValues(at) {
    data.series.slice(0, named).forEach((x, i) => {
      const b = legend.children[i];
      if (!b || !plot) return;
      const under = at === null || at === undefined ? last(x) : plot.data[i + 1][at];
      text(b.children[2], number(under));
    });
  }

  function drawTable() {
    if (!data) return;
    const all = new Map(); // x to its row
    data.series.forEach((x, i) => x.x.forEach((v, j) => {
      if (!all.has(v)) all.set(v, data.series.map(() => ''));
      all.get(v)[i] = x.y[j] === null ? '' : number(x.y[j]);
    }));
    const keys = [...all.keys()].sort((a, b) => a - b);
    const label = (v) => (data.x.time ? { text: new Date(v * 1000).toISOString(), sort: v } : { text: number(v), sort: v });
    const points = data.series.reduce((n, x) => n + x.points, 0);
    const drawn = data.series.reduce((n, x) => n + x.x.length, 0);
    const extremes = data.series.slice(0, 3).map((x) => { const [lo, hi] = range(x.y); return `${x.name} from ${number(lo)} to ${number(hi)}`; });
    grid.update({
      columns: [{ name: data.x.label || 'x', numeric: true }, ...data.series.map((x) => ({ name: x.name, numeric: true }))],
      rows: keys.map((v) => [label(v), ...all.get(v)]),
      note: joined(', ', ...extremes, points > drawn ? `${drawn} of ${points} points, peaks among them` : ''),
    });
  }

  const unwatch = onTheme(() => { if (plot && node.isConnected) plot.redraw(false); });
  const observer = new ResizeObserver(() => {
    if (plot && place.clientWidth > 0 && width() !== plot.width) plot.setSize({ width: width(), height: HEIGHT });
  });
  observer.observe(place);
  load().then((u) => { uPlot = u; draw(); }, (e) => {
    failed = `The chart cannot be drawn: ${e.message}`;
    text(place, failed);
  });

  return {
    node,
    // ready is when there is something to see, for tests.
    ready: () => load(),
    update(c) {
      const before = data && data.state;
      data = c;
      draw();
      if (before && before !== c.state) text(state, joined(' ', c.title, joined(': ', c.state, c.error)));
    },
    attached() { if (plot) draw(); },
    dispose() {
      unwatch();
      observer.disconnect();
      if (plot) plot.destroy();
      plot = null;
    },
  };
}
