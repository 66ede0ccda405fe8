// The container by which JupyterLab finds this extension: what a bundler would write, by hand. The rest are modules that are loaded when they
// are asked for, from beside this file, so that any base URL will do.
(() => {
  const here = new URL('.', document.currentScript.src).href;
  const files = { './mimeExtension': 'mime.js', './extension': 'extension.js' };
  let scope = null;

  const newer = (a, b) => {
    const [x, y] = [a, b].map((v) => v.split(/[^0-9]+/).map(Number));
    for (let i = 0; i < Math.max(x.length, y.length); i++) {
      if ((x[i] || 0) !== (y[i] || 0)) return (x[i] || 0) > (y[i] || 0);
    }
    return false;
  };

  // shared returns a package of the application: the newest one that it shares.
  const shared = async (name) => {
    const versions = scope[name];
    if (!versions) throw new Error(`mobula-lab: this application does not share ${name}`);
    const version = Object.keys(versions).reduce((a, b) => (newer(b, a) ? b : a));
    return (await versions[version].get())();
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB['mobula-lab'] = {
    init: (s) => { scope = s; },
    get: async (name) => {
      const { plugin } = await import(here + files[name]);
      const made = await plugin(shared);
      return () => ({ __esModule: true, default: made });
    },
  };
})();
