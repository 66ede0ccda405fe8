// Canvases do not follow style sheets: they are drawn again when the theme changes, and read their colours then.

const listeners = new Set();
let observer = null;

// onTheme calls changed after each change of the theme, until the function that it returns is called.
export function onTheme(changed) {
  listeners.add(changed);
  if (!observer) {
    observer = new MutationObserver(() => {
      // The theme's style sheet may follow its name.
      for (const delay of [0, 300]) setTimeout(() => listeners.forEach((f) => f()), delay);
    });
    observer.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-light', 'data-jp-theme-name', 'class', 'style'] });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => listeners.forEach((f) => f()));
  }
  return () => listeners.delete(changed);
}

// colour reads a variable of style.css at a node.
export const colour = (node, name) => getComputedStyle(node).getPropertyValue(`--mobula-${name}`).trim() || 'gray';

// lines are how the lines of a chart look: they differ in colour and in dashes.
export const lines = [[], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 2, 1, 2], [1, 3], [9, 2, 2, 2, 2, 2]]
  .map((dash, i) => ({ colour: `line-${i}`, dash }));

// styled loads a style sheet that lies beside this file, once.
export function styled(file) {
  const url = new URL(file, import.meta.url).href;
  if ([...document.querySelectorAll('link[rel=stylesheet]')].some((l) => l.href === url)) return;
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = url;
  document.head.append(link);
}
