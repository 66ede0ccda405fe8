// Kind objects.

import { h, shown, text } from '../dom.js';
import { bytes, counted, joined } from '../format.js';
import { createMeter } from './meter.js';
import { createGrid, more } from './grid.js';

const columns = ['object', 'node', 'size', 'state', 'refs', 'pins', 'owner'].map((name) => ({ name, numeric: ['size', 'refs', 'pins'].includes(name) }));

export function create() {
  const caption = h('figcaption', {});
  const store = createMeter();
  const grid = createGrid('objects', 'object');
  return {
    node: h('figure', { class: 'mobula-figure' }, caption, store.node, grid.node),
    update(data) {
      text(caption, joined(': ', data.title, `${counted(data.objects.length + (data.omitted || 0), 'object')} of ${bytes(data.bytes)}`));
      shown(store.node, data.store);
      if (data.store) store.update('store', data.store.used, data.store.capacity, `${bytes(data.store.used)} of ${bytes(data.store.capacity)} used`);
      grid.update({
        columns,
        note: more(data.omitted, 0, 'object'),
        rows: data.objects.map((o) => [
          o.id, o.node || '', { text: bytes(o.size), sort: o.size }, { text: o.state, sort: o.state, state: o.state }, String(o.refs), String(o.pins), o.owner || '',
        ]),
      });
    },
  };
}
