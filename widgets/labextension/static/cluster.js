import { element, setText, bytes } from "./dom.js";

// nodesOf is how many live nodes a cluster has.
export const nodesOf = (state) => (state.nodes_omitted ?? 0) + state.nodes.filter((n) => n.state !== "dead").length;

// drawCluster draws what a cluster has and does; null is no cluster.
export function drawCluster(d, state) {
  if (!d.view) {
    d.view = { title: element("div", { class: "mob-title" }), message: element("div", { class: "mob-problem", role: "status" }), rows: element("tbody") };
    d.root.append(d.view.title, d.view.message, element("table", {}, d.view.rows));
  }
  setText(d.view.title, state ? heading(state) : "No cluster yet: the first task starts one.");
  setText(d.view.message, state?.message ?? "");
  d.view.rows.replaceChildren(...(state ? rowsOf(state) : []));
}

function heading(state) {
  const n = nodesOf(state);
  const parts = [state.title, n === 1 ? "1 node" : `${n} nodes`];
  if (state.state !== "connected") parts.splice(1, 0, state.state);
  if (state.via && n > 1) parts.push(`reached through ${state.via}`);
  return parts.join(", ");
}

function rowsOf(state) {
  const rows = state.resources.map((r) => {
    const write = r.unit === "bytes" ? bytes : (v) => String(Number(v.toFixed(4)));
    return meterRow(r.name, r.total - r.free, r.total, `${write(Math.max(0, r.free))} of ${write(r.total)} free`);
  });
  if (state.store) rows.push(meterRow("object store", state.store.used, state.store.capacity, `${bytes(state.store.used)} of ${bytes(state.store.capacity)} used`));
  const tasks = Object.entries(state.tasks).sort().map(([name, n]) => `${n} ${name}`).join(", ") || "none";
  for (const [name, text] of [["workers", String(state.workers)], ["tasks", tasks], ["version", state.version], ["address", state.address]]) {
    if (text) rows.push(row(name, element("span", { text })));
  }
  for (const w of state.waiting) rows.push(row("waiting", element("span", { text: `${w.tasks} for ${w.what}${w.reason ? `: ${w.reason}` : ""}` })));
  for (const j of state.jobs) rows.push(row("job", element("span", { text: [j.id, j.name, j.state].filter(Boolean).join(" ") })));
  return rows;
}

function meterRow(name, used, total, text) {
  const value = String(total > 0 ? Math.min(1, Math.max(0, used / total)) : 0);
  return row(name, element("meter", { min: "0", max: "1", value, "aria-label": `${name} in use` }), element("span", { text: ` ${text}` }));
}

const row = (name, ...children) => element("tr", {}, element("th", { scope: "row", text: name }), element("td", {}, ...children));
