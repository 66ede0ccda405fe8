// When which task ran where: a canvas with a lane for each task that runs at a time on a worker. The same tasks are in the table beside it.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { duration, short } from './format';
import { href, useDark, useNow } from './hooks';
import type { Span } from './types';

interface Lane { node: string; worker: string; spans: Span[]; first: boolean /* of its node */ }

const laneHeight = 16, gap = 3, axis = 22, gutter = 150; // px
const maxLanes = 60;

/** Puts spans into lanes in which they do not overlap, by node and worker. */
export function lanesOf(spans: Span[], now: number): Lane[] {
  const places = new Map<string, { node: string; worker: string; lanes: { free: number; spans: Span[] }[] }>();
  for (const s of [...spans].sort((a, b) => a.begin - b.begin)) {
    const key = `${s.node ?? ''}\n${s.worker ?? ''}`;
    let place = places.get(key);
    if (!place) places.set(key, place = { node: s.node ?? '', worker: s.worker ?? '', lanes: [] });
    let lane = place.lanes.find((l) => l.free <= s.begin);
    if (!lane) place.lanes.push(lane = { free: 0, spans: [] });
    lane.free = s.end || now;
    lane.spans.push(s);
  }
  const all: Lane[] = [];
  let before: string | undefined;
  for (const p of [...places.values()].sort((a, b) => a.node.localeCompare(b.node) || a.worker.localeCompare(b.worker))) {
    for (const l of p.lanes) {
      all.push({ node: p.node, worker: p.worker, spans: l.spans, first: p.node !== before });
      before = p.node;
    }
  }
  return all;
}

/** A colour for a name: the same each time. */
function hue(name: string): number {
  let h = 0;
  for (let i = 0; i < name.length; i++) h = (h * 31 + name.charCodeAt(i)) | 0;
  return ((h % 360) + 360) % 360;
}

interface Range { from: number; to: number }

export function Timeline({ spans }: { spans: Span[] }) {
  const now = useNow(), dark = useDark();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [range, setRange] = useState<Range | null>(null); // null: all, and what comes
  const [chosen, setChosen] = useState<Span | null>(null);
  const [width, setWidth] = useState(0);
  const lanes = useMemo(() => lanesOf(spans, now).slice(0, maxLanes), [spans]);
  const begin = useMemo(() => spans.reduce((t, s) => Math.min(t, s.begin), Infinity), [spans]);
  const end = spans.some((s) => !s.end) ? now : spans.reduce((t, s) => Math.max(t, s.end ?? 0), 0);
  const all: Range = { from: begin, to: Math.max(end, begin + 1) };
  const view = range ?? all;
  useEffect(() => {
    const c = canvas.current;
    if (!c) return undefined;
    const sized = new ResizeObserver(() => setWidth(c.clientWidth));
    sized.observe(c);
    return () => sized.disconnect();
  }, [spans.length > 0]);
  useEffect(() => { if (canvas.current && width > 0) draw(canvas.current, lanes, view, now, chosen); }, [lanes, view.from, view.to, dark, width, chosen]);
  if (spans.length === 0) return <p class="soft">Nothing has run yet.</p>;
  const zoom = (factor: number, at = (view.from + view.to) / 2) => {
    const from = at - (at - view.from) * factor, to = at + (view.to - at) * factor;
    setRange(to - from >= all.to - all.from ? null : { from, to });
  };
  const move = (part: number) => {
    const by = (view.to - view.from) * part;
    setRange({ from: view.from + by, to: view.to + by });
  };
  const timeAt = (x: number) => view.from + (x - gutter) / Math.max(1, width - gutter) * (view.to - view.from);
  const spanAt = (e: MouseEvent): Span | null => {
    const t = timeAt(e.offsetX), slack = (view.to - view.from) / Math.max(1, width - gutter) * 3;
    const lane = lanes[Math.floor((e.offsetY - axis) / (laneHeight + gap))];
    return lane?.spans.find((s) => s.begin - slack <= t && t <= (s.end || now) + slack) ?? null;
  };
  const keys: Record<string, () => void> = { '+': () => zoom(0.5), '-': () => zoom(2), ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2), '0': () => setRange(null), Home: () => setRange(null) };
  return (
    <div class="timeline">
      <div class="tools" role="group" aria-label="Part of the timeline">
        <button type="button" onClick={() => zoom(0.5)}>Zoom in</button>
        <button type="button" onClick={() => zoom(2)}>Zoom out</button>
        <button type="button" onClick={() => move(-0.5)}>Earlier</button>
        <button type="button" onClick={() => move(0.5)}>Later</button>
        <button type="button" onClick={() => setRange(null)} disabled={!range}>All</button>
        <span class="soft">{spans.length.toLocaleString('en')} attempts, {duration(view.to - view.from)} shown</span>
      </div>
      <canvas
        ref={canvas} tabIndex={0} role="img" style={{ height: `${axis + lanes.length * (laneHeight + gap)}px` }}
        aria-label={`Timeline of ${spans.length} attempts of tasks on ${new Set(lanes.map((l) => l.worker)).size} workers. Plus and minus zoom, the arrow keys move. The table of tasks has the same.`}
        onKeyDown={(e) => { const f = keys[e.key]; if (f) { e.preventDefault(); f(); } }}
        onWheel={(e) => { if (e.ctrlKey || e.shiftKey) { e.preventDefault(); zoom(e.deltaY > 0 || e.deltaX > 0 ? 1.25 : 0.8, timeAt(e.offsetX)); } }}
        onClick={(e) => setChosen(spanAt(e))}
        onMouseMove={(e) => { const s = spanAt(e); (e.currentTarget as HTMLElement).title = s ? describe(s, now) : ''; }}
      />
      <p class="chosen" aria-live="polite">{chosen ? <><a href={href('tasks', chosen.task)}>{chosen.name || short(chosen.task)}</a> {describe(chosen, now)}</> : <span class="soft">Choose a bar to see its task. Ctrl and the wheel zoom.</span>}</p>
    </div>
  );
}

