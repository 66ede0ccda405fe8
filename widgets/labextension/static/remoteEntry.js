// The container by which JupyterLab loads a prebuilt extension (module federation), written by hand: no bundler is needed. What it gives is in
// the modules beside it.
(function () {
  const base = document.currentScript.src.replace(/[^/]*$/, "");
  let scope;
  // shared returns a module that JupyterLab itself has loaded.
  const shared = async (name) => {
    const versions = scope[name];
    if (!versions) throw new Error(`this JupyterLab does not share ${name}`);
    return (await Object.values(versions).at(-1).get())();
  };
  const style = () => {
    if (document.getElementById("mobula-style")) return;
    for (const file of ["style.css", "uplot/uPlot.min.css"]) {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = base + file;
      link.id = file === "style.css" ? "mobula-style" : "mobula-uplot-style";
      document.head.append(link);
    }
  };
  const modules = {
    "./extension": async () => (await import(base + "panel.js")).plugin(shared, base),
    "./mimeExtension": async () => (await import(base + "mime.js")).renderers(shared),
    "./style": async () => ({}),
  };
  (window._JUPYTERLAB = window._JUPYTERLAB || {})["mobula-lab"] = {
    init: (s) => { scope = s; style(); },
    get: async (name) => {
      const make = modules[name];
      if (!make) throw new Error(`mobula-lab has no module ${name}`);
      const module = { __esModule: true, default: await make() };
      return () => module;
    },
  };
})();
