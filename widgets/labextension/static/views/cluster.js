// Kind cluster: as an output, and in the side bar.

import { attribute, details, fill, h, shown, text } from '../dom.js';
import { bytes, counted, duration, joined, number } from '../format.js';
import { createGrid, more } from './grid.js';
import { createMeter } from './meter.js';

const amount = (r, v) => (r.unit === 'bytes' ? bytes(Math.round(v)) : number(v));
const free = (r) => `${amount(r, Math.max(0, r.free))} of ${amount(r, r.total)} free`;
const used = (s) => joined(', ', `${bytes(s.used)} of ${bytes(s.capacity)} used`, s.spilled ? `${bytes(s.spilled)} on disk` : '');

// live counts the nodes that are not dead.
export const live = (c) => c.nodes.filter((n) => n.state !== 'dead').length + (c.nodes_omitted || 0);

export function create() {
  const title = h('figcaption', {});
  const state = h('span', { class: 'mobula-badge', role: 'status' });
  const message = h('p', { class: 'mobula-message' });
  const meters = h('div', { class: 'mobula-meters' });
  const facts = h('dl', { class: 'mobula-facts' });
  const link = h('a', { target: '_blank', rel: 'noopener noreferrer' });
  const tunnel = h('code', {});
  const tunneled = h('p', { class: 'mobula-quiet' }, 'To reach it, run on your machine: ', tunnel);
  const pages = h('p', { class: 'mobula-quiet' }, 'Dashboard: ', link);
  const grid = createGrid('nodes', 'node');
  let data = null;
  const drawNodes = () => { if (nodes.node.open && data) grid.update(gridOf(data)); };
  const nodes = details('Nodes', drawNodes);
  nodes.node.append(grid.node);
  const node = h('figure', { class: 'mobula-figure mobula-cluster' }, h('div', { class: 'mobula-heading' }, title, state), message, meters, facts, pages, tunneled, nodes.node);
  const made = new WeakMap(); // meters by their nodes

  return {
    node,
    update(c) {
      data = c;
      text(title, c.title);
      text(state, c.state);
      attribute(state, 'data-state', c.state);
      text(message, c.message);
      shown(message, c.message);
      const bars = c.resources.map((r) => [r.name, r.total - Math.max(0, r.free), r.total, free(r)]);
      if (c.store) bars.push(['object store', c.store.used, c.store.capacity, used(c.store)]);
      fill(meters, bars, () => {
        const m = createMeter();
        made.set(m.node, m);
        return m.node;
      }, (n, bar) => made.get(n).update(...bar));
      fill(facts, factsOf(c).flat(), (_, i) => h(i % 2 ? 'dd' : 'dt', {}), text);
      const url = pageOf(c.dashboard_url);
      if (url) link.href = url;
      text(link, url);
      shown(pages, url);
      text(tunnel, c.tunnel);
      shown(tunneled, url && c.tunnel);
      text(nodes.summary, counted(live(c), 'node') + (c.via && live(c) > 1 ? `, reached through ${c.via}` : ''));
      drawNodes();
    },
  };
}

// pageOf takes http and https URLs and paths on this server; a link to anything else could hold code, or lead elsewhere than it says.
function pageOf(value) {
  return typeof value === 'string' && /^(https?:\/\/[^/@]+\/|\/[^/\\])/.test(value) ? value : '';
}

function factsOf(c) {
  const states = Object.keys(c.tasks).sort().map((s) => `${c.tasks[s]} ${s}`);
  const facts = [['workers', c.workers], ['tasks', states.join(', ') || 'none']];
  for (const w of c.waiting) facts.push(['waiting', joined(': ', `${counted(w.tasks, 'task')} for ${w.what}`, w.reason)]);
  for (const j of c.jobs) facts.push(['job', joined(' ', j.id, j.name, j.state)]);
  if (c.version) facts.push(['version', c.version]);
  if (c.address) facts.push(['address', c.address]);
  if (c.connected_in) facts.push(['ready in', duration(c.connected_in)]);
  return facts;
}

function gridOf(c) {
  const names = [];
  for (const n of c.nodes) for (const r of n.resources) if (!names.includes(r.name)) names.push(r.name);
  return {
    columns: ['node', 'state', ...names, 'object store', 'workers'].map((name) => ({ name, numeric: name === 'workers' })),
    note: c.nodes.length ? more(c.nodes_omitted, 0, 'node') : '',
    rows: c.nodes.map((n) => [
      n.name, { text: n.state, sort: n.state, state: n.state },
      ...names.map((name) => {
        const r = n.resources.find((x) => x.name === name);
        return r ? { text: free(r), sort: r.free } : { text: '', sort: -1 };
      }),
      n.store ? { text: used(n.store), sort: n.store.used } : '', String(n.workers),
    ]),
  };
}
