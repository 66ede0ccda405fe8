import { bytes, clock, count, quantities, short, since } from '../format';
import { href, useNow, useTopic } from '../hooks';
import { Bar, Card, Counts, Facts, Gaps, ID, ResourceBars, State } from '../parts';
import type { Overview } from '../types';

export function OverviewPage() {
  const topic = useTopic<Overview>('overview'), now = useNow();
  const o = topic.meta;
  return (
    <>
      <h1 tabIndex={-1}>Overview</h1>
      <Gaps topic={topic} what="the cluster" />
      {o && <div class="cards">
        <Card title="Resources">
          {o.resources.length === 0 ? <p class="soft">No node is alive.</p> : <ResourceBars all={o.resources} />}
          {o.store && <Bar label="Object store" used={o.store.used} total={o.store.capacity} text={`${bytes(o.store.used)} of ${bytes(o.store.capacity)}${o.store.on_disk ? `, ${bytes(o.store.on_disk)} on disk` : ''}`} />}
        </Card>
        <Card title="Cluster">
          <Facts of={[
            ['Name', o.cluster.name || o.cluster.id.slice(0, 8)], ['Up for', since(now, o.cluster.created)], ['Release', o.cluster.version], ['Head', o.cluster.address || 'for this machine only'],
            ['Nodes', <Counts of={o.nodes} />], ['Workers', count(o.workers)], ['Jobs', <Counts of={o.jobs} />], ['Tasks', <Counts of={o.tasks} to={(s) => `${href('tasks')}?state=${s}`} />],
          ]} />
        </Card>
        <Queue o={o} />
        <Card title="Recent jobs">
          {o.recent.length === 0 ? <p class="soft">No job yet.</p> : <ul class="list">{o.recent.map((j) => (
            <li key={j.id}><State of={j.state} /> <a href={href('jobs', j.id)}>{j.name || short(j.id)}</a> <span class="soft">{since(now, j.created)} ago</span>{j.message && <span class="cut" title={j.message}>{j.message}</span>}</li>
          ))}</ul>}
        </Card>
        <Card title="Recent failures" wide>
          {o.failures.length === 0 ? <p class="soft">No task has failed, of those that are known.</p> : <ul class="list">{o.failures.map((t) => (
            <li key={t.task}><time dateTime={t.last} title={clock(t.last)} class="soft">{since(now, t.last)} ago</time> <a href={href('tasks', t.task)}>{t.name || 'task'}</a> <ID of={t.task} />
              <span class="soft">{t.node ? `on ${t.node}` : ''}</span><span class="cut mono" title={t.error}>{t.error}</span></li>
          ))}</ul>}
        </Card>
      </div>}
    </>
  );
}

function Queue({ o }: { o: Overview }) {
  const { demand, waiting } = o;
  return (
    <Card title="Queue">
      {waiting === 0 && demand.length === 0 && <p class="soft">Nothing waits for resources.</p>}
      {waiting > 0 && <p><strong>{count(waiting)}</strong> {waiting === 1 ? 'task waits' : 'tasks wait'} for room.</p>}
      {demand.length > 0 && <ul class="list">{demand.map((d, i) => (
        <li key={i}><strong>{count(d.slots)} × {quantities(d.resources)}</strong> <span class="soft">from {d.node}{d.job ? ', job ' : ''}</span>{d.job && <ID of={d.job} to="jobs" />}<span class="reason">{d.reason}</span></li>
      ))}</ul>}
    </Card>
  );
}