function describe(s: Span, now: number): string {
  return `${s.name} · attempt ${s.attempt} · ${s.state} · ${duration((s.end || now) - s.begin)} on ${s.node || 'a node that is gone'}, worker ${short(s.worker)}`;
}

function draw(canvas: HTMLCanvasElement, lanes: Lane[], view: Range, now: number, chosen: Span | null): void {
  const scale = devicePixelRatio || 1, width = canvas.clientWidth, height = axis + lanes.length * (laneHeight + gap);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const g = canvas.getContext('2d');
  if (!g) return;
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const text = color('--text'), soft = color('--soft'), grid = color('--grid'), bad = color('--bad'), dark = color('--dark') === '1';
  g.scale(scale, scale);
  g.font = '12px system-ui, sans-serif';
  g.textBaseline = 'middle';
  const x = (t: number) => gutter + (t - view.from) / (view.to - view.from) * (width - gutter);
  drawAxis(g, view, x, width, height, soft, grid);
  lanes.forEach((lane, i) => {
    const y = axis + i * (laneHeight + gap);
    g.fillStyle = lane.first ? text : soft;
    g.fillText(fit(g, lane.first ? lane.node || 'gone' : `  ${short(lane.worker)}`, gutter - 12), 4, y + laneHeight / 2);
    for (const s of lane.spans) {
      const left = Math.max(gutter, x(s.begin)), right = Math.min(width, x(s.end || now));
      if (right < gutter || left > width) continue;
      const w = Math.max(1.5, right - left);
      g.fillStyle = `hsl(${hue(s.name)} ${dark ? '45% 45%' : '55% 62%'})`;
      g.fillRect(left, y, w, laneHeight);
      if (s.state === 'failed' || s.state === 'retried') { // not by colour alone: a bar at its foot
        g.fillStyle = bad;
        g.fillRect(left, y + laneHeight - 4, w, 4);
      }
      if (chosen && chosen.task === s.task && chosen.attempt === s.attempt) {
        g.strokeStyle = text;
        g.lineWidth = 2;
        g.strokeRect(left + 1, y + 1, w - 2, laneHeight - 2);
      }
      if (w > 40) {
        g.fillStyle = dark ? '#fff' : '#111';
        g.fillText(fit(g, s.name, w - 8), left + 4, y + laneHeight / 2);
      }
    }
  });
}

function fit(g: CanvasRenderingContext2D, text: string, width: number): string {
  if (g.measureText(text).width <= width) return text;
  let n = Math.floor(text.length * width / g.measureText(text).width);
  while (n > 0 && g.measureText(text.slice(0, n) + '…').width > width) n--;
  return n > 0 ? text.slice(0, n) + '…' : '';
}

function drawAxis(g: CanvasRenderingContext2D, view: Range, x: (t: number) => number, width: number, height: number, soft: string, grid: string): void {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5, 864e5];
  const fine = (view.to - view.from) / Math.max(1, (width - gutter) / 110);
  const step = fine < 1 ? 10 ** Math.ceil(Math.log10(fine)) : steps.find((s) => s >= fine) ?? 864e5;
  g.strokeStyle = grid;
  g.fillStyle = soft;
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    const at = Math.round(x(t)) + 0.5;
    g.beginPath();
    g.moveTo(at, axis - 4);
    g.lineTo(at, height);
    g.stroke();
    const d = new Date(t);
    const label = step >= 1000 ? d.toLocaleTimeString('en-GB') : `${d.toLocaleTimeString('en-GB')}.${String(d.getMilliseconds()).padStart(3, '0')}`;
    if (at + 80 < width) g.fillText(label, at + 3, axis / 2);
  }
}
