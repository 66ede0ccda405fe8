import { element, setText, duration } from "./dom.js";

// After so long without a new state a running operation says how old the last one is.
const silent = 5000;

export function drawProgress(d, state) {
  if (!d.view) d.view = makeView(d);
  const v = d.view;
  v.state = state;
  v.heard = Date.now();
  setText(v.title, state.title);
  setText(v.status, state.state); // role=status: read out when it changes, not with each tick
  d.root.dataset.state = state.state;
  v.cancel.hidden = state.state !== "running" || !state.id;
  while (v.rows.children.length > state.bars.length) v.rows.lastChild.remove();
  state.bars.forEach((bar, i) => drawBar(v.rows, i, bar, state));
  tick(v);
  if (state.state === "running" && !v.timer) v.timer = setInterval(() => tick(v), 1000);
  if (state.state !== "running") stop(v);
}

function makeView(d) {
  const v = {
    title: element("span", { class: "mob-title" }),
    status: element("span", { class: "mob-state", role: "status" }),
    age: element("span", { class: "mob-age" }),
    rows: element("div", { class: "mob-bars" }),
  };
  v.cancel = element("button", { type: "button", class: "mob-button", text: "Cancel", onclick: () => cancel(d, v) });
  v.problem = element("div", { class: "mob-problem", role: "alert" });
  d.root.append(element("div", { class: "mob-head" }, v.title, v.status, v.age, v.cancel), v.rows, v.problem);
  d.cleanups.push(() => stop(v));
  return v;
}

function stop(v) {
  clearInterval(v.timer);
  v.timer = 0;
}

async function cancel(d, v) {
  v.cancel.disabled = true;
  setText(v.problem, "");
  try {
    await d.control().request("cancel", { id: v.state.id });
  } catch (e) {
    setText(v.problem, `Not canceled: ${e.message}`);
  } finally {
    v.cancel.disabled = false;
  }
}

const ended = (bar) => bar.done + (bar.failed ?? 0) + (bar.canceled ?? 0);

function drawBar(rows, i, bar, state) {
  let row = rows.children[i];
  if (!row) {
    row = element("div", { class: "mob-bar" }, element("span", { class: "mob-name" }), element("progress", { max: "1" }), element("span", { class: "mob-figures" }));
    rows.append(row);
  }
  const [name, meter, figures] = row.children;
  setText(name, bar.name);
  meter.max = Math.max(1, bar.total);
  meter.value = ended(bar);
  meter.setAttribute("aria-label", bar.name);
  row.classList.toggle("mob-failed", (bar.failed ?? 0) > 0);
  setText(figures, words(bar, state.now));
}

function words(bar, now) {
  const n = ended(bar), over = n === bar.total;
  const spent = (over ? bar.last : now) - bar.began;
  const parts = [`${n}/${bar.total}`];
  for (const what of ["failed", "canceled", "retried"]) if (bar[what]) parts.push(`${bar[what]} ${what}`);
  const rate = spent > 0 ? (n * 1000) / spent : 0;
  if (rate > 0) parts.push(`${Number(rate.toPrecision(3))}/s`);
  parts.push(duration(Math.max(0, spent)));
  if (rate > 0 && !over) parts.push(`${duration(((bar.total - n) / rate) * 1000)} left`);
  return parts.join(", ");
}

function tick(v) {
  const age = Date.now() - v.heard;
  setText(v.age, v.state.state === "running" && age > silent ? `last update ${duration(age)} ago` : "");
}
