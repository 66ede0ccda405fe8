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
  const bars = state.children?.length ? state.children : [state];
  while (v.rows.children.length > bars.length) v.rows.lastChild.remove();
  bars.forEach((bar, i) => drawBar(v.rows, i, bar, bar === state));
  setText(v.more, state.children_omitted ? `… ${state.children_omitted} more operations` : "");
  setText(v.problem, state.error ?? "");
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
    more: element("div", { class: "mob-age" }),
  };
  v.cancel = element("button", { type: "button", class: "mob-button", text: "Cancel", onclick: () => cancel(d, v) });
  v.problem = element("div", { class: "mob-problem", role: "alert" });
  d.root.append(element("div", { class: "mob-head" }, v.title, v.status, v.age, v.cancel), v.rows, v.more, v.problem);
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

const ended = (bar) => bar.done + bar.failed + bar.cancelled;

// drawBar draws a bar; alone says that the title above it is its own.
function drawBar(rows, i, bar, alone) {
  let row = rows.children[i];
  if (!row) {
    row = element("div", { class: "mob-bar" }, element("span", { class: "mob-name" }), element("progress"), element("span", { class: "mob-figures" }));
    rows.append(row);
  }
  const [name, meter, figures] = row.children;
  setText(name, alone ? "" : bar.title);
  row.classList.toggle("mob-alone", alone);
  if (bar.total > 0 || bar.state !== "running") {
    meter.max = Math.max(1, bar.total);
    meter.value = bar.total > 0 ? ended(bar) : 1;
  } else {
    meter.removeAttribute("value"); // how much there is to do is not known
  }
  meter.setAttribute("aria-label", bar.title);
  row.classList.toggle("mob-failed", bar.failed > 0);
  setText(figures, words(bar));
}

function words(bar) {
  const unit = bar.unit ? ` ${bar.unit}` : "";
  const parts = [(bar.total > 0 ? `${ended(bar)}/${bar.total}` : String(ended(bar))) + unit];
  for (const what of ["running", "queued", "failed", "retried", "cancelled"]) if (bar[what]) parts.push(`${bar[what]} ${what}`);
  if (bar.rate > 0) parts.push(`${Number(bar.rate.toPrecision(3))}/s`);
  if (bar.ended && bar.started) parts.push(duration(Date.parse(bar.ended) - Date.parse(bar.started)));
  else if (bar.eta > 0) parts.push(`${duration(bar.eta * 1000)} left`);
  return parts.join(", ");
}

function tick(v) {
  const age = Date.now() - v.heard;
  setText(v.age, v.state.state === "running" && age > silent ? `last update ${duration(age)} ago` : "");
}
