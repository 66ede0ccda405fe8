import { bytes, clock, count, duration, quantities, short, since } from '../format';
import { href, useNow, useTopic } from '../hooks';
import { Bar, Card, Counts, Crumbs, Facts, Gaps, ID, ResourceBars, State, Use } from '../parts';
import { Table, type Column } from '../table';
import type { Figures, Group, Node, Worker } from '../types';
import { MetricsOf } from './metrics';

const resource = (n: Node, name: string) => n.resources.find((r) => r.name === name);
const used = (f: Figures | undefined) => (f ? f.memory.total - f.memory.available : 0);

export function NodesPage() {
  const nodes = useTopic<never, Node>('nodes'), groups = useTopic<never, Group>('groups'), now = useNow();
  const alive = (n: Node) => n.state !== 'dead';
  const columns: Column<Node>[] = [
    { title: 'Name', by: (n) => n.name, cell: (n) => <a href={href('nodes', n.id)}>{n.name}</a> },
    { title: 'State', by: (n) => n.state, cell: (n) => <State of={n.state} />, hint: (n) => n.reason },
    { title: 'CPUs', by: (n) => resource(n, 'cpu')?.used, cell: (n) => { const r = resource(n, 'cpu'); return alive(n) && r ? <Use label="CPUs" used={r.used} total={r.total} /> : '–'; } },
    { title: 'GPUs', by: (n) => resource(n, 'gpu')?.used, cell: (n) => { const r = resource(n, 'gpu'); return alive(n) && r ? <Use label="GPUs" used={r.used} total={r.total} /> : '–'; } },
    { title: 'Memory', by: (n) => used(n.figures), cell: (n) => <Use label="Memory" used={used(n.figures)} total={n.figures?.memory.total ?? 0} format={bytes} /> },
    { title: 'Object store', by: (n) => n.figures?.store?.Busy, cell: (n) => <Use label="Object store" used={n.figures?.store?.Busy ?? 0} total={n.figures?.store?.Capacity ?? 0} format={bytes} /> },
    { title: 'Workers', number: true, by: (n) => n.workers, cell: (n) => (alive(n) ? count(n.workers) : '–') },
    { title: 'Waiting', number: true, by: (n) => n.waiting, cell: (n) => (alive(n) ? count(n.waiting) : '–') },
    { title: 'Address', by: (n) => n.address, cell: (n) => n.address ?? '–' },
    { title: 'Labels', grow: true, cell: (n) => labels(n), hint: labels },
    { title: 'Age', number: true, by: (n) => n.joined, cell: (n) => since(now, n.joined) },
  ];
  const groupColumns: Column<Group>[] = [
    { title: 'Group', cell: (g) => <ID of={g.id} /> },
    { title: 'Name', by: (g) => g.name, cell: (g) => g.name || '–' },
    { title: 'Strategy', by: (g) => g.strategy, cell: (g) => g.strategy },
    { title: 'State', by: (g) => g.state, cell: (g) => <State of={g.state} /> },
    { title: 'Bundles', grow: true, cell: (g) => bundles(g, nodes.rows), hint: (g) => bundles(g, nodes.rows) },
    { title: 'Job', cell: (g) => <ID of={g.job} to="jobs" /> },
    { title: 'Reason', grow: true, cell: (g) => g.reason || '–', hint: (g) => g.reason },
    { title: 'Age', number: true, by: (g) => g.created, cell: (g) => since(now, g.created) },
  ];
  return (
    <>
      <h1 tabIndex={-1}>Nodes</h1>
      <Gaps topic={nodes} what="nodes" />
      {nodes.loaded && <Table label="Nodes" columns={columns} rows={nodes.rows} id={(n) => n.id} sort="Name" />}
      <h2>Placement groups</h2>
      <Gaps topic={groups} what="placement groups" />
      {groups.loaded && <Table label="Placement groups" columns={groupColumns} rows={groups.rows} id={(g) => g.id} none="No placement group." sort="Age" down />}
    </>
  );
}

function labels(n: Node): string { return Object.entries(n.labels ?? {}).sort().map(([k, v]) => `${k}=${v}`).join(', ') || '–'; }

function bundles(g: Group, nodes: Node[]): string {
  return (g.bundles ?? []).map((b) => `${quantities(b.resources)} at ${nodes.find((n) => n.id === b.node)?.name ?? short(b.node) ?? '?'}`).join('; ') || '–';
}

