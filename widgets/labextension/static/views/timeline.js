// Kind timeline: when which task ran where.

import { attribute, button, details, fill, h, s, shown, text } from '../dom.js';
import { counted, duration, joined, moment } from '../format.js';
import { lines } from '../theme.js';
import { createGrid } from './grid.js';

const LANE = 16; // pixels
const LABELS = 140;
const WIDTH = 900; // of the drawing, which is scaled to its place
const AXIS = 22;

// ticks are round numbers of seconds.
export function ticks(from, to, want = 6) {
  const least = (to - from) / want;
  if (!(least > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((m) => m * power).find((m) => m >= least * 0.999);
  const all = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to * (1 + 1e-9) && all.length <= 2 * want; i++) all.push(Number((i * step).toPrecision(12)));
  return all;
}

export function create() {
  const caption = h('figcaption', {});
  const axis = s('g', { class: 'mobula-axis' });
  const names = s('g', { class: 'mobula-lanes' });
  const spans = s('g', { class: 'mobula-spans' });
  const chosen = s('rect', { class: 'mobula-chosen', y: 0, width: 0 });
  const svg = s('svg', { class: 'mobula-timeline', role: 'img', preserveAspectRatio: 'xMinYMin meet' }, axis, names, spans, chosen);
  const scroll = h('div', { class: 'mobula-scroll', tabindex: '0', role: 'region', 'aria-label': 'timeline' }, svg);
  const zoom = (factor) => () => {
    const middle = (view.from + view.to) / 2;
    show(middle - ((view.to - view.from) / 2) * factor, middle + ((view.to - view.from) / 2) * factor);
  };
  const move = (part) => () => {
    const by = (view.to - view.from) * part;
    const d = Math.max(-view.from, Math.min(by, data.seconds - view.to));
    show(view.from + d, view.to + d);
  };
  const left = button('◀', move(-0.5), { 'aria-label': 'Earlier' });
  const right = button('▶', move(0.5), { 'aria-label': 'Later' });
  const zoomIn = button('+', zoom(0.5), { 'aria-label': 'Zoom in' });
  const zoomOut = button('−', zoom(2), { 'aria-label': 'Zoom out' });
  const whole = button('Whole', () => show(0, Infinity));
  const about = h('span', { class: 'mobula-quiet' });
  const tools = h('div', { class: 'mobula-tools' }, left, right, zoomIn, zoomOut, whole, about);
  const grid = createGrid('times by task', 'task');
  const table = details('Times by task', () => drawTable());
  table.node.append(grid.node);
  const node = h('figure', { class: 'mobula-figure' }, caption, tools, scroll, table.node);

  let data = null;
  const view = { from: 0, to: 1, all: true }; // seconds that are shown

  const pixel = (t) => LABELS + ((t - view.from) / (view.to - view.from)) * (WIDTH - LABELS - 10);

  function show(from, to) {
    view.from = Math.max(0, from);
    view.to = Math.min(data.seconds, to);
    if (!(view.to - view.from > data.seconds * 1e-6)) view.to = view.from + Math.max(data.seconds * 1e-6, 1e-9);
    view.all = view.from === 0 && view.to >= data.seconds;
    draw();
  }

  function draw() {
    const height = data.lanes.length * LANE + AXIS;
    attribute(svg, 'viewBox', `0 0 ${WIDTH} ${height}`);
    attribute(chosen, 'height', height - AXIS);
    const colours = new Map(data.totals.map((t, i) => [t.name, lines[i % lines.length].colour]));
    fill(axis, ticks(view.from, view.to), () => s('g', {}, s('path', {}), s('text', { 'text-anchor': 'middle', y: 0 })), (g, t) => {
      attribute(g.children[0], 'd', `M${pixel(t).toFixed(1)} 0V${height - AXIS + 4}`);
      attribute(g.children[1], 'x', pixel(t).toFixed(1));
      attribute(g.children[1], 'y', height - 5);
      text(g.children[1], `${t} s`);
    });
    let label = '';
    fill(names, data.lanes, () => s('text', { 'text-anchor': 'end', x: LABELS - 8 }), (n, lane, i) => {
      const full = joined(' ', lane.node, lane.worker);
      attribute(n, 'y', i * LANE + 12);
      text(n, full === label ? '' : full.length > 20 ? `${full.slice(0, 19)}…` : full);
      label = full;
    });
    const inView = data.spans.filter((x) => x.at <= view.to && x.at + x.seconds >= view.from);
    fill(spans, inView, () => s('rect', { height: LANE - 3, rx: 2 }, s('title', {})), (r, x) => {
      const from = pixel(Math.max(view.from, x.at));
      attribute(r, 'x', from.toFixed(1));
      attribute(r, 'y', x.lane * LANE + 1);
      attribute(r, 'width', Math.max(1, pixel(Math.min(view.to, x.at + x.seconds)) - from).toFixed(1));
      attribute(r, 'data-state', x.state);
      r.style.fill = `var(--mobula-${colours.get(x.name) || 'line-0'})`;
      text(r.firstChild, joined(', ', x.name || 'task', x.state, `at ${duration(x.at)}`, `took ${duration(x.seconds)}`, x.attempt > 1 ? `attempt ${x.attempt}` : '', x.task));
    });
    for (const b of [left, zoomOut, whole]) b.disabled = b === left ? view.from <= 0 : view.all;
    right.disabled = view.to >= data.seconds;
    attribute(svg, 'aria-label', caption.textContent);
  }

  function drawTable() {
    if (!data || !table.node.open) return;
    const time = (v) => ({ text: duration(v), sort: v });
    grid.update({
      columns: ['task', 'attempts', 'failed', 'time', 'mean', 'longest'].map((name, i) => ({ name, numeric: i > 0 })),
      rows: data.totals.map((t) => [t.name, String(t.attempts), String(t.failed), time(t.seconds), time(t.attempts ? t.seconds / t.attempts : 0), time(t.longest)]),
      note: '',
    });
  }

  // A part that is drawn over with the pointer is shown larger; the buttons do the same by keyboard.
  let begin = null;
  const at = (e) => {
    const box = svg.getBoundingClientRect();
    const x = ((e.clientX - box.left) / box.width) * WIDTH;
    return Math.max(view.from, Math.min(view.to, view.from + ((x - LABELS) / (WIDTH - LABELS - 10)) * (view.to - view.from)));
  };
  const choose = (e) => {
    const [from, to] = [begin, at(e)].sort((a, b) => a - b);
    attribute(chosen, 'x', pixel(from).toFixed(1));
    attribute(chosen, 'width', (pixel(to) - pixel(from)).toFixed(1));
    return [from, to];
  };
  svg.addEventListener('pointerdown', (e) => { if (e.button === 0 && data) { begin = at(e); svg.setPointerCapture(e.pointerId); } });
  svg.addEventListener('pointermove', (e) => { if (begin !== null) choose(e); });
  svg.addEventListener('pointerup', (e) => {
    if (begin === null) return;
    const [from, to] = choose(e);
    begin = null;
    attribute(chosen, 'width', 0);
    if (pixel(to) - pixel(from) > 4) show(from, to);
  });
  svg.addEventListener('pointercancel', () => { begin = null; attribute(chosen, 'width', 0); });

  return {
    node,
    update(t) {
      data = t;
      const n = t.spans.length + (t.spans_omitted || 0);
      text(caption, joined(': ', t.title, `${counted(n, 'attempt')} in ${duration(t.seconds)} on ${counted(t.lanes.length + (t.lanes_omitted || 0), 'lane')}`));
      text(about, joined(', ', n ? `from ${moment(t.begin)}` : '', t.spans_omitted ? `the longest ${t.spans.length} are drawn` : '', t.lanes_omitted ? `the first ${t.lanes.length} lanes` : ''));
      shown(scroll, t.lanes.length);
      shown(tools, t.lanes.length);
      shown(table.node, t.totals.length);
      if (view.all) show(0, Infinity);
      else draw();
      drawTable();
    },
  };
}
