// The plugin: the panel in the side bar, the commands, and what tells views which kernel their notebook has.

import { controlOf, setFinder } from './control.js';
import { openDashboard } from './dashboard.js';
import { createPanel } from './panel.js';
import { revive } from './revived.js';
import { GONE, stopAll } from './stopped.js';
import { styled } from './theme.js';

const ICON = '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><g class="jp-icon3" fill="#616161">'
  + '<path d="M12 4C9 9 5 10 1 9c2 4 5 6 8 6l3 5 3-5c3 0 6-2 8-6-4 1-8 0-11-5z"/></g></svg>';

const PANEL = 'mobula-cluster';

// connectionOf is the kernel connection of a notebook, if it is one of Go.
async function connectionOf(book) {
  const session = book && book.sessionContext;
  if (!session || session.isDisposed) return null;
  await session.ready;
  const kernel = session.session && session.session.kernel;
  if (!kernel) return null;
  const spec = await kernel.spec;
  return spec && spec.language === 'go' && !kernel.isDisposed ? kernel : null;
}

// keep has the outputs of a notebook follow its kernel: past a reload of the page, and to its end.
function keep(book) {
  const seen = new Set();
  const model = () => book.content && book.content.model;
  book.sessionContext.statusChanged.connect((_, status) => {
    if (!GONE.includes(status) || !model()) return;
    stopAll(model());
    seen.clear();
  });
  book.sessionContext.iopubMessage.connect((_, message) => { if (model()) revive(model(), message, seen); });
}

export async function plugin(shared) {
  const [{ Widget }, notebooks, apputils, application, ui, coreutils] = await Promise.all([
    '@lumino/widgets', '@jupyterlab/notebook', '@jupyterlab/apputils', '@jupyterlab/application', '@jupyterlab/ui-components', '@jupyterlab/coreutils',
  ].map(shared));
  const { INotebookTracker } = notebooks;
  const { ICommandPalette, Dialog, showDialog } = apputils;
  const { ILayoutRestorer } = application;

  function activate(app, tracker, palette, restorer) {
    styled('style.css');
    setFinder((node) => {
      const book = tracker && tracker.find((w) => w.node.contains(node));
      return (book && book.sessionContext && book.sessionContext.session && book.sessionContext.session.kernel) || null;
    });

    if (tracker) {
      tracker.forEach(keep);
      tracker.widgetAdded.connect((_, book) => { keep(book); });
    }

    const panel = createPanel({
      confirmStop: async (own) => (await showDialog({
        title: own ? 'Stop the cluster?' : 'Leave the cluster?',
        body: own ? 'Its tasks and actors end, and what is in its store is lost.' : 'The cluster goes on; actors that belong to this notebook end.',
        buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: own ? 'Stop' : 'Leave' })],
      })).button.accept,
      openDashboard: (value) => openDashboard(value, {
        baseUrl: coreutils.PageConfig.getBaseUrl(),
        Widget,
        add: (widget) => { app.shell.add(widget, 'main'); app.shell.activateById(widget.id); },
      }),
    });

    // The panel is connected while it is seen, so that the kernel looks at the cluster only then.
    let turn = 0;
    class Side extends Widget {
      onAfterShow() { follow(); }

      onAfterHide() { follow(); }
    }
    const side = new Side({ node: document.createElement('div') });
    side.node.append(panel.node);
    side.id = PANEL;
    side.addClass('mobula-panel');
    side.title.caption = 'Mobula cluster';
    side.title.icon = new ui.LabIcon({ name: 'mobula:cluster', svgstr: ICON });
    side.node.setAttribute('role', 'region');
    side.node.setAttribute('aria-label', 'Mobula cluster');

    async function follow() {
      const mine = ++turn;
      const book = tracker && tracker.currentWidget;
      if (!side.isVisible || !book) {
        panel.follow(null, '');
        return;
      }
      const kernel = await connectionOf(book);
      if (mine !== turn) return; // another notebook has come to the front meanwhile
      panel.follow(kernel ? controlOf(kernel) : null, kernel ? book.title.label : '');
    }

    let session = null;
    const changed = () => { follow(); };
    function watch() {
      if (session) session.kernelChanged.disconnect(changed);
      session = (tracker && tracker.currentWidget && tracker.currentWidget.sessionContext) || null;
      if (session) session.kernelChanged.connect(changed);
      follow();
    }
    if (tracker) tracker.currentChanged.connect(watch);
    watch();

    app.shell.add(side, 'left', { rank: 900 });
    if (restorer) restorer.add(side, PANEL);
    app.commands.addCommand('mobula:show-cluster', {
      label: 'Mobula: Show Cluster',
      caption: 'Show the cluster of the notebook in the side bar',
      execute: () => { app.shell.activateById(PANEL); },
    });
    if (palette) palette.addItem({ command: 'mobula:show-cluster', category: 'Mobula' });
  }

  return {
    id: 'mobula-lab:plugin',
    description: "Shows the cluster of a Mobula notebook, and lets its widgets reach the kernel.",
    autoStart: true,
    optional: [INotebookTracker, ICommandPalette, ILayoutRestorer],
    activate,
  };
}
