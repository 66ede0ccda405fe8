import { element, setText } from "./dom.js";

// drawCluster draws what a cluster has and does; null is no cluster.
export function drawCluster(d, state) {
  if (!d.view) {
    d.view = { title: element("div", { class: "mob-title" }), rows: element("tbody") };
    d.root.append(d.view.title, element("table", {}, d.view.rows));
  }
  setText(d.view.title, state ? state.title : "No cluster yet: the first task starts one.");
  d.view.rows.replaceChildren(...(state ? rowsOf(state) : []));
}

function rowsOf(state) {
  const rows = state.resources.map((r) => {
    const used = r.total > 0 ? Math.min(1, Math.max(0, r.used / r.total)) : 0;
    return row(r.name, element("meter", { min: "0", max: "1", value: String(used), "aria-label": `${r.name} in use` }), element("span", { text: ` ${r.text}` }));
  });
  const tasks = state.tasks.map((t) => `${t.tasks} ${t.state}`).join(", ") || "none";
  for (const [name, text] of [["workers", String(state.workers)], ["tasks", tasks], ["version", state.version], ["address", state.address]]) {
    if (text) rows.push(row(name, element("span", { text })));
  }
  return rows;
}

const row = (name, ...children) => element("tr", {}, element("th", { scope: "row", text: name }), element("td", {}, ...children));
