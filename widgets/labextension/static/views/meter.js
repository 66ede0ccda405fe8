// A bar that says how much of something is in use.

import { attribute, h, text } from '../dom.js';

export function createMeter() {
  const name = h('span', { class: 'mobula-meter-name' });
  const part = h('span', { class: 'mobula-meter-part' });
  const bar = h('span', { class: 'mobula-meter', role: 'meter', 'aria-valuemin': '0' }, part);
  const words = h('span', { class: 'mobula-meter-words' });
  const node = h('div', { class: 'mobula-meter-row' }, name, bar, words);
  return {
    node,
    update(label, used, total, says) {
      const share = total > 0 ? Math.min(1, Math.max(0, used / total)) : 0;
      text(name, label);
      text(words, says);
      part.style.width = `${(100 * share).toFixed(1)}%`;
      attribute(bar, 'data-level', share >= 0.95 ? 'full' : share >= 0.8 ? 'high' : null);
      attribute(bar, 'aria-label', label);
      attribute(bar, 'aria-valuemax', total);
      attribute(bar, 'aria-valuenow', used);
      attribute(bar, 'aria-valuetext', says);
    },
  };
}
