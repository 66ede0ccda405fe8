// Making and changing elements. Data only ever becomes text or the value of an attribute that holds no code: nothing here parses markup.

const SVG = 'http://www.w3.org/2000/svg';

// These hold code or addresses, or would parse what they are given.
const refused = /^(on|href$|src|srcdoc$|innerHTML$|outerHTML$|formaction$|action$|xlink)/i;

function attributes(element, set) {
  for (const [name, value] of Object.entries(set || {})) {
    if (refused.test(name)) throw new Error(`mobula-lab: the attribute ${name} is not for data`);
    attribute(element, name, value);
  }
}

// attribute sets one attribute where it differs; null, undefined and false remove it.
export function attribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

function make(element, set, children) {
  attributes(element, set);
  element.append(...children.filter((c) => c !== null && c !== undefined));
  return element;
}

// h makes an HTML element; a child that is no node becomes text.
export const h = (tag, set, ...children) => make(document.createElement(tag), set, children);

// s makes an SVG element.
export const s = (tag, set, ...children) => make(document.createElementNS(SVG, tag), set, children);

// markup is an element that holds a text, as HTML for others to show.
export const markup = (tag, value) => h(tag, {}, value).outerHTML;

// text changes the text of an element where it differs, so that nothing is announced or selected anew for nothing.
export function text(element, value) {
  const want = value === null || value === undefined ? '' : String(value);
  if (element.textContent !== want) element.textContent = want;
}

// shown shows or hides an element.
export function shown(element, yes) {
  if (element.hidden === Boolean(yes)) element.hidden = !yes;
}

// fill gives parent one child for each item: it makes those that lack, changes the others in place, and removes what is too many.
export function fill(parent, items, create, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, i) => {
    let child = parent.children[i];
    if (!child) {
      child = create(item, i);
      parent.append(child);
    }
    update(child, item, i);
  });
}

// button makes a button; its text is its name.
export function button(label, click, set) {
  const b = h('button', { type: 'button', class: 'mobula-button', ...set }, label);
  b.addEventListener('click', click);
  return b;
}

// details makes a part that is folded; body is called when it is opened first, and again at each open.
export function details(label, body) {
  const summary = h('summary', {}, label);
  const d = h('details', { class: 'mobula-details' }, summary);
  d.addEventListener('toggle', () => { if (d.open) body(d); });
  return { node: d, summary };
}

// copy puts text on the clipboard, also where the page has no secure connection.
export async function copy(value) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(value);
    return;
  }
  const area = h('textarea', { class: 'mobula-unseen', 'aria-hidden': 'true' });
  area.value = value;
  document.body.append(area);
  const before = document.activeElement;
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (before && before.focus) before.focus();
  if (!done) throw new Error('the browser does not let pages copy');
}
