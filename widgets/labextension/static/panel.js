// The plug-in: the cluster panel in the side bar, and what finds the kernel of a notebook.
import { element, setText } from "./dom.js";
import { drawCluster, nodesOf } from "./cluster.js";
import { controlOfKernel, setTracker } from "./control.js";

export async function plugin(shared) {
  const { Widget } = await shared("@lumino/widgets");
  const { INotebookTracker } = await shared("@jupyterlab/notebook");
  return {
    id: "mobula-lab:panel",
    autoStart: true,
    optional: [INotebookTracker],
    activate: (app, tracker) => {
      setTracker(tracker);
      if (!tracker) return;
      const panel = new (panelOf(Widget))(tracker);
      app.shell.add(panel, "left", { rank: 900 });
      app.commands.addCommand("mobula:show-cluster", { label: "Mobula: show the cluster", execute: () => app.shell.activateById(panel.id) });
    },
  };
}

const long = 60000; // ms that a cluster may take to start

function panelOf(Widget) {
  return class extends Widget {
    constructor(tracker) {
      super();
      this.id = "mobula-cluster";
      this.title.label = "Mobula";
      this.title.caption = "Mobula cluster";
      this.addClass("mob");
      this.addClass("mob-panel");
      this.tracker = tracker;
      this.status = element("div", { class: "mob-age", role: "status" });
      this.card = element("div", { class: "mob mob-cluster" });
      this.drawn = { root: this.card, cleanups: [] };
      this.buttons = element("div", { class: "mob-buttons" },
        this.button("Connect", "connect"), this.button("Add a node", "scale", () => ({ nodes: nodesOf(this.state) + 1 })),
        this.button("Remove a node", "scale", () => ({ nodes: nodesOf(this.state) - 1 })), this.button("Stop", "stop"));
      this.node.append(element("h3", { text: "Mobula cluster" }), this.card, this.buttons, this.status);
      tracker.currentChanged.connect(() => this.follow());
      this.show_(null);
    }

    button(text, op, fields = () => ({})) {
      const b = element("button", { type: "button", class: "mob-button", text, onclick: () => this.ask(op, fields()) });
      b.dataset.op = text;
      return b;
    }

    // kernel is that of the notebook in front.
    kernel() { return this.tracker.currentWidget?.sessionContext?.session?.kernel; }

    onAfterShow() { this.visible_ = true; this.follow(); }

    onBeforeHide() { this.visible_ = false; this.leave(); }

    // follow subscribes to the cluster of the notebook in front, while the panel is in sight.
    follow() {
      this.leave();
      if (!this.visible_) return;
      const panel = this.tracker.currentWidget;
      if (panel && panel !== this.heard) { // its kernel may come later, and change
        this.heard = panel;
        panel.sessionContext.kernelChanged.connect(() => this.follow());
      }
      const kernel = this.kernel();
      this.show_(null);
      if (!kernel) {
        setText(this.status, "Open a notebook first.");
        return;
      }
      setText(this.status, "");
      this.unsubscribe = controlOfKernel(kernel).subscribe("cluster", (state) => this.show_(state));
    }

    leave() {
      this.unsubscribe?.();
      this.unsubscribe = undefined;
    }

    show_(state) {
      this.state = state;
      drawCluster(this.drawn, state);
      const scalable = state?.scalable === true;
      for (const b of this.buttons.children) {
        const op = b.dataset.op;
        b.disabled = !this.kernel() || (op === "Connect" ? state !== null : op === "Stop" ? state === null : !scalable || (op === "Remove a node" && nodesOf(state) < 2));
      }
    }

    async ask(op, fields) {
      const kernel = this.kernel();
      if (!kernel) return;
      setText(this.status, "…");
      try {
        await controlOfKernel(kernel).request(op, fields, long);
        setText(this.status, "");
      } catch (e) {
        setText(this.status, e.message);
      }
    }
  };
}
