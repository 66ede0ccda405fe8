// The dashboard as a tab of the main area, or as one of the browser where it cannot be shown in the page.

import { h, text } from './dom.js';

// address makes the URL of the dashboard out of what the kernel says: a path that begins with proxy/PORT/, below the base URL, or an absolute URL.
export function address(value, baseUrl) {
  const given = value && typeof value.url === 'string' ? value.url : '';
  if (/^proxy\/[0-9]+\//.test(given)) {
    const base = new URL(baseUrl, document.baseURI);
    const url = new URL(given, base);
    if (!url.pathname.startsWith(`${base.pathname}proxy/`)) throw new Error('the kernel gave an address outside of the proxy');
    return url;
  }
  let url;
  try {
    url = new URL(given);
  } catch (e) {
    throw new Error('the kernel gave no address of a dashboard');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error(`the kernel gave an address that is no web page (${url.protocol})`);
  return url;
}

// proxied tells whether the server of the page passes requests on to the dashboard. The address itself is not asked: its code works once.
async function proxied(url) {
  const path = url.pathname.match(/^.*\/proxy\/[0-9]+\//);
  if (!path) return true;
  const reply = await fetch(new URL(path[0], url).href, { method: 'HEAD', redirect: 'manual', credentials: 'same-origin' });
  return reply.type === 'opaqueredirect' || reply.status !== 404;
}

const loopback = (name) => name === 'localhost' || name === '[::1]' || /^127\.[0-9.]+$/.test(name);

// directly is the address for a browser on the server's machine, null for others.
export function directly(value, host = window.location.hostname) {
  if (!value.direct || !loopback(host)) return null;
  const url = address({ url: value.direct }, document.baseURI);
  return loopback(url.hostname) ? url : null;
}

function newTab(url) {
  // With noopener the function tells nothing of whether a tab was opened.
  window.open(url.href, '_blank', 'noopener,noreferrer');
}

// openDashboard shows the dashboard; add puts a widget into the main area.
export async function openDashboard(value, { baseUrl, Widget, add }) {
  const url = address(value, baseUrl);
  const here = url.origin === window.location.origin;
  if (here && !(await proxied(url))) {
    const direct = directly(value);
    if (direct) {
      newTab(direct);
      return;
    }
    throw new Error('The dashboard needs jupyter-server-proxy beside JupyterLab: pip install jupyter-server-proxy, then restart the server.');
  }
  // A page of another origin is shown by its own server's leave only, and not at all without TLS in a page that has it.
  if (!here && window.location.protocol === 'https:' && url.protocol === 'http:') {
    newTab(url);
    return;
  }
  const frame = h('iframe', { title: 'Mobula dashboard', referrerpolicy: 'no-referrer', sandbox: 'allow-scripts allow-same-origin allow-forms allow-popups allow-downloads' });
  frame.src = url.href;
  const outside = h('a', { target: '_blank', rel: 'noopener noreferrer' }, 'Open in a browser tab');
  const plain = new URL(url.href);
  plain.search = ''; // the code is used up
  outside.href = plain.href;
  const note = h('span', { class: 'mobula-quiet' });
  text(note, here ? '' : 'Nothing here? It may not be shown inside of this page.');
  const widget = new Widget({ node: h('div', { class: 'mobula-dashboard' }, h('div', { class: 'mobula-tools' }, outside, note), frame) });
  widget.id = `mobula-dashboard-${Date.now()}`;
  widget.title.label = 'Mobula dashboard';
  widget.title.closable = true;
  add(widget);
}
