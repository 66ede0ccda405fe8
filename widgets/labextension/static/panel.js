// The cluster of the notebook in front, in the side bar: its state, and what can be done with it.

import { attribute, button, h, shown, text } from './dom.js';
import { create as createCluster } from './views/cluster.js';
import { limited } from './schedule.js';

const RECONNECT = 'run the cell to reconnect';

// createPanel makes the panel. actions has openDashboard(value, kernel) and confirmStop(own), which resolves to true where the user agrees.
export function createPanel(actions) {
  const title = h('h2', {}, 'Mobula cluster');
  const book = h('p', { class: 'mobula-quiet' });
  const says = h('p', { role: 'status' });
  const problem = h('p', { class: 'mobula-error', role: 'alert' });
  const nodes = h('input', { type: 'number', min: '1', max: '10000', step: '1', class: 'mobula-input', 'aria-label': 'Number of nodes' });
  const cluster = createCluster();
  let control = null;
  let forget = () => {};
  let state; // of the cluster: undefined before it is known, null without one
  let busy = ''; // what is being done
  let closed = ''; // why the dashboard cannot be opened, as the kernel says of this cluster

  const buttons = {
    connect: button('Connect', () => act('connect', 'Connecting…')),
    stop: button('Stop', async () => { if (await actions.confirmStop(state && state.own)) act('stop', 'Stopping…'); }),
    scale: button('Scale', () => {
      const n = Number(nodes.value);
      if (!Number.isInteger(n) || n < 1) {
        text(problem, 'Give the number of nodes as a whole number above zero.');
        nodes.focus();
        return;
      }
      act('scale', `Scaling to ${n}…`, { nodes: n });
    }),
    dashboard: button('Dashboard', () => act('dashboard', 'Opening the dashboard…')),
  };
  const scaling = h('span', { class: 'mobula-tools' }, nodes, buttons.scale);
  const tools = h('div', { class: 'mobula-tools' }, buttons.connect, buttons.dashboard, buttons.stop, scaling);
  const node = h('div', { class: 'mobula-panel-body' }, title, book, says, tools, problem, cluster.node);

  async function act(op, doing, args) {
    const { kernel } = control;
    busy = doing;
    text(problem, '');
    draw();
    try {
      const value = await control.request(op, args);
      if (op === 'dashboard') await actions.openDashboard(value, kernel);
    } catch (e) {
      text(problem, e.message);
      if (op === 'dashboard' && e.refused) closed = e.message;
    }
    busy = '';
    draw();
  }

  // what is said of the connection; the words change with the state alone.
  function words() {
    if (busy) return busy;
    if (!control) return 'Open a Go notebook: its cluster is shown here.';
    switch (control.state) {
      case 'absent': return `The kernel does not answer: ${RECONNECT}.`;
      case 'connecting': return 'Connecting to the kernel…';
    }
    if (state === undefined) return 'The kernel tells nothing of a cluster yet.';
    if (state === null) return 'No cluster yet: the first task starts one on this machine, and so does Connect.';
    return state.state === 'connected' ? 'Connected.' : `The cluster is ${state.state}.`;
  }

  function draw() {
    text(says, words());
    const ready = Boolean(control && control.state === 'ready');
    const has = ready && Boolean(state);
    shown(cluster.node, has);
    if (has) cluster.update(state);
    const enabled = {
      connect: ready && !state,
      stop: has,
      scale: has && Boolean(state.scalable),
      dashboard: has && !closed,
    };
    for (const [name, b] of Object.entries(buttons)) {
      b.disabled = !enabled[name] || Boolean(busy);
      attribute(b, 'title', control && !ready ? RECONNECT : null);
    }
    if (has && closed) attribute(buttons.dashboard, 'title', closed);
    text(buttons.stop, state && !state.own ? 'Leave' : 'Stop');
    shown(buttons.connect, !has);
    shown(buttons.stop, has);
    shown(scaling, has && state.scalable);
    shown(buttons.dashboard, has);
  }
  const ask = limited(draw);

  // release lets the connection go.
  function release() {
    forget();
    forget = () => {};
    if (control) control.release();
    control = null;
    state = undefined;
    busy = '';
    closed = '';
    text(problem, '');
  }

  draw();
  return {
    node,
    // follow shows the cluster of another connection, or of none; the panel takes over one retain of it.
    follow(next, name) {
      release();
      control = next;
      text(book, name || '');
      shown(book, name);
      if (control) {
        const offState = control.onState((s) => { if (s !== 'ready') state = undefined; ask(); });
        const offTopic = control.subscribe('cluster', (s) => {
          if (!s || !state || s.address !== state.address || s.dashboard !== state.dashboard) closed = ''; // it is another one, or has one now
          state = s;
          ask();
        });
        forget = () => { offState(); offTopic(); };
      }
      draw();
    },
    release,
  };
}
