import { useEffect, useState } from 'preact/hooks';
import { clock, count, duration, short, since, time } from '../format';
import { href, setQuery, useNow, useRoute, useTopic } from '../hooks';
import { Card, Counts, Crumbs, Facts, Gaps, ID, NodeLink, State } from '../parts';
import { Table, type Column } from '../table';
import { Timeline } from '../timeline';
import type { Attempt, Node, Span, Task, TaskDetail, TasksMeta } from '../types';
import { LogView } from './logs';

const states = ['submitted', 'queued', 'running', 'finished', 'failed', 'canceled', 'retried'];
const filters = ['job', 'name', 'state', 'node', 'search'] as const;

export function TasksPage() {
  const { query } = useRoute();
  const job = query.get('job') ?? '';
  return (
    <>
      <h1 tabIndex={-1}>Tasks</h1>
      {job && <p>Of job <ID of={job} to="jobs" />. <button type="button" class="plain" onClick={() => setQuery('job', '')}>Show those of all jobs</button></p>}
      <TasksOf job={job} top />
    </>
  );
}

/** The timeline, the counts and the table of tasks, of one job or of all. */
export function TasksOf({ job, top }: { job: string; top?: boolean }) {
  const { query } = useRoute(), now = useNow();
  const params: Record<string, string> = {};
  for (const name of filters) {
    const value = name === 'job' ? job : query.get(name);
    if (value) params[name] = value;
  }
  const tasks = useTopic<TasksMeta, Task>('tasks', params);
  const spans = useTopic<never, Span>('timeline', params);
  const nodes = useTopic<never, Node>('nodes');
  const meta = useKept(tasks.meta);
  const filtered = filters.some((f) => f !== 'job' && params[f]);
  return (
    <>
      {!top && <h2>Tasks</h2>}
      <Filters names={(meta?.counts ?? []).map((c) => c.name)} nodes={nodes.rows.map((n) => n.name)} query={query} />
      <Gaps topic={tasks} what="tasks" />
      <section aria-label="Timeline"><Timeline spans={spans.rows} /></section>
      {meta && meta.counts.length > 0 && <CountsByName counts={meta.counts} chosen={params.name ?? ''} />}
      {tasks.loaded && meta && <>
        <p class="soft" role="status">{filtered ? `${count(meta.matched)} of ${count(meta.total)} tasks match` : `${count(meta.total)} ${meta.total === 1 ? 'task' : 'tasks'}`}{meta.matched > tasks.rows.length ? `; the newest ${count(tasks.rows.length)} are shown` : ''}.</p>
        <TaskTable rows={tasks.rows} now={now} nodes={nodes.rows} job={!job} />
      </>}
    </>
  );
}

/** The last value that there was: a filter that changes does not make everything jump. */
function useKept<V>(value: V | undefined): V | undefined {
  const [kept, keep] = useState(value);
  useEffect(() => { if (value !== undefined) keep(value); }, [value]);
  return value ?? kept;
}

function TaskTable({ rows, now, nodes, job }: { rows: Task[]; now: number; nodes: Node[]; job: boolean }) {
  const ran = (t: Task) => { const run = time(t.run); return run === undefined ? undefined : (t.state === 'running' ? now : time(t.last) ?? now) - run; };
  const columns: Column<Task>[] = [
    { title: 'Task', by: (t) => t.task, cell: (t) => <ID of={t.task} to="tasks" /> },
    { title: 'Name', by: (t) => t.name, cell: (t) => t.name || '–', hint: (t) => t.name },
    { title: 'State', by: (t) => t.state, cell: (t) => <State of={t.state} /> },
    { title: 'Attempt', number: true, by: (t) => t.attempt, cell: (t) => t.attempt },
    ...(job ? [{ title: 'Job', by: (t: Task) => t.job, cell: (t: Task) => <ID of={t.job} to="jobs" /> }] : []),
    { title: 'Node', by: (t) => t.node, cell: (t) => <NodeLink name={t.node} nodes={nodes} /> },
    { title: 'Worker', by: (t) => t.worker, cell: (t) => <ID of={t.worker} to="logs" /> },
    { title: 'Ran', number: true, by: ran, cell: (t) => { const ms = ran(t); return ms === undefined ? '–' : duration(ms); } },
    { title: 'Begun', number: true, by: (t) => time(t.begin), cell: (t) => `${since(now, t.begin)} ago`, hint: (t) => clock(t.begin) },
    { title: 'Error', grow: true, by: (t) => t.error, cell: (t) => <span class="mono">{t.error || '–'}</span>, hint: (t) => t.error },
  ];
  return <Table label="Tasks" columns={columns} rows={rows} id={(t) => t.task} sort="Begun" down none="No task matches." />;
}

