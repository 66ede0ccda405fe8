import { element, setText } from "./dom.js";

export function drawTable(d, state) {
  if (!d.view) {
    d.view = { caption: element("caption"), head: element("tr"), body: element("tbody"), more: element("div", { class: "mob-age" }), by: -1, down: false };
    d.root.append(element("div", { class: "mob-scroll", tabindex: "0" }, element("table", {}, d.view.caption, element("thead", {}, d.view.head), d.view.body)), d.view.more);
  }
  const v = d.view;
  v.state = state;
  setText(v.caption, state.title ?? "");
  setText(v.more, [state.rows_omitted ? `${state.rows_omitted} more rows` : "", state.columns_omitted ? `${state.columns_omitted} more columns` : ""].filter(Boolean).map((t) => `… ${t}`).join(", "));
  v.head.replaceChildren(...state.columns.map((c, i) => header(v, c, i)));
  drawRows(v);
}

function header(v, column, i) {
  const sorted = v.by === i ? (v.down ? "descending" : "ascending") : "none";
  const button = element("button", { type: "button", class: "mob-sort", text: column.name, onclick: () => sortBy(v, i) });
  return element("th", { scope: "col", "aria-sort": sorted }, button);
}

function sortBy(v, i) {
  v.down = v.by === i && !v.down;
  v.by = i;
  v.head.replaceChildren(...v.state.columns.map((c, j) => header(v, c, j)));
  drawRows(v);
  v.head.children[i].firstChild.focus();
}

function drawRows(v) {
  const { rows, columns } = v.state;
  const sorted = v.by < 0 || v.by >= columns.length ? rows : [...rows].sort((a, b) => compare(a[v.by], b[v.by], columns[v.by].numeric) * (v.down ? -1 : 1));
  v.body.replaceChildren(...sorted.map((r) => element("tr", {}, ...r.map((text, i) => element("td", { text, class: columns[i].numeric ? "mob-numeric" : "" })))));
}

function compare(a, b, numeric) {
  if (numeric) {
    const x = parseFloat(a), y = parseFloat(b);
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  }
  return a.localeCompare(b);
}
