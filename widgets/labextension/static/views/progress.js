// Kind progress: a bar, its parts folded below it, and a button that cancels.

import { attribute, button, details, fill, h, shown, text } from '../dom.js';
import { counted, duration, joined, moment, number } from '../format.js';

const SILENT = 5; // seconds after which it is said when the last update was
const AGES = 600; // seconds after which the time is said instead

const ended = (p) => p.done + p.failed + p.cancelled;
const running = (p) => p.state === 'running';

// status is the state in words.
export function status(p) {
  const count = joined(' ', p.total ? `${ended(p)}/${p.total}` : String(ended(p)), p.unit);
  const parts = [count];
  if (!running(p)) {
    const took = p.started && p.ended ? duration((Date.parse(p.ended) - Date.parse(p.started)) / 1000) : '';
    parts.push(joined(p.state === 'done' ? ' in ' : ' after ', p.state, took));
  }
  for (const what of ['running', 'queued', 'failed', 'retried', 'cancelled']) if (p[what]) parts.push(`${p[what]} ${what}`);
  if (running(p) && p.rate) parts.push(`${number(p.rate)}/s`);
  if (running(p) && p.eta) parts.push(`${duration(p.eta)} left`);
  return joined(', ', ...parts);
}

// plain is a progress as text, with its parts below it.
export const plain = (p) => [p, ...(p.children || [])].map((x, i) => (i ? '  ' : '') + joined(' ', x.title, joined(', ', status(x), x.error))).join('\n');

// silence knows how long nothing has come: by the reader's clock alone once something has come here, since clocks differ.
export function silence(now) {
  let updated = null;
  let came = null;
  return {
    note(time) {
      if (time === updated) return;
      came = updated === null ? Math.min(now(), Date.parse(time)) : now();
      updated = time;
    },
    says() {
      const s = Math.floor((now() - came) / 1000);
      if (came === null || Number.isNaN(s) || s < SILENT) return '';
      return s > AGES ? `last update ${moment(came)}` : `last update ${s} s ago`;
    },
  };
}

function createBar() {
  const title = h('span', { class: 'mobula-bar-title' });
  const parts = ['done', 'failed', 'cancelled', 'running'].map((name) => h('span', { class: 'mobula-bar-part', 'data-part': name }));
  const bar = h('span', { class: 'mobula-bar', role: 'progressbar', 'aria-valuemin': '0' }, ...parts);
  const words = h('span', { class: 'mobula-bar-words' });
  const error = h('span', { class: 'mobula-error' });
  const node = h('div', { class: 'mobula-bar-row' }, title, bar, words, error);
  return {
    node,
    update(p) {
      text(title, p.title);
      attribute(node, 'data-state', p.state);
      const whole = p.total || (running(p) ? 0 : 1);
      attribute(bar, 'data-unknown', !whole);
      const full = !p.total && !running(p) ? { done: p.state === 'done' ? 1 : 0, failed: p.state === 'failed' ? 1 : 0, cancelled: 1 } : p;
      let left = 1;
      for (const part of parts) {
        const share = whole ? Math.min(left, (full[part.dataset.part] || 0) / whole) : 0;
        left -= share;
        part.style.width = `${(100 * share).toFixed(2)}%`;
      }
      attribute(bar, 'aria-label', p.title || 'progress');
      attribute(bar, 'aria-valuemax', whole || null);
      attribute(bar, 'aria-valuenow', whole ? Math.min(ended(p), whole) : null);
      attribute(bar, 'aria-valuetext', status(p));
      text(words, status(p));
      text(error, p.error);
      shown(error, p.error);
    },
  };
}

export function create(host) {
  const main = createBar();
  const silent = silence(host.now);
  const quiet = h('span', { class: 'mobula-quiet' });
  const cancel = button('Cancel', () => ask(), { class: 'mobula-button mobula-cancel' });
  const hint = h('span', { class: 'mobula-quiet' });
  const problem = h('span', { class: 'mobula-error', role: 'alert' });
  const announced = h('span', { class: 'mobula-unseen', role: 'status' });
  const list = h('div', { class: 'mobula-parts' });
  const bars = new WeakMap();
  let data = null;
  let asked = false; // to cancel
  let control = null;
  let forget = () => {};
  let timer = 0;
  const drawParts = () => {
    if (!children.node.open || !data) return;
    fill(list, data.children || [], () => {
      const b = createBar();
      bars.set(b.node, b);
      return b.node;
    }, (n, p) => bars.get(n).update(p));
  };
  const children = details('', drawParts);
  children.node.append(list);
  const node = h('figure', { class: 'mobula-figure mobula-progress' }, main.node, h('div', { class: 'mobula-bar-foot' }, cancel, hint, problem, quiet), children.node, announced);

  async function ask() {
    asked = true;
    text(problem, '');
    drawCancel();
    try {
      await control.request('cancel', { id: data.id });
    } catch (e) {
      asked = false;
      text(problem, `Not cancelled: ${e.message}`);
      drawCancel();
    }
  }

  function drawCancel() {
    const can = data && data.id && running(data);
    const state = control ? control.state : 'absent';
    shown(cancel, can);
    // Not by the attribute disabled: the button would lose the focus.
    attribute(cancel, 'aria-disabled', state !== 'ready' || asked ? 'true' : null);
    cancel.disabled = state === 'absent' || state === 'connecting';
    text(cancel, asked ? 'Cancelling…' : 'Cancel');
    text(hint, can && state === 'absent' ? 'run the cell to reconnect' : '');
  }

  // connect has a connection as long as there is something to cancel and the view is in the page.
  function connect() {
    const wanted = data && data.id && running(data) && node.isConnected;
    if (wanted && !control) {
      control = host.control();
      if (control) forget = control.onState(() => drawCancel());
    } else if (!wanted && control) {
      forget();
      control.release();
      control = null;
    }
    drawCancel();
  }

  function tick() {
    const wanted = data && running(data) && node.isConnected;
    if (wanted && !timer) timer = setInterval(() => text(quiet, silent.says()), 1000);
    if (!wanted && timer) {
      clearInterval(timer);
      timer = 0;
    }
    text(quiet, data && running(data) ? silent.says() : '');
  }

  cancel.addEventListener('click', (e) => { if (asked) e.stopImmediatePropagation(); }, true);

  return {
    node,
    update(p) {
      const before = data && data.state;
      data = p;
      if (p.updated) silent.note(p.updated);
      main.update(p);
      const n = (p.children || []).length + (p.children_omitted || 0);
      shown(children.node, n);
      const live = (p.children || []).filter(running).length;
      text(children.summary, joined(', ', counted(n, 'operation'), live ? `${live} running` : '', p.children_omitted ? `the last ${p.children.length} shown` : ''));
      drawParts();
      if (before && before !== p.state) text(announced, joined(' ', p.title, status(p)));
      if (!running(p)) text(problem, '');
      connect();
      tick();
    },
    attached() { connect(); tick(); },
    detached() { if (control) { forget(); control.release(); control = null; } clearInterval(timer); timer = 0; },
    dispose() { this.detached(); },
  };
}