function Filters({ names, nodes, query }: { names: string[]; nodes: string[]; query: URLSearchParams }) {
  const options = (all: string[], chosen: string) => [...new Set(chosen ? [...all, chosen] : all)].sort();
  const select = (name: string, title: string, all: string[]) => {
    const chosen = query.get(name) ?? '';
    return (
      <label>{title} <select value={chosen} onChange={(e) => setQuery(name, e.currentTarget.value)}>
        <option value="">all</option>
        {options(all, chosen).map((o) => <option key={o} value={o}>{o}</option>)}
      </select></label>
    );
  };
  return (
    <form class="filters" role="search" aria-label="Filter tasks" onSubmit={(e) => e.preventDefault()}>
      <label>Search <input type="search" data-search value={query.get('search') ?? ''} placeholder="name, id or error" onInput={(e) => setQuery('search', e.currentTarget.value)} /></label>
      {select('state', 'State', states)}
      {select('name', 'Name', names.filter(Boolean))}
      {select('node', 'Node', nodes)}
    </form>
  );
}

function CountsByName({ counts, chosen }: { counts: TasksMeta['counts']; chosen: string }) {
  return (
    <details class="by-name" open={counts.length <= 8}>
      <summary>By name ({counts.length === 200 ? 'the 200 with the most tasks' : count(counts.length)})</summary>
      <ul>{counts.map((c) => (
        <li key={c.name} class={c.name === chosen ? 'chosen' : ''}>
          <button type="button" class="plain" aria-pressed={c.name === chosen} onClick={() => setQuery('name', c.name === chosen ? '' : c.name)}>{c.name || '(no name)'}</button> <Counts of={c.states} />
        </li>
      ))}</ul>
    </details>
  );
}

export function TaskPage({ id }: { id: string }) {
  const topic = useTopic<TaskDetail>('task', { task: id }), nodes = useTopic<never, Node>('nodes'), now = useNow();
  const t = topic.meta;
  return (
    <>
      <Crumbs of={[['Tasks', href('tasks')]]} />
      <h1 tabIndex={-1}>Task {t?.name || short(id)} {t && <State of={t.state} />}</h1>
      <Gaps topic={topic} what="the task" />
      {t?.error && <section class="card wide alone" aria-label="Error"><h2>Error</h2><pre class="error" tabIndex={0}>{t.error}</pre></section>}
      {t && <div class="cards">
        <Card title="Task">
          <Facts of={[
            ['Id', <span class="id">{t.task}</span>], ['Job', <ID of={t.job} to="jobs" />], ['Node', <NodeLink name={t.node} nodes={nodes.rows} />], ['Worker', <ID of={t.worker} to="logs" />],
            ['Begun', clock(t.begin)], ['Last change', `${since(now, t.last)} ago`],
          ]} />
        </Card>
      </div>}
      {t && <><h2>Attempts</h2><Attempts all={t.attempts} now={now} nodes={nodes.rows} /></>}
      {t?.worker && <><h2>What it wrote</h2><LogView worker={t.worker} marker={t.log_marker} /></>}
    </>
  );
}

function Attempts({ all, now, nodes }: { all: Attempt[]; now: number; nodes: Node[] }) {
  const took = (from: string | undefined, to: string | undefined) => { const a = time(from), b = time(to) ?? now; return a === undefined ? '–' : duration(b - a); };
  const columns: Column<Attempt>[] = [
    { title: 'Attempt', number: true, by: (a) => a.attempt, cell: (a) => a.attempt },
    { title: 'State', by: (a) => a.state, cell: (a) => <State of={a.state} /> },
    { title: 'Node', by: (a) => a.node, cell: (a) => <NodeLink name={a.node} nodes={nodes} /> },
    { title: 'Worker', cell: (a) => <ID of={a.worker} to="logs" /> },
    { title: 'Waited', number: true, cell: (a) => (a.queued ? took(a.queued, a.begin ?? a.end) : '–') },
    { title: 'Ran', number: true, cell: (a) => took(a.begin, a.end) },
    { title: 'Begun', number: true, cell: (a) => clock(a.begin) },
    { title: 'Error', grow: true, cell: (a) => <span class="mono">{a.error || '–'}</span>, hint: (a) => a.error },
  ];
  return <Table label="Attempts" columns={columns} rows={all} id={(a) => String(a.attempt)} sort="Attempt" />;
}
