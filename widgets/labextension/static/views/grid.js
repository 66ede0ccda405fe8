// A table that readers sort, search and copy. All views that list things use it.

import { attribute, button, copy, fill, h, shown, text } from '../dom.js';
import { counted, csv } from '../format.js';

const FIRST = 200; // rows that are drawn before more are asked for
const SEARCHED = 10; // rows from which on there is a search field

// compare orders cells: numbers as numbers, what is no number behind them, the rest as a reader expects.
export function compare(a, b, numeric) {
  if (numeric) {
    const [x, y] = [parseFloat(a), parseFloat(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return x - y;
  }
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

// createGrid makes a table called label. update takes {columns: [{name, numeric}], rows: [[cell]], note}; a cell is a text, or
// {text, sort} where it is sorted by something else. what is the name of one row.
export function createGrid(label, what = 'row') {
  let data = { columns: [], rows: [], note: '' };
  let by = -1;
  let down = false;
  let all = false;
  const search = h('input', { type: 'search', class: 'mobula-search', placeholder: 'Search', 'aria-label': `Search ${label}` });
  const copied = h('span', { role: 'status', class: 'mobula-quiet' });
  const copying = button('Copy as CSV', async () => {
    try {
      await copy(csv([data.columns.map((c) => c.name), ...order().map((r) => r.map(textOf))]));
      text(copied, 'Copied');
    } catch (e) {
      text(copied, `Not copied: ${e.message}`);
    }
  });
  const head = h('tr', {});
  const body = h('tbody', {});
  const scroll = h('div', { class: 'mobula-scroll', tabindex: '0', role: 'region', 'aria-label': label }, h('table', { class: 'mobula-table' }, h('thead', {}, head), body));
  const note = h('span', { class: 'mobula-quiet' });
  const showAll = button('', () => { all = true; draw(); });
  const tools = h('div', { class: 'mobula-tools' }, copying, showAll, note, copied);
  const node = h('div', { class: 'mobula-grid' }, search, scroll, tools);
  search.addEventListener('input', () => draw());

  const textOf = (cell) => (cell !== null && typeof cell === 'object' ? cell.text : cell);
  const sortOf = (cell) => (cell !== null && typeof cell === 'object' ? cell.sort : cell);

  function order() {
    const want = search.value.trim().toLowerCase();
    const rows = want ? data.rows.filter((r) => r.some((c) => String(textOf(c)).toLowerCase().includes(want))) : data.rows.slice();
    if (by >= 0 && by < data.columns.length) {
      const { numeric } = data.columns[by];
      rows.sort((a, b) => (down ? -1 : 1) * compare(sortOf(a[by]), sortOf(b[by]), numeric));
    }
    return rows;
  }

  function sortBy(i) {
    if (by !== i) [by, down] = [i, false];
    else if (!down) down = true;
    else [by, down] = [-1, false]; // back to the order that it came in
    draw();
  }

  function draw() {
    fill(head, data.columns, (_, i) => h('th', { scope: 'col' }, button('', () => sortBy(i), { class: 'mobula-sort' })), (th, c, i) => {
      text(th.firstChild, c.name || ' ');
      attribute(th, 'class', c.numeric ? 'mobula-number' : null);
      attribute(th, 'aria-sort', by === i ? (down ? 'descending' : 'ascending') : 'none');
    });
    const rows = order();
    const drawn = all ? rows : rows.slice(0, FIRST);
    fill(body, drawn, () => h('tr', {}), (tr, row) => {
      fill(tr, data.columns, () => h('td', {}), (td, c, i) => {
        const cell = row[i];
        text(td, textOf(cell));
        attribute(td, 'class', c.numeric ? 'mobula-number' : null);
        attribute(td, 'data-state', cell !== null && typeof cell === 'object' ? cell.state : null);
      });
    });
    shown(showAll, drawn.length < rows.length);
    text(showAll, `Show all ${rows.length} ${what}s`);
    const found = rows.length < data.rows.length ? `${counted(rows.length, what)} of ${data.rows.length}` : '';
    text(note, [found, data.note].filter(Boolean).join(', '));
    shown(note, note.textContent);
    shown(search, data.rows.length > SEARCHED || search.value);
    shown(tools, data.rows.length > 0);
  }

  return { node, update(d) { data = d; draw(); } };
}

// more says how much is left out.
export const more = (rows, columns, what = 'row') => {
  const parts = [];
  if (columns) parts.push(counted(columns, 'more column'));
  if (rows) parts.push(counted(rows, `more ${what}`));
  return parts.length ? `… ${parts.join(', ')}` : '';
};
