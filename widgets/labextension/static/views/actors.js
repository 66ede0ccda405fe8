// Kind actors.

import { h, text } from '../dom.js';
import { counted, joined, moment } from '../format.js';
import { createGrid, more } from './grid.js';

const columns = ['actor', 'name', 'class', 'state', 'node', 'worker', 'restarts', 'lives', 'created', 'reason'].map((name) => ({ name, numeric: name === 'restarts' }));

export function create() {
  const caption = h('figcaption', {});
  const grid = createGrid('actors', 'actor');
  return {
    node: h('figure', { class: 'mobula-figure' }, caption, grid.node),
    update(data) {
      text(caption, joined(': ', data.title, counted(data.actors.length + (data.omitted || 0), 'actor')));
      grid.update({
        columns,
        note: more(data.omitted, 0, 'actor'),
        rows: data.actors.map((a) => [
          a.id, a.name || '', a.class || '', { text: a.state, sort: a.state, state: a.state }, a.node || '', a.worker || '', String(a.restarts || 0),
          a.detached ? 'detached' : 'with its driver', { text: a.created ? moment(a.created) : '', sort: a.created || '' }, a.reason || '',
        ]),
      });
    },
  };
}
