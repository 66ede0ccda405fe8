// The renderers of Mobula's media types. A renderer draws a state into an element, and the next one into the same element.
import { drawProgress } from "./progress.js";
import { drawChart } from "./chart.js";
import { drawTable } from "./table.js";
import { drawCluster } from "./cluster.js";
import { controlOf } from "./control.js";

const kinds = { progress: drawProgress, chart: drawChart, table: drawTable, cluster: drawCluster };

export async function renderers(shared) {
  const { Widget } = await shared("@lumino/widgets");
  return Object.entries(kinds).map(([kind, draw]) => rendererOf(Widget, kind, draw));
}

function rendererOf(Widget, kind, draw) {
  const mime = `application/vnd.mobula.${kind}.v1+json`;
  class Renderer extends Widget {
    constructor() {
      super();
      this.addClass("mob");
      this.addClass(`mob-${kind}`);
      this.drawn = { root: this.node, control: () => controlOf(this.node), cleanups: [] };
      this.draws = 0;
    }
    async renderModel(model) {
      await draw(this.drawn, model.data[mime]);
      this.node.dataset.draws = String(++this.draws);
    }
    dispose() {
      if (this.isDisposed) return;
      for (const f of this.drawn.cleanups) f();
      super.dispose();
    }
  }
  return {
    id: `mobula-lab:${kind}`,
    rank: 0,
    dataType: "json",
    // safe: what is drawn is set as text only.
    rendererFactory: { safe: true, mimeTypes: [mime], createRenderer: () => new Renderer() },
  };
}
