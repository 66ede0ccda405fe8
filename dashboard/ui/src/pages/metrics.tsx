import { useEffect, useState } from 'preact/hooks';
import { Chart, type Curve } from '../chart';
import { brief, bytes } from '../format';
import { setQuery, useRoute, useStream, useTopic } from '../hooks';
import { Gaps, Problem } from '../parts';
import type { MetricsPart, Node } from '../types';

const kept = 15 * 60 * 1000; // ms

const perSecond = (n: number) => `${brief(n)}/s`;
const bytesPerSecond = (n: number) => `${bytes(n)}/s`;

interface Picture { title: string; format: (n: number) => string; curves: { name: string; series: string; bound?: boolean }[]; /** Shown only where this is above 0. */ where?: string }

const pictures: Picture[] = [
  { title: 'CPUs', format: brief, curves: [{ name: 'in use', series: 'cpu_used' }, { name: 'all', series: 'cpu_total', bound: true }] },
  { title: 'GPUs', format: brief, where: 'gpu_total', curves: [{ name: 'in use', series: 'gpu_used' }, { name: 'all', series: 'gpu_total', bound: true }] },
  { title: 'Tasks', format: brief, curves: [{ name: 'running', series: 'tasks_running' }, { name: 'waiting', series: 'tasks_waiting' }] },
  { title: 'Ends of tasks', format: perSecond, curves: [{ name: 'finished', series: 'tasks_finished_rate' }, { name: 'failed', series: 'tasks_failed_rate' }] },
  { title: 'Memory', format: bytes, curves: [{ name: 'in use', series: 'memory_used' }, { name: 'workers', series: 'workers_memory' }, { name: 'all', series: 'memory_total', bound: true }] },
  { title: 'Object store', format: bytes, curves: [{ name: 'in memory', series: 'store_used' }, { name: 'on disk', series: 'store_disk' }, { name: 'capacity', series: 'store_capacity', bound: true }] },
  { title: 'Workers', format: brief, curves: [{ name: 'processes', series: 'workers' }] },
  { title: 'Between nodes', format: bytesPerSecond, curves: [{ name: 'sent', series: 'sent_rate' }, { name: 'fetched', series: 'fetched_rate' }] },
];

/** Adds what is new, and lets go what is older than the page shows. */
export function addPart(was: MetricsPart, p: MetricsPart): MetricsPart {
  const times = was.times.concat(p.times);
  const last = times[times.length - 1] ?? 0;
  let from = 0;
  while (from < times.length && times[from] < last - kept) from++;
  const series: MetricsPart['series'] = {};
  for (const [name, values] of Object.entries(p.series)) series[name] = (was.series[name] ?? []).concat(values).slice(from);
  return { times: times.slice(from), series };
}

export function MetricsPage() {
  const nodes = useTopic<never, Node>('nodes');
  const { query } = useRoute();
  const node = query.get('node') ?? '';
  return (
    <>
      <h1 tabIndex={-1}>Metrics</h1>
      <form class="filters" onSubmit={(e) => e.preventDefault()}>
        <label>Of <select value={node} onChange={(e) => setQuery('node', e.currentTarget.value)}>
          <option value="">the cluster</option>
          {nodes.rows.filter((n) => n.state !== 'dead').map((n) => <option key={n.id} value={n.id}>{n.name}</option>)}
        </select></label>
      </form>
      <p class="soft">The last 15 minutes: each second while somebody looks, else a few curves each 15 seconds. For longer, have Prometheus read <code>/metrics</code> and <code>/metrics/nodes</code>.</p>
      <Gaps topic={nodes} what="nodes" />
      <MetricsOf node={node} />
    </>
  );
}

export function MetricsOf({ node }: { node: string }) {
  const [all, setAll] = useState<MetricsPart>({ times: [], series: {} });
  const topic = useStream<MetricsPart>('metrics', node ? { node } : {}, (p, full) => setAll((was) => addPart(full ? { times: [], series: {} } : was, p)));
  useEffect(() => setAll({ times: [], series: {} }), [node]);
  const shown = pictures.filter((p) => !p.where || (all.series[p.where] ?? []).some((v) => (v ?? 0) > 0));
  return (
    <>
      {topic.error && <Problem>{topic.error}</Problem>}
      {all.times.length === 0 ? <p class="soft">The first samples come in a moment…</p> : <div class="charts">{shown.map((p) => (
        <Chart key={p.title} title={p.title} times={all.times} format={p.format} curves={p.curves.map((c): Curve => ({ name: c.name, bound: c.bound, values: all.series[c.series] ?? [] }))} />
      ))}</div>}
    </>
  );
}
