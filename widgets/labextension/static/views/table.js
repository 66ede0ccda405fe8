// Kind table.

import { h, shown, text } from '../dom.js';
import { createGrid, more } from './grid.js';

export function create() {
  const caption = h('figcaption', {});
  const grid = createGrid('table');
  const node = h('figure', { class: 'mobula-figure' }, caption, grid.node);
  return {
    node,
    update(data) {
      text(caption, data.title);
      shown(caption, data.title);
      grid.update({ columns: data.columns, rows: data.rows, note: more(data.rows_omitted, data.columns_omitted) });
    },
  };
}
