import { element, setText, figure } from "./dom.js";

// After Okabe and Ito (2008): told apart by those who do not see all colours, on white and on black.
const palette = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9"];
const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
const height = 280;

let library; // uPlot, once a chart needs it
const uplot = () => (library ??= import("./uplot/uPlot.esm.js").then((m) => m.default));

export async function drawChart(d, state) {
  if (!d.view) d.view = makeView(d);
  const v = d.view;
  v.state = state;
  const uPlot = await uplot();
  if (v.state !== state) return; // a later one is on its way
  const how = !state.state || state.state === "done" ? "" : ` (${state.state}${state.error ? `: ${state.error}` : ""})`;
  setText(v.caption, state.title + how);
  v.plot.setAttribute("aria-label", `${state.title}: ${state.series.filter((s) => s.y.length).map((s) => `${s.name} is ${figure(s.y.at(-1))}`).join(", ")}`);
  drawFigures(v.figures, state);
  const shape = JSON.stringify([state.x, state.y, state.series.map((s) => [s.name, s.emphasis])]);
  if (v.chart && v.shape === shape) v.chart.setData(dataOf(uPlot, state));
  else build(d, v, uPlot, shape);
}

function makeView(d) {
  const v = {
    plot: element("div", { class: "mob-plot", role: "img" }),
    caption: element("figcaption", { role: "status" }),
    figures: element("tbody"),
  };
  const head = element("tr", {}, ...["line", "points", "last x", "last y"].map((t) => element("th", { scope: "col", text: t })));
  d.root.append(element("figure", {}, v.plot, v.caption,
    element("details", {}, element("summary", { text: "figures" }), element("table", {}, element("thead", {}, head), v.figures))));
  v.redraw = () => v.chart && build(d, v, v.uPlot, v.shape);
  const theme = new MutationObserver(v.redraw); // the canvas has the theme's colours
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light"] });
  const size = new ResizeObserver(() => v.chart?.setSize({ width: widthOf(d.root), height }));
  size.observe(d.root);
  d.cleanups.push(() => { theme.disconnect(); size.disconnect(); v.chart?.destroy(); });
  return v;
}

const widthOf = (root) => Math.max(200, Math.min(900, root.clientWidth || 640) - 8);

// dataOf joins the lines by their x.
function dataOf(uPlot, state) {
  const positive = (y) => (state.y.log ? y.map((v) => (v > 0 ? v : null)) : y);
  if (state.series.length === 0) return [[]];
  return uPlot.join(state.series.map((s) => [s.x, positive(s.y)]));
}

function build(d, v, uPlot, shape) {
  v.chart?.destroy();
  v.uPlot = uPlot;
  v.shape = shape;
  const css = getComputedStyle(d.root);
  const colour = (name, other) => css.getPropertyValue(name).trim() || other;
  const axis = (label) => ({
    label, stroke: colour("--jp-ui-font-color1", "#808080"), grid: { stroke: "#80808030", width: 1 }, ticks: { stroke: "#80808060", width: 1 },
  });
  const { x, y, series } = v.state;
  v.chart = new uPlot({
    width: widthOf(d.root), height,
    scales: { x: { time: x.time === true, distr: x.log ? 3 : 1 }, y: { distr: y.log ? 3 : 1 } },
    axes: [axis(x.label), { ...axis(y.label), size: 64 }],
    series: [{ label: x.label || "x" }, ...series.map((s, i) => ({
      label: s.name, stroke: palette[i % palette.length], dash: dashes[Math.floor(i / palette.length) % dashes.length], width: s.emphasis === "strong" ? 3 : 1.6, alpha: s.emphasis === "faded" ? 0.35 : 1, spanGaps: false,
      points: { show: s.x.length < 2 },
    }))],
  }, dataOf(uPlot, v.state), v.plot);
}

function drawFigures(body, state) {
  body.replaceChildren(...state.series.map((s) => element("tr", {}, ...[s.name, String(s.points), figure(s.x.at(-1)), figure(s.y.at(-1))].map((text) => element("td", { text })))));
}
