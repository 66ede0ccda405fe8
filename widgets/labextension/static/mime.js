// The renderers of the media types, one for each kind of widget. What draws a kind is loaded when the first of it is drawn.

import { controlOf, kernelAt } from './control.js';
import { h, text } from './dom.js';
import { limited } from './schedule.js';
import { styled } from './theme.js';

export const KINDS = ['cluster', 'progress', 'timeline', 'table', 'chart', 'actors', 'objects'];
export const mimeOf = (kind) => `application/vnd.mobula.${kind}.v1+json`;

// loadView returns the function that makes a view of a kind: {node, update(data), attached?(), detached?(), resized?(), dispose?()}.
export const loadView = async (kind) => (await import(`./views/${kind}.js`)).create;

// hostOf is what a view may ask of the page that it is in.
export const hostOf = (node) => ({
  now: () => Date.now(),
  // control returns the connection to the kernel of the notebook around the view, to be released, or null.
  control: () => {
    const kernel = kernelAt(node);
    return kernel ? controlOf(kernel) : null;
  },
});

export async function plugin(shared) {
  const { Widget } = await shared('@lumino/widgets');
  styled('style.css');

  class Renderer extends Widget {
    constructor(kind, mimeType) {
      super();
      this.kind = kind;
      this.mimeType = mimeType;
      this.addClass('mobula-widget');
      this.node.dataset.kind = kind;
      this.view = null;
      this.model = null;
      this.redraws = 0;
      this.ask = limited(() => this.draw());
    }

    // renderModel is called again, on the same element, for each update of the output.
    async renderModel(model) {
      this.model = model;
      if (this.view) {
        this.ask();
        return;
      }
      if (!this.loading) {
        this.loading = loadView(this.kind).then((create) => {
          if (this.isDisposed) return;
          this.view = create(hostOf(this.node));
          this.node.replaceChildren(this.view.node);
          this.draw();
          if (this.isAttached && this.view.attached) this.view.attached();
        });
      }
      await this.loading;
    }

    draw() {
      if (this.isDisposed) return;
      try {
        this.view.update(this.model.data[this.mimeType]);
        if (this.node.firstChild !== this.view.node) this.node.replaceChildren(this.view.node);
      } catch (e) { // of another version: the plain text says the same
        console.warn(`mobula-lab: ${this.kind} cannot be drawn`, e);
        const plain = h('pre', {});
        text(plain, this.model.data['text/plain']);
        this.node.replaceChildren(plain);
      }
      this.node.dataset.redraws = String(++this.redraws);
    }

    onAfterAttach() { if (this.view && this.view.attached) this.view.attached(); }

    onBeforeDetach() { if (this.view && this.view.detached) this.view.detached(); }

    onResize() { if (this.view && this.view.resized) this.view.resized(); }

    dispose() {
      if (this.isDisposed) return;
      if (this.view && this.view.dispose) this.view.dispose();
      super.dispose();
    }
  }

  return KINDS.map((kind) => ({
    id: `mobula-lab:${kind}`,
    description: `Draws Mobula's widgets of kind ${kind}.`,
    rank: 0,
    dataType: 'json',
    rendererFactory: {
      safe: true, // data becomes text only, see dom.js
      mimeTypes: [mimeOf(kind)],
      createRenderer: (options) => new Renderer(kind, options.mimeType),
    },
  }));
}
