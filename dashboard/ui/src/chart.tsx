// Curves over time, by uPlot. Beside the picture its last values are there as text.

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { useDark } from './hooks';

export interface Curve { name: string; values: (number | null)[]; /** Dashed: a bound rather than a use. */ bound?: boolean }

interface Props { title: string; times: number[]; curves: Curve[]; format: (n: number) => string }

const height = 170; // px

function color(name: string): string { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

function lastOf(values: (number | null)[]): number | null {
  for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null) return values[i];
  return null;
}

export function Chart({ title, times, curves, format }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const dark = useDark();
  const names = curves.map((c) => c.name).join('\n');
  useEffect(() => {
    const b = box.current;
    if (!b) return undefined;
    const axis = { stroke: color('--soft'), grid: { stroke: color('--grid'), width: 1 }, ticks: { stroke: color('--grid'), width: 1 }, font: '12px system-ui, sans-serif' };
    const p = new uPlot({
      width: b.clientWidth, height, cursor: { drag: { x: false, y: false } }, legend: { show: false },
      scales: { x: { time: true }, y: { range: (_u, _min, max) => [0, max > 0 ? max * 1.08 : 1] } },
      axes: [axis, { ...axis, size: 70, values: (_u, ticks) => ticks.map((t) => format(t)) }],
      series: [{}, ...curves.map((c, i) => ({
        label: c.name, stroke: color(`--curve${i + 1}`), points: { show: false }, spanGaps: true, ...(c.bound ? { dash: [6, 4], width: 1.5 } : { width: 2, fill: i === 0 ? color('--fill') : undefined }),
      }))],
    }, [[], ...curves.map(() => [])] as uPlot.AlignedData, b);
    plot.current = p;
    const sized = new ResizeObserver(() => p.setSize({ width: b.clientWidth, height }));
    sized.observe(b);
    return () => {
      sized.disconnect();
      p.destroy();
      plot.current = null;
    };
  }, [dark, names]);
  useEffect(() => {
    plot.current?.setData([times.map((t) => t / 1000), ...curves.map((c) => c.values)] as uPlot.AlignedData);
  }, [times, dark, names]);
  const now = curves.map((c) => ({ name: c.name, value: lastOf(c.values) }));
  const text = now.map(({ name, value }) => `${name} ${value === null ? 'not known' : format(value)}`).join(', ');
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        {now.map(({ name, value }, i) => <span key={name} class="legend"><i class={`key curve${i + 1}`} aria-hidden="true" />{name} <b>{value === null ? '–' : format(value)}</b></span>)}
      </figcaption>
      <div ref={box} class="plot" role="img" aria-label={`${title} over the last minutes. Now: ${text}.`} />
    </figure>
  );
}