export function NodePage({ id }: { id: string }) {
  const nodes = useTopic<never, Node>('nodes'), now = useNow();
  const n = nodes.rows.find((x) => x.id === id);
  return (
    <>
      <Crumbs of={[['Nodes', href('nodes')]]} />
      <h1 tabIndex={-1}>Node {n?.name ?? short(id)} {n && <State of={n.state} />}</h1>
      <Gaps topic={nodes} what="nodes" />
      {nodes.loaded && !n && <p>The cluster does not know this node any more: it keeps dead ones for a day.</p>}
      {n?.reason && <p class="reason">{n.reason}</p>}
      {n && <div class="cards">
        <Card title="Resources">
          <ResourceBars all={n.resources} />
          {n.figures && <Bar label="Memory of the machine" used={used(n.figures)} total={n.figures.memory.total} text={`${bytes(used(n.figures))} of ${bytes(n.figures.memory.total)}`} />}
        </Card>
        <Card title="Node">
          <Facts of={[
            ['Id', <span class="id">{n.id}</span>], ['Address', n.address], ['Release', n.version], ['Process', n.pid], ['Joined', clock(n.joined)], ['Labels', labels(n)],
            ['Devices', n.devices?.join(', ')], ['Leases', n.figures && `${count(n.figures.leases)}, for ${count(n.figures.slots)} tasks at a time`], ['Waiting tasks', n.figures && count(n.figures.waiting)],
            ['Tasks of its drivers', n.figures && <Counts of={n.figures.tasks} to={(s) => `${href('tasks')}?state=${s}`} />],
          ]} />
        </Card>
        {n.figures?.store && <Store f={n.figures} />}
        {n.figures && <Card title="Its own process">
          <Facts of={[
            ['CPU time', duration(1000 * n.figures.process.cpu)], ['Memory', bytes(n.figures.process.resident)], ['Heap', bytes(n.figures.process.heap)], ['Goroutines', count(n.figures.process.goroutines)],
            ['Open files', n.figures.process.open_files && count(n.figures.process.open_files)], ['Logs on disk', bytes(n.figures.logs)],
            ['Workers started', count(n.figures.workers.started)], ['Workers ended', Object.entries(n.figures.workers.ended).map(([why, k]) => `${count(k)} ${why}`).join(', ')],
          ]} />
        </Card>}
      </div>}
      {n && <Workers node={n} now={now} />}
      {n && n.state !== 'dead' && <><h2>Last 15 minutes</h2><MetricsOf node={n.id} /></>}
    </>
  );
}

function Store({ f }: { f: Figures }) {
  const s = f.store;
  if (!s) return null;
  const objects = s.Objects.reduce((a, b) => a + b, 0);
  return (
    <Card title="Object store">
      <Bar label="Memory" used={s.Busy} total={s.Capacity} text={`${bytes(s.Busy)} of ${bytes(s.Capacity)}`} />
      <Facts of={[
        ['Objects', count(objects)], ['Pinned by readers', bytes(s.Pinned)], ['On disk', bytes(s.SpilledBytes)], ['Written to disk so far', bytes(s.SpilledTotal)], ['Read back', bytes(s.Restored)],
        ['Dropped to make room', bytes(s.Evicted)], ['Sent to other nodes', `${count(f.sent.Objects)} objects, ${bytes(f.sent.Bytes)}`], ['Fetched from others', `${count(f.fetched.Objects)} objects, ${bytes(f.fetched.Bytes)}`],
      ]} />
    </Card>
  );
}

function Workers({ node, now }: { node: Node; now: number }) {
  const workers = useTopic<never, Worker>('workers', { node: node.name });
  const columns: Column<Worker>[] = [
    { title: 'Worker', by: (w) => w.worker, cell: (w) => <ID of={w.worker} to="logs" /> },
    { title: 'Process', number: true, by: (w) => w.pid, cell: (w) => w.pid ?? '–' },
    { title: 'State', by: (w) => w.state, cell: (w) => <State of={w.state} /> },
    { title: 'Kind', by: (w) => (w.shared ? 'shared' : 'own'), cell: (w) => (w.shared ? 'shared' : 'own') },
    { title: 'Leases', number: true, by: (w) => w.leases.length, cell: (w) => count(w.leases.length) },
    { title: 'Memory', number: true, by: (w) => w.resident, cell: (w) => bytes(w.resident) },
    { title: 'Devices', grow: true, cell: (w) => w.devices?.join(', ') || '–' },
    { title: 'Age', number: true, by: (w) => w.started, cell: (w) => since(now, w.started) },
  ];
  return (
    <>
      <h2>Workers</h2>
      <Gaps topic={workers} what="workers" />
      {workers.loaded && <Table label="Workers" columns={columns} rows={workers.rows} id={(w) => w.worker} none="No worker process runs there." sort="Age" />}
    </>
  );
}

