// What a notebook says of progress and charts when their kernel has gone. The kernel ends them itself where it can, but a page that restarts it does not
// hear it any more, and one that was killed has said nothing.

import { mimeOf } from './mime.js';
import { markup } from './dom.js';
import { plain } from './views/progress.js';

export const GONE = ['restarting', 'autorestarting', 'dead', 'terminating'];

const ended = (state) => state && state !== 'running';

// stopped is the bundle of an output, stopped at a time, or null where nothing in it goes on.
export function stopped(bundle, now) {
  const progress = bundle[mimeOf('progress')];
  const chart = bundle[mimeOf('chart')];
  if (progress && !ended(progress.state)) {
    const state = stop(progress, now);
    return { ...bundle, [mimeOf('progress')]: state, 'text/plain': plain(state), 'text/html': markup('pre', plain(state)) };
  }
  if (chart && chart.state === 'running') { // its words end with the state
    const says = (text, end) => String(text || '').replace(end, (all) => all.replace('running', 'stopped'));
    return {
      ...bundle,
      [mimeOf('chart')]: { ...chart, state: 'stopped' },
      'text/plain': says(bundle['text/plain'], /, running$/m),
      'text/html': says(bundle['text/html'], /, running(?=[;"<])/g),
    };
  }
  return null;
}

function stop(progress, now) {
  const { id, eta, ...rest } = progress; // nobody can cancel it any more, and nothing is left
  const children = (rest.children || []).map((c) => stop(c, now));
  return { ...rest, ...(ended(rest.state) ? {} : { state: 'stopped', ended: now, running: 0, queued: 0 }), ...(children.length ? { children } : {}) };
}

// stopAll stops what goes on in the outputs of a notebook.
export function stopAll(notebook) {
  const now = new Date().toISOString();
  for (const cell of notebook.cells) {
    const { outputs } = cell;
    for (let i = 0; outputs && i < outputs.length; i++) {
      const output = outputs.get(i);
      const data = stopped(output.data, now);
      if (data) output.setData({ data });
    }
  }
}
